"""What a project excludes: ``exclude`` and ``extend-exclude`` of the settings, and ``--exclude``."""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path

from wbsignal_lint.patterns import compile_patterns, matches, matches_within
from wbsignal_lint.settings import Settings

__all__ = ["Excludes", "excludes_of"]

_PLAIN_NAME = re.compile(r"[\w.-]+")


class Excludes:
    """Exclude patterns, made quick to ask."""

    def __init__(self, patterns: tuple[str, ...], root: Path) -> None:
        self.root = str(root)
        # Nearly all patterns are plain names, the default ones all are; those need no pattern matching.
        plain = all(_PLAIN_NAME.fullmatch(pattern) for pattern in patterns)
        self._names = frozenset(patterns) if plain else frozenset()
        self._spec = None if plain else compile_patterns(patterns)

    def exclude(self, path: str, is_folder: bool) -> bool:
        """Return whether an absolute path found in a walk is excluded."""
        if self._spec is None:
            return os.path.basename(path) in self._names
        relative = self._relative(path)
        return relative is not None and bool(matches(self._spec, relative, is_folder))

    def exclude_named(self, path: str) -> bool:
        """Return whether an absolute path, or a folder on the way to it from the settings' own, is excluded."""
        relative = self._relative(path)
        if relative is None:
            return False
        if self._spec is None:
            return not self._names.isdisjoint(relative.split("/"))
        return matches_within(self._spec, relative)

    def _relative(self, path: str) -> str | None:
        relative = os.path.relpath(path, self.root).replace(os.sep, "/")
        return None if relative == "." or relative.startswith("../") else relative


@functools.cache
def excludes_of(settings: Settings) -> tuple[Excludes, ...]:
    """Return the exclude patterns of some settings: the project's own, and those of the command line, if any."""
    own = Excludes((*settings.exclude, *settings.extend_exclude), settings.root)
    return (own, Excludes(settings.caller_exclude, Path.cwd())) if settings.caller_exclude else (own,)
