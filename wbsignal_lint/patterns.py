"""File patterns with the meaning that they have in a .gitignore."""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

__all__ = ["compile_patterns", "matches", "matches_within"]


def compile_patterns(lines: Iterable[str]) -> GitIgnoreSpec:
    """Compile patterns.

    Raises:
        ValueError: git would not understand one of them.
    """
    return _compile(tuple(lines))


@functools.lru_cache(maxsize=1024)
def _compile(lines: tuple[str, ...]) -> GitIgnoreSpec:
    # Importing pathspec costs more than linting a small project without any pattern.
    from pathspec import GitIgnoreSpec

    with warnings.catch_warnings():
        # Patterns become regular expressions, and Python has remarks on some that git has none on.
        warnings.simplefilter("ignore")
        try:
            return GitIgnoreSpec.from_lines(lines)
        except re.error as error:
            raise ValueError(f"Invalid git pattern: {error}") from None


def matches(spec: GitIgnoreSpec, relative: str, is_folder: bool) -> bool | None:
    """Return whether patterns take a path (``True``), give it back (``False``), or say nothing (``None``).

    Args:
        spec: the compiled patterns.
        relative: the path from the folder of the patterns, with ``/``.
        is_folder: patterns that end in ``/`` speak of folders only.
    """
    return spec.check_file(relative + "/" if is_folder else relative).include


def matches_within(spec: GitIgnoreSpec, relative: str) -> bool:
    """Return whether patterns take a file, or one of the folders on the way to it."""
    parts = relative.split("/")
    return any(matches(spec, "/".join(parts[:end]), end < len(parts)) for end in range(1, len(parts) + 1))
