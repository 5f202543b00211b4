"""The files that scripts of the same project import: read when asked for, and again when they changed; parsed once."""

from __future__ import annotations

import ast
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wbsignal_lint.nesting import depth_of
from wbsignal_lint.reading import COMFORTABLE_DEPTH, Unreadable, parse_python
from wbsignal_lint.script.gate import mentions_wandb, registers
from wbsignal_lint.script.project import Finder, Module, concerns, discovered
from wbsignal_lint.sources import Kind, UndecodableSource, decode

__all__ = ["SIBLINGS", "Siblings", "meets_wandb"]

_KEPT = 512
"""So many files are kept; the one that was not asked for the longest goes first."""

_Stamp = tuple[int, int]


class Siblings:
    """Reads files for their importers; what can't be read or parsed is as good as not there."""

    def __init__(self) -> None:
        self._known: OrderedDict[Path, tuple[_Stamp, Module | None]] = OrderedDict()
        self._texts: dict[Path, Module] = {}

    def read(self, path: Path) -> Module | None:
        """Return a file; ``None`` if it can't be read or is not worth reading for its importers."""
        if path in self._texts:
            return self._texts[path]
        try:
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            known = self._known.get(path)
            if known is None or known[0] != stamp:
                self._known[path] = known = (stamp, _module(path, path.read_bytes()))
        except OSError:
            return None
        self._known.move_to_end(path)
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return known[1]

    @contextmanager
    def instead(self, texts: dict[Path, str]) -> Iterator[None]:
        """Have other texts in the place of files for a while: those that are being fixed, or typed."""
        outer = self._texts
        self._texts = {**outer, **{path: Module(path, text, _tree) for path, text in texts.items()}}
        try:
            yield
        finally:
            self._texts = outer


def _module(path: Path, data: bytes) -> Module | None:
    if not concerns(data):
        return None
    try:
        return Module(path, decode(data, Kind.PYTHON).text, _tree)
    except UndecodableSource:
        return None


def _tree(text: str) -> ast.Module:
    """Parse a file for its importers; one that can't be parsed gives them nothing."""
    try:
        tree = parse_python(text)
    except Unreadable:
        return ast.Module([], [])
    return tree if depth_of(tree) <= COMFORTABLE_DEPTH else ast.Module([], [])


SIBLINGS = Siblings()
"""The files of this process."""


def meets_wandb(path: Path, data: bytes) -> bool:
    """Say whether a Python file, or one that its imports lead to, speaks of W&B: programs of all kinds bind signals."""
    if mentions_wandb(data) or not registers(data):
        return True  # it passed its gate for what it says itself
    entry = Module(path.absolute(), data.decode("utf-8", "replace"), _tree)
    modules = discovered(entry, SIBLINGS.read, Finder(path.absolute()))
    return any("wandb" in module.text or "Wandb" in module.text for module in modules)
