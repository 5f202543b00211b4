"""What a file imports, read off its text: of the files that imports lead to, most need never be parsed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Import", "imports_in"]

_STATEMENT = re.compile(
    r"(?:^|[;:])[ \t]*(?:from[ \t]+(?P<dots>[. \t]*)(?P<module>[\w.]*)(?:[ \t]|\\\r?\n)*\bimport\b[ \t]*"
    r"(?P<names>\([^)]*\)|(?:[^\n\r;#\\]|\\\r?\n)*)"
    r"|import[ \t]+(?P<modules>(?:[^\n\r;#\\]|\\\r?\n)*))",
    re.MULTILINE,
)
_COMMENT = re.compile(r"#[^\n\r]*")
_QUOTES = re.compile(r"^[^\"'\n]*#.*|(?P<quotes>\"\"\"|\'\'\')", re.MULTILINE)
"""Where a long string begins or ends; comments may have such quotes, too."""


class Import(NamedTuple):
    """One module that is imported, or names from it."""

    module: str
    """``a.b``; may be empty in ``from . import x``."""
    level: int
    """The number of leading dots."""
    names: tuple[str, ...] | None
    """The names after ``from … import``, as they are called there; ``None`` for ``import a.b``."""


def imports_in(text: str) -> Iterator[Import]:
    """Yield the imports of a Python text in the order they are written, but for those in its long strings."""
    quotes = [match.start() for match in _QUOTES.finditer(text) if match["quotes"]]
    passed = 0
    for match in _STATEMENT.finditer(text):
        while passed < len(quotes) and quotes[passed] < match.start():
            passed += 1
        if passed % 2:
            continue  # an example in a docstring
        if match["modules"] is not None:
            yield from (Import(name, 0, None) for name in _names(match["modules"]))
        else:
            yield Import(match["module"], match["dots"].count("."), tuple(_names(match["names"])))


def _names(text: str) -> Iterator[str]:
    """Yield the names in ``a, b as c``, without those that they get."""
    if "#" in text:
        text = _COMMENT.sub("", text)
    for part in text.strip("() \t").replace("\\", " ").split(","):
        words = part.split()
        if words:
            yield words[0]
