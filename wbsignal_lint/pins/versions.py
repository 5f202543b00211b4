"""What a pin says about versions: whether all that it allows are older, or none is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.version import Version

__all__ = ["Pin"]

_CLAUSE = re.compile(r"\s*(===|==|~=|!=|<=|>=|<|>)\s*([^\s,;]+)\s*")


@dataclass(frozen=True)
class Pin:
    """The versions of one package that a project allows."""

    allowed: tuple[str, ...]
    """Specifiers as pip knows them, ``>=0.17,<0.18``; several where the project's files differ: any may be meant."""
    file: Path
    """The file that says so, the first if there are several."""

    def surely_below(self, version: str) -> bool:
        """Say whether every version that is allowed is older than ``version``."""
        return all(_is_below(specifier, version) for specifier in self.allowed)

    def surely_at_least(self, version: str) -> bool:
        """Say whether no version that is allowed is older than ``version``."""
        return all(_is_at_least(specifier, version) for specifier in self.allowed)

    def __str__(self) -> str:
        """Return the pin in words, for messages: ``==0.23.1 in requirements.txt``."""
        return f"{' or '.join(self.allowed)} in {self.file.name}"


def _is_below(specifier: str, version: str) -> bool:
    from packaging.version import InvalidVersion, Version

    limit = Version(version)
    for operator, text in _CLAUSE.findall(specifier):
        try:
            if operator in ("==", "==="):
                # Every version of the series 0.17.* is older than the first of the next one.
                below = _next_series(text) <= limit if text.endswith(".*") else Version(text) < limit
            elif operator == "~=":
                below = _next_series(f"{text.rpartition('.')[0]}.*") <= limit
            else:
                below = (operator == "<" and Version(text) <= limit) or (operator == "<=" and Version(text) < limit)
        except InvalidVersion:
            continue
        if below:
            return True
    return False


def _is_at_least(specifier: str, version: str) -> bool:
    from packaging.version import InvalidVersion, Version

    limit = Version(version)
    for operator, text in _CLAUSE.findall(specifier):
        try:
            if operator in ("==", "===", "~=", ">=", ">") and Version(text.removesuffix(".*")) >= limit:
                return True
        except InvalidVersion:
            continue
    return False


def _next_series(series: str) -> Version:
    """Return the first version behind a series: ``0.17.*`` gives 0.18."""
    from packaging.version import Version

    *kept, last = Version(series.removesuffix(".*")).release
    return Version(".".join(map(str, (*kept, last + 1))))
