"""The files that a launch file names, looked up beside it and further up."""

from __future__ import annotations

import functools
import os
import stat
from collections.abc import Callable
from pathlib import Path

from wbsignal_lint.launch.trainers import UsesWandb

__all__ = ["lookup_beside", "text_beside"]

_PARENTS = 3
"""Jobs are submitted from the project's root and stand in ``scripts/slurm`` or the like."""
_MAX_SIZE = 2_000_000
_ENDS_PROJECT = (".git", "pyproject.toml", "setup.py")


def lookup_beside(launch_file: Path | None, opens_run: Callable[[str], bool] | None = None) -> UsesWandb | None:
    """Return what tells of a path, as a launch file writes it, whether that Python file uses wandb.

    It answers ``True`` or ``None``: a file that does not speak of wandb itself may import one that does.

    Args:
        launch_file: where the launch file is, absolute; ``None`` gives ``None``.
        opens_run: asked about the text of a file that speaks of wandb; ``None``: it is enough that it does.
    """
    if launch_file is None:
        return None

    def uses_wandb(script: str) -> bool | None:
        data = _read(launch_file, script)
        if data is None or b"wandb" not in data.lower():
            return None
        return True if opens_run is None or opens_run(data.decode("utf-8", "replace")) else None

    return uses_wandb


def text_beside(launch_file: Path, name: str) -> str | None:
    """Return the text of a file as a launch file names it, or ``None`` if there is no such file."""
    data = _read(launch_file, name)
    return None if data is None else data.decode("utf-8", "replace")


def _read(launch_file: Path, name: str) -> bytes | None:
    if "\0" in name or name.startswith(("-", "~")):
        return None
    for folder in _folders(launch_file.parent):
        path = os.path.join(folder, name)
        try:
            status = os.stat(path)
            if stat.S_ISREG(status.st_mode) and status.st_size <= _MAX_SIZE:
                with open(path, "rb") as file:
                    return file.read()
        except (OSError, ValueError):
            continue
    return None


@functools.lru_cache(maxsize=64)
def _folders(folder: Path) -> tuple[Path, ...]:
    """Return where to look: the launch file's folder and those above it, up to the root of its project."""
    folders = [folder]
    while len(folders) <= _PARENTS and not any((folders[-1] / name).exists() for name in _ENDS_PROJECT):
        if folders[-1].parent == folders[-1]:
            break
        folders.append(folders[-1].parent)
    return tuple(folders)
