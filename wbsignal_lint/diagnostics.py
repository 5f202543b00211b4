"""What a rule says about a file: spans, edits, fixes and diagnostics.

Offsets everywhere count characters of the decoded text (without a byte order mark), from 0; only the front ends turn
them into rows and columns, so that no rule has to think of encodings or line endings.
"""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from wbsignal_lint.cells import cells_of

__all__ = [
    "Applicability",
    "Confidence",
    "Diagnostic",
    "Edit",
    "Elsewhere",
    "FileReport",
    "Fix",
    "LineIndex",
    "Place",
    "Position",
    "Problem",
    "Related",
    "Severity",
    "Span",
]

_NEWLINE = re.compile(r"\r\n|\r|\n")


class Severity(str, Enum):
    """How bad a finding is: ``error`` loses the run, ``warning`` loses it in some set-ups, ``info`` is opt-in."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Confidence(str, Enum):
    """How far a finding rests on the file alone.

    ``high``: what the file says decides, and the outcome was measured. ``medium``: it also takes what a linter can't
    see (a scheduler's settings, versions, how the script is launched), for which the usual default is assumed.
    """

    HIGH = "high"
    MEDIUM = "medium"


class Applicability(str, Enum):
    """Who may apply a fix: ``safe`` by ``--fix``, ``unsafe`` by ``--unsafe-fixes``, ``display`` nobody but a human."""

    SAFE = "safe"
    UNSAFE = "unsafe"
    DISPLAY = "display"


class Span(NamedTuple):
    """A half-open range ``[start, end)`` of character offsets into the text of one source."""

    start: int
    end: int


class Position(NamedTuple):
    """A place as people read it: row and column both count from 1, columns in characters."""

    row: int
    column: int


class Place(NamedTuple):
    """A position as it is shown: in a notebook, rows count from the beginning of a cell."""

    row: int
    column: int
    cell: int | None = None
    """The number of the notebook's cell, from 1 among all of them."""

    def __str__(self) -> str:
        place = f"{self.row}:{self.column}"
        return place if self.cell is None else f"cell {self.cell}:{place}"


class LineIndex:
    r"""Turns character offsets of one text into rows and columns.

    Lines end at ``\n``, ``\r\n`` or ``\r``, as Python's and LibCST's do; form feeds and U+2028 do not end a line.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts = [0, *(match.end() for match in _NEWLINE.finditer(text))]
        self._cells = [(self.position(cell.start).row, cell.number) for cell in cells_of(text)]
        """The first row of each cell of a notebook, and its number."""

    def __len__(self) -> int:
        return len(self._starts)

    def position(self, offset: int) -> Position:
        """Return the 1-based row and column of a character offset."""
        row = bisect.bisect_right(self._starts, offset)
        return Position(row, offset - self._starts[row - 1] + 1)

    def place(self, offset: int) -> Place:
        """Return the position of a character offset as it is shown."""
        row, column = self.position(offset)
        first, cell = self.cell_at(row)
        return Place(row - first + 1, column, cell)

    def cell_at(self, row: int) -> tuple[int, int | None]:
        """Return the first row of the cell that a row stands in, and its number; of what is no notebook, 1 and none."""
        return max((cell for cell in self._cells if cell[0] <= row), default=(1, None))

    def rows_around(self, row: int) -> range:
        """Return the rows of the cell that a row stands in; of what is no notebook, all."""
        first, _ = self.cell_at(row)
        # The row before the next cell is its header.
        following = min((start - 1 for start, _ in self._cells if start > row), default=len(self) + 1)
        return range(first, following)

    def offset(self, row: int, column: int) -> int:
        """Return the character offset of a 1-based row and column, at most the length of the text.

        LibCST speaks of a row behind the last one where the text does not end in a newline.
        """
        return min(self.line_start(row) + column - 1, len(self.text))

    def line_start(self, row: int) -> int:
        """Return the offset of a 1-based row's first character; the row after the last one is the end of the text."""
        return self._starts[row - 1] if row <= len(self._starts) else len(self.text)

    def line(self, row: int) -> str:
        """Return the text of a 1-based row without its line ending."""
        return self.text[self._starts[row - 1] : self.line_start(row + 1)].rstrip("\r\n")


@dataclass(frozen=True)
class Edit:
    """Replace the characters of ``span`` by ``content``; an empty span inserts, an empty content deletes."""

    span: Span
    content: str


@dataclass(frozen=True)
class Fix:
    """Edits that belong together: all are applied or none."""

    message: str
    edits: tuple[Edit, ...]
    applicability: Applicability = Applicability.SAFE


@dataclass(frozen=True)
class Related:
    """A second place that a diagnostic speaks of, with a few words on why."""

    span: Span
    message: str
    place: str = ""
    """Where it is if not in the same source, as people call it: ``line 12 of train.py``; ``span`` says nothing then."""


@dataclass(frozen=True)
class Diagnostic:
    """One finding: where, what, what Weights & Biases would record, and how to mend it."""

    code: str
    name: str
    severity: Severity
    message: str
    span: Span
    outcome: str = ""
    """What W&B would record if the line stays, e.g. ``preempting, exit 0: FINISHED, not requeued``."""
    fix: Fix | None = None
    related: tuple[Related, ...] = ()
    url: str = ""
    scope: Span | None = None
    """The whole statement; a ``noqa`` comment on any of its lines suppresses. ``None``: the lines of ``span``."""
    confidence: Confidence = Confidence.HIGH


@dataclass(frozen=True)
class Problem:
    """A file that could not be read: reported as WBS001, and the exit status becomes 2."""

    filename: str
    message: str
    row: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        place = self.filename if self.row is None else f"{self.filename}:{self.row}:{self.column or 1}"
        return f"{place}: WBS001 {self.message}"


@dataclass(frozen=True)
class Elsewhere:
    """What linting one script came to for another file of its project, which it imports."""

    path: Path
    diagnostics: tuple[Diagnostic, ...]
    covered: tuple[Span, ...]
    """The functions of that file that were followed."""


@dataclass
class FileReport:
    """What linting one file came to: all that the output formats need to know."""

    filename: str
    text: str = ""
    """The text that the spans of ``diagnostics`` point into: after fixing, if anything was fixed."""
    diagnostics: list[Diagnostic] = field(default_factory=list)
    fixed: dict[str, int] = field(default_factory=dict)
    """How many findings of each code were mended."""
    problems: list[Problem] = field(default_factory=list)
    original: str = ""
    """The text as it was before fixing."""
    elsewhere: list[Elsewhere] = field(default_factory=list)
    """What there is to say about other files of the project."""
