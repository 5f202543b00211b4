"""Which file of the project an import names.

The places are Python's: the folder of the script that is started, and those that a project is usually run or installed
from (its root, ``src/``, the folder around the outermost package). Nothing outside the project is looked at, so that
installed packages stay what they are: names.
"""

from __future__ import annotations

import os
import sys
from functools import cached_property
from pathlib import Path

from wbsignal_lint.project_root import project_root

__all__ = ["Finder"]

_INIT = "__init__.py"
_INSTALLED = frozenset({"site-packages", "dist-packages"})
_KNOWN = (
    sys.stdlib_module_names
    | {"lightning", "pytorch_lightning", "lightning_fabric", "transformers", "trl"}
    | {"wandb", "torch", "numpy", "jax", "tensorflow", "sklearn", "xgboost", "accelerate", "absl", "rich"}
    | {"fire", "typer", "tyro", "click", "hydra", "ray", "submitit", "tqdm", "loguru"}
)
"""Packages whose behaviour is known by name; their own repositories are read no differently."""


class Finder:
    """Looks up imports of the files that one script leads to."""

    def __init__(self, script: Path) -> None:
        """Take the path of the script that is started, absolute."""
        self._script = script
        self._found: dict[tuple[Path, str, int], Path | None] = {}
        self._children: dict[tuple[Path, str], Path | None] = {}

    @cached_property
    def root(self) -> Path:
        """The project's folder; without any sign of one the current folder, or the script's outermost package's."""
        found = project_root(self._script.parent)
        if found is not None:
            return found
        here = Path.cwd()
        return here if self._script.is_relative_to(here) else self._around_packages(self._script)

    @cached_property
    def _places(self) -> tuple[Path, ...]:
        folder = self._script.parent
        places = (folder, self._around_packages(self._script), self.root / "src", self.root)
        return tuple(place for place in dict.fromkeys(places) if place.name not in _INSTALLED)

    def _around_packages(self, file: Path) -> Path:
        folder = file.parent
        while (folder / _INIT).is_file() and folder.parent != folder:
            folder = folder.parent
        return folder

    def find(self, importer: Path, dotted: str, level: int) -> Path | None:
        """Return what an import names.

        Args:
            importer: the file that imports, absolute.
            dotted: the module's name, ``a.b``; may be empty in ``from . import x``.
            level: the number of leading dots.

        Returns:
            A file (a package's ``__init__.py``), or the folder of a package without one; ``None`` if there is no such
            file in the project.
        """
        key = (importer.parent if level else self._script, dotted, level)
        if key not in self._found:
            self._found[key] = self._find(key[0], dotted, level)
        return self._found[key]

    def _find(self, folder: Path, dotted: str, level: int) -> Path | None:
        parts = [part for part in dotted.split(".") if part]
        if level:
            for _ in range(level - 1):
                folder = folder.parent
            inside = folder.is_relative_to(self.root) or folder.is_relative_to(self._script.parent)
            return self._descend(folder, parts) if inside else None
        if not parts or parts[0] in _KNOWN:
            return None
        for place in self._places:
            found = self._descend(place, parts)
            if found is not None:
                return found
        return None

    def _descend(self, folder: Path, parts: list[str]) -> Path | None:
        if not parts:
            return _package(folder)
        found: Path | None = folder
        for part in parts:
            found = self.child(found, part) if found is not None else None
        return found

    def child(self, package: Path, name: str) -> Path | None:
        """Return a module or package inside a package, given as by `find`."""
        if package.name == _INIT:
            package = package.parent
        elif package.suffix == ".py":
            return None
        key = (package, name)
        if key not in self._children:
            self._children[key] = _child(package, name)
        return self._children[key]


def _package(folder: Path) -> Path:
    init = folder / _INIT
    return init if init.is_file() else folder


def _child(package: Path, name: str) -> Path | None:
    # Most names are no files: they are asked for without making paths of them.
    place = f"{package}{os.sep}{name}"
    if os.path.isdir(place):
        found = _package(Path(place))
        if found.name == _INIT:
            return found
        return Path(f"{place}.py") if os.path.isfile(f"{place}.py") else found
    return Path(f"{place}.py") if os.path.isfile(f"{place}.py") else None
