"""What several tests need: where the fixtures are, what they expect, and the command line as a user calls it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from wbsignal_lint.cli import main
from wbsignal_lint.project_root import folders_upwards, project_root
from wbsignal_lint.rules import all_rules
from wbsignal_lint.settings import nearest_settings

ROOT = Path(__file__).parent.parent
FIXTURES = ROOT / "fixtures"
CLI = (sys.executable, "-m", "wbsignal_lint")

# One finding, WBS301 in row 9, with a safe fix that touches nothing but the 0.
SCRIPT = """\
import signal
import sys

import wandb


def handle(signum, frame):
    wandb.run.mark_preempting()
    sys.exit(0)


signal.signal(signal.SIGTERM, handle)
run = wandb.init()
for step in range(100):
    run.log({"loss": 1 / (step + 1)})
"""
FIXED_SCRIPT = SCRIPT.replace("sys.exit(0)", "sys.exit(128 + signum)")
CLEAN_SCRIPT = "print('nothing of ours')\n"

# One finding, WBS401 in row 3, with a safe fix.
JOB = """\
#!/bin/bash
#SBATCH --signal=TERM@120
srun wandb agent me/project/abc123
"""
FIXED_JOB = JOB.replace("agent", "agent --forward-signals")

_EXPECT = re.compile(
    r"#\s*expect(?:\[(?P<shift>[+-]\d+)\])?:\s*(?P<codes>WBS\d+(?:\s*,\s*WBS\d+)*)[ \t]*(?=\r|\n|$|\\n|\")"
)

# What the caller's shell may have set, and no test wants.
_QUIET = ("FORCE_COLOR", "NO_COLOR", "PYTHONWARNINGS")


def run(
    command: Sequence[str | Path],
    cwd: Path,
    *,
    data: bytes | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; output is decoded as UTF-8."""
    variables = {name: value for name, value in os.environ.items() if name not in _QUIET}
    variables.update({"PYTHONPATH": str(ROOT), **(environment or {})})
    done = subprocess.run(command, cwd=cwd, input=data, env=variables, capture_output=True, check=False)
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8")
    )


def lint(*arguments: str | Path, cwd: Path, data: bytes | None = None) -> subprocess.CompletedProcess[str]:
    """Run wbsignal-lint in a process of its own."""
    return run([*CLI, *arguments], cwd, data=data)


def lint_inside(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run wbsignal-lint as `lint` does, but in this process: for tests of what it finds, not of how it is started.

    What it knows of folders from earlier calls is forgotten; starting a process costs most of what such a test takes.
    """
    for known in (nearest_settings, project_root, folders_upwards):
        known.cache_clear()
    output, errors, before = io.StringIO(), io.StringIO(), Path.cwd()
    os.chdir(cwd)
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            status = main([str(argument) for argument in arguments])
    finally:
        os.chdir(before)
        nearest_settings.cache_clear()
    return subprocess.CompletedProcess(arguments, status, output.getvalue(), errors.getvalue())


def lint_here(*arguments: str | Path) -> int:
    """Run wbsignal-lint in this process, for tests that call it hundreds of times; output goes to pytest's capture."""
    return main([str(argument) for argument in arguments])


def read_source(path: Path) -> str:
    """Read a fixture as text of which every byte can be written back, whatever its encoding."""
    return path.read_bytes().decode("utf-8", "surrogateescape")


def expectations(text: str) -> list[tuple[int, str]]:
    """Return the findings that the comments of a fixture ask for, as pairs of row and code."""
    if text.startswith("{") and '"cells"' in text:
        cells = ["".join(cell["source"]) for cell in json.loads(text)["cells"]]
        found = [(number, found) for number, cell in enumerate(cells, start=1) for found in expectations(cell)]
        return sorted((shown_row(row, number), code) for number, (row, code) in found)
    expected: list[tuple[int, str]] = []
    for row, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        for match in _EXPECT.finditer(line):
            shifted = row + int(match["shift"] or 0)
            expected += [(shifted, code.strip()) for code in match["codes"].split(",")]
    return sorted(expected)


def shown_row(row: int, cell: int | None) -> int:
    """Return one number for a row, in a notebook of a cell."""
    return row + 10_000 * (cell or 0)


def without_expectations(text: str) -> str:
    """Return a fixture's text without its ``# expect: …`` comments; one on a line of its own goes with its line."""
    text = re.sub(rf"(?m)^[ \t]*{_EXPECT.pattern}(?:\r\n|\r|\n)", "", text)
    return re.sub(rf"[ \t]*{_EXPECT.pattern}", "", text)


def fixture_folders() -> list[Path]:
    """Return the folders of all rules."""
    return sorted(FIXTURES / rule.name for rule in all_rules())


def fixture_files(kind: str) -> list[Path]:
    """Return all fixtures whose name begins with ``bad``, ``good`` or ``fixed``."""
    return [path for folder in fixture_folders() for path in sorted(folder.glob(f"{kind}_*"))]


def fixture_id(path: Path) -> str:
    """Return a short name for a fixture in test ids."""
    return f"{path.parent.name}/{path.name}"


def head_entry(text: str, key: str) -> str | None:
    """Return what a head comment such as ``# fix: unsafe`` says."""
    match = re.search(rf"(?m)^#\s*{key}:\s*(.*?)\s*$", text)
    return match[1] if match else None
