"""A fix as a few lines of a diff: what goes, what comes."""

from __future__ import annotations

from collections.abc import Iterator

from wbsignal_lint.diagnostics import Edit, Fix, LineIndex
from wbsignal_lint.formats._style import Style, printable

__all__ = ["preview"]

_MAX_LINES = 16
"""A fix that changes more is left to ``--diff``."""


def preview(lines: LineIndex, fix: Fix, style: Style) -> Iterator[str]:
    """Yield the lines that a fix takes away (``-``, with their old row) and puts in (``+``, with their new row)."""
    changes: list[tuple[str, int, str]] = []
    shift = 0
    above = 0  # rows of a notebook's other cells
    for edits in _blocks(lines, fix):
        first, last = _rows(lines, edits)
        if lines.cell_at(first)[0] - 1 != above:
            above, shift = lines.cell_at(first)[0] - 1, 0
        start, end = lines.line_start(first), lines.line_start(last + 1)
        old = lines.text[start:end]
        new = old
        for edit in reversed(edits):
            new = new[: edit.span.start - start] + edit.content + new[edit.span.end - start :]
        old_lines, new_lines = _split(old), _split(new)
        grown = len(new_lines) - len(old_lines)
        while old_lines and new_lines and old_lines[0] == new_lines[0]:
            del old_lines[0], new_lines[0]
            first += 1
        while old_lines and new_lines and old_lines[-1] == new_lines[-1]:
            del old_lines[-1], new_lines[-1]
        changes += [("-", first - above + index, text) for index, text in enumerate(old_lines)]
        changes += [("+", first - above + shift + index, text) for index, text in enumerate(new_lines)]
        shift += grown
    if len(changes) > _MAX_LINES:
        yield f"changes {len(changes)} lines; see them with --diff"
        return
    margin = max((len(str(row)) for _, row, _ in changes), default=1)
    for sign, row, text in changes:
        line = f"{row:>{margin}} {sign} {printable(text).expandtabs(4)}".rstrip()
        yield style.paint(line, "red" if sign == "-" else "green")


def _blocks(lines: LineIndex, fix: Fix) -> Iterator[list[Edit]]:
    """Yield the edits of a fix, those together that touch the same or neighbouring lines."""
    block: list[Edit] = []
    for edit in sorted(fix.edits, key=lambda edit: edit.span):
        if block and lines.position(edit.span.start).row > _rows(lines, block)[1] + 1:
            yield block
            block = []
        block.append(edit)
    if block:
        yield block


def _rows(lines: LineIndex, edits: list[Edit]) -> tuple[int, int]:
    return lines.position(edits[0].span.start).row, max(lines.position(edit.span.end).row for edit in edits)


def _split(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
