"""Which file of the project an import names.

The places are Python's: the folder of the script that is started, and those that a project is usually run or installed
from (its root, ``src/``, the folder around the outermost package). Nothing outside the project is looked at, so that
installed packages stay what they are: names.
"""

from __future__ import annotations

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
        parts = [part for part in dotted.split(".") if part]
        if level:
            folder = importer.parent
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
        found: Path | None = folder / _INIT if (folder / _INIT).is_file() else folder
        for part in parts:
            found = self.child(found, part) if found is not None else None
        return found

    @staticmethod
    def child(package: Path, name: str) -> Path | None:
        """Return a module or package inside a package, given as by `find`."""
        if package.name == _INIT:
            package = package.parent
        elif package.suffix == ".py":
            return None
        folder = package / name
        if (folder / _INIT).is_file():
            return folder / _INIT
        file = package / f"{name}.py"
        if file.is_file():
            return file
        return folder if folder.is_dir() else None
