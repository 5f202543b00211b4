"""Whether a project runs sweeps: its sweep files, the launch files that start agents, the scripts that do."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator
from pathlib import Path

from wbsignal_lint.project_root import project_root

__all__ = ["sweep_of_project", "sweep_of_script"]

_SWEEPS = re.compile(r"(?m)^[^#\n]*\bwandb\s*\.\s*(?:sweep|agent)\s*\(")
_AGENT = re.compile(rb"(?m)^[^#\n]*\bwandb[\"']?\s+agent\b")
_SHELL = (".sh", ".bash", ".sbatch", ".slurm", ".job", "makefile", "justfile")
_YAML = (".yaml", ".yml")
_SKIPPED = frozenset(
    {"build", "dist", "docs", "examples", "fixtures", "node_modules", "site-packages", "test", "tests", "venv", "wandb"}
)
"""Folders whose launch files are not how this project's runs are started."""
_MAX_DEPTH = 3
_MAX_FILES = 400
_MAX_SIZE = 64 * 1024


def sweep_of_script(text: str) -> bool:
    """Say whether a script creates a sweep or runs its agent."""
    return _SWEEPS.search(text) is not None


def sweep_of_project(path: Path | None) -> str | None:
    """Return the file by which a project shows that it runs sweeps, relative to the project's root.

    That is a YAML file with a ``method`` and ``parameters``, or a shell script that starts ``wandb agent``. Large
    projects are not searched to the end.

    Args:
        path: a file of the project, absolute; ``None`` if nothing is known of its place.
    """
    if path is None:
        return None
    # Outside any project only the files beside the script are its own.
    root = project_root(path.parent)
    return _search(path.parent, 0) if root is None else _search(root, _MAX_DEPTH)


@functools.lru_cache(maxsize=64)
def _search(root: Path, depth: int) -> str | None:
    for number, file in enumerate(_files(root, depth)):
        if number >= _MAX_FILES:
            return None
        try:
            if file.stat().st_size <= _MAX_SIZE and _shows_sweep(file.name.lower(), file.read_bytes()):
                return file.relative_to(root).as_posix()
        except OSError:
            continue
    return None


def _files(folder: Path, depth: int) -> Iterator[Path]:
    """Yield the YAML and shell files of a folder and those below it, the nearer ones first."""
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in found:
        if entry.name.lower().endswith((*_SHELL, *_YAML)) and entry.is_file():
            yield folder / entry.name
    for entry in found:
        hidden = entry.name.startswith((".", "_")) or entry.name.lower() in _SKIPPED
        if depth > 0 and not hidden and entry.is_dir(follow_symlinks=False):
            yield from _files(folder / entry.name, depth - 1)


def _shows_sweep(name: str, data: bytes) -> bool:
    if name.endswith(_YAML):
        return all(re.search(rb"(?m)^" + key + rb"\s*:", data) for key in (b"method", b"parameters"))
    return _AGENT.search(data) is not None
