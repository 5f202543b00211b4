"""Edits of shell: further lines behind a statement, and what has to be known of the lines for that.

Whole lines are only put where the statement has lines of its own, so that they keep their indentation, also in a YAML
block, and nothing is written into a quoted string.
"""

from __future__ import annotations

import re

from wbsignal_lint.diagnostics import Edit, Span

__all__ = ["indent_at", "line_end", "lines_behind", "stands_alone"]

_REST = re.compile(r"[ \t]*(?:#[^\r\n]*)?(?=\r?\n|\Z)")


def indent_at(text: str, offset: int) -> str | None:
    """Return the blanks before the place on its line; ``None`` if something else stands there."""
    start = max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1
    before = text[start:offset]
    return None if before.strip(" \t") else before


def stands_alone(text: str, span: Span) -> bool:
    """Whether a statement has its lines to itself, a comment behind it aside."""
    return indent_at(text, span.start) is not None and _REST.match(text, span.end) is not None


def line_end(text: str, offset: int) -> int:
    """Return the place behind the last character of a line, its comment included, its newline not."""
    rest = _REST.match(text, offset)
    return offset if rest is None else rest.end()


def lines_behind(text: str, span: Span, lines: list[str]) -> Edit:
    """Return the edit that writes further lines behind a statement that stands alone, indented as it is."""
    newline = "\r\n" if "\r\n" in text else "\n"
    indent = indent_at(text, span.start) or ""
    end = line_end(text, span.end)
    return Edit(Span(end, end), "".join(f"{newline}{indent}{line}" for line in lines))
