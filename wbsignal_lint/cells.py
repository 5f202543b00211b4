"""The code cells of a notebook as one text: how its cells are kept apart in it.

A notebook is linted as the text of its code cells, one below the other, each behind a line that tells its number. So
everything that reads text (facts, rules, fixes, suppressions) needs to know nothing of notebooks; only what is shown
to people counts rows from the beginning of a cell, as ruff and IPython do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Cell", "cell_header", "cells_of"]

# A statement, so that a fix that moves a function does not take it along as a comment of it; with a character that
# nobody types. Python and shell both read it as nothing.
_SIGN = "\uf8ff"
_HEADER = re.compile(rf"^pass  # {_SIGN} cell (\d+)\n", re.MULTILINE)


class Cell(NamedTuple):
    """One code cell: its number, counted from 1 among all cells, and where its text stands."""

    number: int
    start: int
    end: int


def cell_header(number: int) -> str:
    """Return the line that stands before a cell."""
    return f"pass  # {_SIGN} cell {number}\n"


def cells_of(text: str) -> Iterator[Cell]:
    """Yield the cells of a notebook's text; none if the text is no notebook's."""
    if _SIGN not in text:
        return
    headers = list(_HEADER.finditer(text))
    for index, header in enumerate(headers):
        end = headers[index + 1].start() if index + 1 < len(headers) else len(text)
        yield Cell(int(header[1]), header.end(), end)
