"""README.md as data: its commands and what they print, its five mistakes, its tables."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.support import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")

_CONSOLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
_MISTAKE = re.compile(
    r"^### \d\. [^\n]* \((?P<code>WBS\d+)\)\n.*?^```diff\n(?P<diff>.*?)^```\n(?P<rest>.*?)(?=^##)",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Mistake:
    """One of the five mistakes: the script before and after its fix, and what W&B records for both."""

    code: str
    before: str
    after: str
    recorded: dict[str, tuple[str, str]]
    """By what happens (``SIGTERM``, ``exception``): the words for what was recorded before and after."""

    @property
    def filename(self) -> str:
        return "job.sbatch" if self.before.startswith("#!") else "train.py"


def console_blocks() -> list[tuple[list[str], str]]:
    """Return the commands and the output of every console block."""
    blocks = []
    for match in _CONSOLE.finditer(README):
        lines = match[1].splitlines(keepends=True)
        commands = [line[2:].rstrip("\n") for line in lines if line.startswith("$ ")]
        blocks.append((commands, "".join(line for line in lines if not line.startswith("$ "))))
    return blocks


def first_command() -> tuple[str, str]:
    """Return the command that installs and runs the main job, and what it prints."""
    (command,), output = console_blocks()[0]
    return command, output


def second_command() -> str:
    """Return the command that installs and runs the tests."""
    (command,), _ = console_blocks()[1]
    return command


def table_rows(text: str) -> list[list[str]]:
    """Return the cells of the rows of a Markdown table, without the header."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return rows[2:]


def mistakes() -> list[Mistake]:
    """Return the five mistakes in their order."""
    found = []
    for match in _MISTAKE.finditer(README):
        lines = match["diff"].splitlines()
        before = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("+"))
        after = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("-"))
        recorded = {what: (first, second) for what, first, second in table_rows(match["rest"])}
        found.append(Mistake(match["code"], before, after, recorded))
    return found
