"""What git ignores: nested .gitignore files and .git/info/exclude."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wbsignal_lint.patterns import compile_patterns, matches

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

__all__ = ["IgnoreFiles"]


@dataclass(frozen=True)
class IgnoreFiles:
    """The ignore files that have a say in one folder, from the weakest to the strongest."""

    specs: tuple[tuple[str, GitIgnoreSpec], ...] = ()
    """Pairs of the folder that the patterns are relative to, and the patterns."""

    @classmethod
    def above(cls, folder: Path) -> IgnoreFiles:
        """Return the ignore files of the repository that ``folder`` lies in, down to but without ``folder``'s own."""
        for depth, parent in enumerate(folder.parents):
            if (parent / ".git").exists():
                chain = cls()
                for between in reversed(folder.parents[: depth + 1]):
                    chain = chain.entering(between)
                return chain
        return cls()

    def entering(self, folder: Path) -> IgnoreFiles:
        """Return the ignore files that have a say in ``folder``, whose parent these are of."""
        specs = self.specs
        git = folder / ".git"
        if git.exists():
            # A repository of its own: the ignore files of the one around it end here.
            specs = _read(_info_exclude(git), folder)
        return IgnoreFiles(specs + _read(folder / ".gitignore", folder))

    def ignore(self, path: str, is_folder: bool) -> bool:
        """Return whether git ignores an absolute path inside the folder, looking at this path alone."""
        for base, spec in reversed(self.specs):
            inside = base.rstrip(os.sep) + os.sep
            if path.startswith(inside):
                verdict = matches(spec, path[len(inside) :].replace(os.sep, "/"), is_folder)
                if verdict is not None:
                    return verdict
        return False

    def ignore_within(self, path: str) -> bool:
        """Return whether git ignores an absolute path of a file, or one of the folders on the way to it."""
        return self.ignore(path, False) or any(self.ignore(str(parent), True) for parent in Path(path).parents)


def _read(file: Path, base: Path) -> tuple[tuple[str, GitIgnoreSpec], ...]:
    try:
        text = file.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ()
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not lines:
        return ()
    try:
        spec = compile_patterns(lines)
    except ValueError:
        # Git passes over a pattern that it can't understand, and keeps the others.
        spec = compile_patterns(line for line in lines if _is_understood(line))
    return ((str(base), spec),)


def _is_understood(line: str) -> bool:
    try:
        compile_patterns([line])
    except ValueError:
        return False
    return True


def _info_exclude(git: Path) -> Path:
    """Return the path of info/exclude; in a linked work tree ``.git`` is a file that says where it lies."""
    if git.is_dir():
        return git / "info" / "exclude"
    try:
        place = git.read_text(encoding="utf-8", errors="surrogateescape").removeprefix("gitdir:").strip()
        folder = git.parent / place
        common = folder / "commondir"
        if common.exists():
            folder = folder / common.read_text(encoding="utf-8", errors="surrogateescape").strip()
    except OSError:
        return git / "info" / "exclude"
    return folder / "info" / "exclude"
