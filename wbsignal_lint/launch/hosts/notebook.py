"""The code cells of a notebook: which of their lines are shell, and what Python is left when these are gone."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import replace

from wbsignal_lint.cells import Cell, cells_of
from wbsignal_lint.diagnostics import Span
from wbsignal_lint.launch.hosts.parts import Hosted, ShellPart, substituted, unknown_name
from wbsignal_lint.launch.mapped import MappedText
from wbsignal_lint.launch.recording import MODE_VARIABLES, Variables

__all__ = ["python_of", "read_notebook"]

_CELL_MAGIC = re.compile(r"\s*%%(\w*!?|!)[ \t]*([^\n]*)\n?")
_SHELL_MAGICS = {"bash", "sh", "!", "sx", "system"}
_PYTHON_MAGICS = {"time", "timeit", "capture", "prun", "python", "python3"}
_SHELL_LINE = re.compile(
    r"^[ \t]*(?:[A-Za-z_][\w., \t]*=[ \t]*)?(?:!!?|%sx[ \t]|%system[ \t])(?P<shell>(?:[^\n]*\\\n)*[^\n]*)", re.MULTILINE
)
_MAGIC_LINE = re.compile(
    r"^(?P<indent>[ \t]*)(?:(?P<target>[A-Za-z_][\w., \t]*=[ \t]*)(?=[!%])(?!%%)|(?=[!%?]))"
    r"(?P<magic>[!%?](?:[^\n]*\\\n)*[^\n]*)|^(?P<help_indent>[ \t]*)(?P<help>[%\w.]+\?\??)[ \t]*$",
    re.MULTILINE,
)
_SETS = re.compile(
    r"^(?:%(?:set_)?env[ \t]+|(?:os\.)?environ(?:\[|\.setdefault\(|\.update\((?:\{[^}\n]*?)?)|os\.putenv\()[\"']?"
    rf"(?P<name>{'|'.join(MODE_VARIABLES)})[\"']?\]?[ \t]*[=:, \t][ \t]*[\"']?(?P<value>\w+)",
    re.MULTILINE,
)
"""``%env WANDB_MODE=disabled``, ``os.environ["WANDB_MODE"] = "disabled"``, not in a branch or function."""
_FILLED_IN = re.compile(r"\$\$(?=\w)|(?<![$\w])\{([A-Za-z_][^{}\n]*)\}")


def read_notebook(text: str) -> Hosted:
    """Find the shell of a notebook: ``!command``, ``%%bash`` cells. What its Python launches is read as Python."""
    settings = [(match.end(), match["name"], match["value"]) for match in _SETS.finditer(text)]
    parts = (part for cell in cells_of(text) for part in _parts(text, cell))

    def environment(part: ShellPart) -> Variables:
        """Return what the cells above have set: the kernel's environment is that of the commands it runs."""
        return {name: value for at, name, value in settings if at <= part.text.span.start}

    return Hosted(tuple(replace(part, environment=environment(part)) if settings else part for part in parts))


def _parts(text: str, cell: Cell) -> Iterator[ShellPart]:
    code = text[cell.start : cell.end]
    magic = _CELL_MAGIC.match(code)
    if magic is not None and magic[1] not in _PYTHON_MAGICS:
        words = magic[2].split()
        script = [word for word in words if not word.startswith("-")]
        if magic[1] in _SHELL_MAGICS or (magic[1] == "script" and script and script[0] in ("bash", "sh", "zsh")):
            yield ShellPart(MappedText.of(code[magic.end() :], cell.start + magic.end()))
        return
    hidden = _strings(code)
    for match in _SHELL_LINE.finditer(code):
        if not any(start <= match.start("shell") - 1 < end for start, end in hidden):
            yield ShellPart(_filled(MappedText.of(match["shell"], cell.start + match.start("shell"))))


def _strings(code: str) -> list[tuple[int, int]]:
    """Return where triple-quoted strings stand: a ``!`` in one of them is text."""
    return [match.span() for match in re.finditer(r"('''|\"\"\")(?:[^\\]|\\.)*?\1", code, re.DOTALL)]


def _filled(shell: MappedText) -> MappedText:
    """Replace what IPython fills in: ``{sweep_id}``; ``$name`` means the same to it and to the shell."""
    return substituted(shell, _FILLED_IN, lambda match: "$" if match[0] == "$$" else unknown_name(match[1]))


def python_of(text: str) -> tuple[str, list[Span]]:
    """Return a notebook's Python, every character at its old place, and the parts that were taken out.

    Magics become statements that do nothing, of the same length; cells that are no Python become blank.
    """
    pieces: list[str] = []
    taken: list[Span] = []
    done = 0
    for cell in cells_of(text):
        pieces.append(text[done : cell.start])
        code = text[cell.start : cell.end]
        shown, spans = _as_python(code)
        taken += [Span(cell.start + start, cell.start + end) for start, end in spans]
        pieces.append(shown)
        done = cell.end
    pieces.append(text[done:])
    return "".join(pieces), taken


def _as_python(code: str) -> tuple[str, list[tuple[int, int]]]:
    magic = _CELL_MAGIC.match(code)
    spans: list[tuple[int, int]] = []
    shown = code
    if magic is not None:
        if magic[1] not in _PYTHON_MAGICS:
            return _blank(code), [(0, len(code))]
        shown = _blank(code[: magic.end()]) + code[magic.end() :]
        spans.append((0, magic.end()))
    hidden = _strings(shown)

    def mask(match: re.Match[str]) -> str:
        group = "help" if match["help"] is not None else "magic"
        if any(start < match.start(group) < end for start, end in hidden):
            return match[0]
        spans.append(match.span(group))
        begin = match.start(group) - match.start()
        length = match.end(group) - match.start(group)
        word = "0" if match["target"] is not None else "pass" if length >= 4 else "0"
        return match[0][:begin] + word + _blank(match[group][len(word) :])

    shown = _MAGIC_LINE.sub(mask, shown)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(shown)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _blank(code), [(0, len(code))]
    return shown, spans


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)
