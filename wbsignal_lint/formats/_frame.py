"""The code frame: some lines of a source with a span marked below them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from wbsignal_lint.diagnostics import LineIndex, Span
from wbsignal_lint.formats._style import Style, printable

__all__ = ["frame"]

_CONTEXT = 2
_MAX_ROWS = 8
"""Of a longer span only the first rows are shown."""
_MAX_WIDTH = 120
_TAB = 4


def frame(lines: LineIndex, span: Span, style: Style) -> Iterator[str]:
    """Yield the lines of a code frame, without newlines.

    Args:
        lines: the source.
        span: what to mark.
        style: colours or none.
    """
    start, end = lines.position(span.start), lines.position(max(span.start, span.end - 1))
    last = min(end.row, start.row + _MAX_ROWS - 1)
    around = lines.rows_around(start.row)
    above = around.start - 1  # rows of a notebook's other cells
    last = min(last, around.stop - 1)
    rows = range(max(around.start, start.row - _CONTEXT), min(around.stop - 1, last + _CONTEXT) + 1)
    rows = _without_blank_ends(lines, rows, range(start.row, last + 1))
    margin = len(str(rows[-1] - above))
    bar = style.paint("|", "blue")
    empty = f"{' ' * margin} {bar}"
    yield empty
    for row in rows:
        text = lines.line(row)
        first_column = start.column - 1 if row == start.row else len(text) - len(text.lstrip())
        last_column = end.column if row == end.row else len(text.rstrip())
        marked = row == start.row or (start.row < row <= last and last_column > first_column)
        shown, left, width = _fit(text, first_column, max(last_column, first_column + 1), marked)
        number = style.paint(f"{row - above:>{margin}}", "blue")
        yield f"{number} {bar} {shown}".rstrip()
        if marked:
            yield f"{empty} {' ' * left}{style.paint('^' * width, 'bold', 'red')}"
        if row == last and last < end.row:
            yield f"{empty} {style.paint(f'… {end.row - last} more lines', 'dim')}"
    yield empty


def _without_blank_ends(lines: LineIndex, rows: range, needed: range) -> range:
    first, stop = rows.start, rows.stop
    while first < needed.start and not lines.line(first).strip():
        first += 1
    while stop > needed.stop and not lines.line(stop - 1).strip():
        stop -= 1
    return range(first, stop)


def _fit(text: str, start: int, end: int, marked: bool) -> tuple[str, int, int]:
    """Return a line as shown, cut around the mark if it is long, and the place and width of the mark in cells."""
    cells = [_cells(character) for character in text]
    visible = [
        " " * width if character == "\t" else printable(character) for character, width in zip(text, cells, strict=True)
    ]
    left = sum(cells[:start])
    width = max(1, sum(cells[start:end]))
    if sum(cells) <= _MAX_WIDTH:
        return "".join(visible), left, width
    # Keep some of what stands before the mark, so that it can be recognised.
    cut = max(0, start - 40) if marked and left + width > _MAX_WIDTH - 10 else 0
    prefix = "…" if cut else ""
    room = _MAX_WIDTH - 2
    stop = cut
    while stop < len(text) and room >= cells[stop]:
        room -= cells[stop]
        stop += 1
    suffix = "…" if stop < len(text) else ""
    shown = prefix + "".join(visible[cut:stop]) + suffix
    left = len(prefix) + sum(cells[cut:start])
    return shown, left, max(1, min(width, sum(cells[start:stop])))


def _cells(character: str) -> int:
    """Return how many columns of a terminal a character takes."""
    if character == "\t":
        return _TAB
    if unicodedata.combining(character) or unicodedata.category(character) == "Cf":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
