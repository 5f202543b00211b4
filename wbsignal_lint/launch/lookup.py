"""Does the Python file that a launch file names use wandb? Looked up beside the launch file and further up."""

from __future__ import annotations

from pathlib import Path

from wbsignal_lint.launch.trainers import UsesWandb

__all__ = ["lookup_beside"]

_PARENTS = 3
"""Jobs are submitted from the project's root and stand in ``scripts/slurm`` or the like."""
_MAX_SIZE = 2_000_000
_ENDS_PROJECT = (".git", "pyproject.toml", "setup.py")


def lookup_beside(launch_file: Path | None) -> UsesWandb | None:
    """Return what tells of a path, as a launch file writes it, whether that Python file uses wandb.

    It answers ``True`` or ``None``: a file that does not speak of wandb itself may import one that does.

    Args:
        launch_file: where the launch file is, absolute; ``None`` gives ``None``.
    """
    if launch_file is None:
        return None
    folders = [launch_file.parent]
    while len(folders) <= _PARENTS and not any((folders[-1] / name).exists() for name in _ENDS_PROJECT):
        if folders[-1].parent == folders[-1]:
            break
        folders.append(folders[-1].parent)

    def uses_wandb(script: str) -> bool | None:
        if "\0" in script or script.startswith(("-", "~")):
            return None
        for folder in folders:
            path = folder / script
            try:
                if path.is_file() and path.stat().st_size <= _MAX_SIZE:
                    return True if b"wandb" in path.read_bytes() else None
            except (OSError, ValueError):
                continue
        return None

    return uses_wandb
