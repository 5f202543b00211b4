"""Which project a file belongs to: the folders from its own upwards, and the root among them."""

from __future__ import annotations

import functools
from pathlib import Path

__all__ = ["folders_upwards", "project_root"]

_MARKERS = ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", ".git")
"""What lies in the root of a project: what it is built from, what it needs, its repository."""
_REPOSITORY = ".git"


@functools.lru_cache(maxsize=4096)
def project_root(folder: Path) -> Path | None:
    """Return the nearest folder, from an absolute one upwards, that is the root of a project; ``None`` if none is."""
    if any((folder / marker).exists() for marker in _MARKERS):
        return folder
    return project_root(folder.parent) if folder.parent != folder else None


@functools.lru_cache(maxsize=4096)
def folders_upwards(folder: Path) -> tuple[Path, ...]:
    """Return the folders that can say something about the files in an absolute folder, the nearest first.

    They end with the repository's root; outside any repository with the project's, and without one with the folder
    itself: what lies further up (a home folder's requirements.txt, say) is not about these files.
    """
    folders = (folder, *folder.parents)
    last = next((place for place in folders if (place / _REPOSITORY).exists()), None) or project_root(folder) or folder
    return folders[: folders.index(last) + 1]
