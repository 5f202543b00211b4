"""What fixing changed, as a unified diff."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from wbsignal_lint.cells import cells_of
from wbsignal_lint.diagnostics import FileReport
from wbsignal_lint.formats._style import Style

__all__ = ["render_diff"]

# Unlike str.splitlines this leaves form feeds and their like alone.
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_COLORS = {"-": ("red",), "+": ("green",), "@": ("cyan",)}


def render_diff(report: FileReport, style: Style) -> Iterator[str]:
    """Yield the lines of the diff between the original and the fixed text of a report; none if they are the same.

    Line endings are those of the file, so that ``patch`` takes it. Each cell of a notebook has a diff of its own.
    """
    if report.original == report.text:
        return
    old_cells, new_cells = list(cells_of(report.original)), list(cells_of(report.text))
    if not old_cells:
        yield from _diff(report.original, report.text, report.filename, style)
    for old, new in zip(old_cells, new_cells, strict=True):
        name = f"{report.filename}:cell {old.number}"
        yield from _diff(report.original[old.start : old.end], report.text[new.start : new.end], name, style)


def _diff(before: str, after: str, name: str, style: Style) -> Iterator[str]:
    old, new = _LINE.findall(before), _LINE.findall(after)
    for line in difflib.unified_diff(old, new, name, name):
        is_header = line.startswith(("--- ", "+++ "))
        names = ("bold",) if is_header else _COLORS.get(line[0], ())
        body = line.rstrip("\n")
        yield (style.paint(body, *names) if names else body) + line[len(body) :]
        if not line.endswith("\n"):
            yield "\n\\ No newline at end of file\n"
