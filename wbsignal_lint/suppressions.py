"""``noqa`` comments: which findings the author of a file does not want to hear of.

The syntax is flake8's, so that a comment means the same to both: ``# noqa`` is for everything, ``# noqa: WBS301,WBS4``
for codes that begin so. ``# flake8: noqa``, ``# ruff: noqa`` and ``# wbsignal-lint: noqa`` on a line of their own, with
or without codes, are for the whole file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from wbsignal_lint.comments import Comment

__all__ = ["Suppressions", "Written", "mentions_noqa", "read_suppressions"]

# flake8 wants letters and digits in a code; `WBS` alone, a prefix of all of ours, is understood too. Whatever else
# follows the colon is prose, and the comment is for everything, as in flake8.
_CODES = r"(?::\s?(?P<codes>(?:(?:WBS\d*|[A-Z]+[0-9]+)(?![A-Z0-9])[,\s]*)+))?"
_LINE = re.compile(rf"#\s*(?:wbsignal-lint:\s*)?noqa{_CODES}", re.IGNORECASE)
_FILE = re.compile(rf"#\s*(?:flake8[:=]|(?:ruff|wbsignal-lint):)\s*noqa{_CODES}", re.IGNORECASE)
_NOQA = re.compile("noqa", re.IGNORECASE)
_EVERYTHING = frozenset({""})
"""The empty prefix: every code begins with it."""


def mentions_noqa(text: str) -> bool:
    """Return whether a text can hold a suppression at all; finding its comments costs more than this."""
    return _NOQA.search(text) is not None


@dataclass(eq=False)
class Written:
    """A comment that suppresses certain codes, as its author wrote it."""

    comment: Comment
    span: tuple[int, int]
    """Where the suppression stands in the comment, from its ``#`` to the end of its codes."""
    codes: tuple[str, ...]
    whole_file: bool
    used: set[str] = field(default_factory=set)
    """Those of the codes that suppressed a finding."""


@dataclass
class Suppressions:
    """The suppressions of one file, as prefixes of codes."""

    whole_file: frozenset[str] = frozenset()
    rows: dict[int, frozenset[str]] = field(default_factory=dict)
    written: list[Written] = field(default_factory=list)
    """The comments that name codes."""

    def suppress(self, code: str, rows: Iterable[int]) -> bool:
        """Return whether a finding with this code, whose statement stands on these 1-based rows, is suppressed."""
        rows = tuple(rows)
        for comment in self.written:
            if comment.whole_file or comment.comment.row in rows:
                comment.used.update(written for written in comment.codes if code.startswith(written.upper()))
        if _covers(self.whole_file, code):
            return True
        return bool(self.rows) and any(_covers(self.rows.get(row, frozenset()), code) for row in rows)


def read_suppressions(comments: Iterable[Comment]) -> Suppressions:
    """Read the suppressions from the comments of a file."""
    result = Suppressions()
    for comment in comments:
        whole_file = _FILE.match(comment.text) if comment.alone else None
        if whole_file is not None:
            result.whole_file |= _prefixes(whole_file)
            result.written += _written(comment, whole_file, whole_file=True)
            continue
        line = _LINE.search(comment.text)
        if line is not None:
            result.rows[comment.row] = result.rows.get(comment.row, frozenset()) | _prefixes(line)
            result.written += _written(comment, line, whole_file=False)
    return result


def _written(comment: Comment, match: re.Match[str], *, whole_file: bool) -> list[Written]:
    codes = match["codes"]
    if codes is None:
        return []
    end = match.start("codes") + len(codes.rstrip(", \t"))
    return [Written(comment, (match.start(), end), tuple(re.findall(r"\w+", codes)), whole_file)]


def _prefixes(match: re.Match[str]) -> frozenset[str]:
    codes = match["codes"]
    return _EVERYTHING if codes is None else frozenset(code.upper() for code in re.split(r"[,\s]+", codes) if code)


def _covers(prefixes: frozenset[str], code: str) -> bool:
    return any(code.startswith(prefix) for prefix in prefixes)
