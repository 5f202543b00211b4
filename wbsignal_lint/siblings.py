"""The files that scripts of the same project import: read when asked for, parsed once, read again when they changed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wbsignal_lint.nesting import depth_of
from wbsignal_lint.reading import COMFORTABLE_DEPTH, Unreadable, parse_python
from wbsignal_lint.script.project.module import Module, concerns
from wbsignal_lint.sources import Kind, UndecodableSource, decode

__all__ = ["SIBLINGS", "Siblings"]

_KEPT = 512
"""So many parsed files are kept; the one that was not asked for the longest goes first."""

_Stamp = tuple[int, int]


class Siblings:
    """Reads files for their importers; what can't be read or parsed is as good as not there."""

    def __init__(self) -> None:
        self._known: OrderedDict[Path, tuple[_Stamp, Module | None]] = OrderedDict()
        self._texts: dict[Path, Module] = {}

    def read(self, path: Path) -> Module | None:
        """Return a file, parsed; ``None`` if it can't be read or is not worth reading for its importers."""
        if path in self._texts:
            return self._texts[path]
        try:
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            known = self._known.get(path)
            if known is None or known[0] != stamp:
                self._known[path] = known = (stamp, _parsed(path, path.read_bytes()))
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
        found = {path: _module(path, text) for path, text in texts.items()}
        self._texts = {**outer, **{path: module for path, module in found.items() if module is not None}}
        try:
            yield
        finally:
            self._texts = outer


def _parsed(path: Path, data: bytes) -> Module | None:
    if not concerns(data):
        return None
    try:
        return _module(path, decode(data, Kind.PYTHON).text)
    except UndecodableSource:
        return None


def _module(path: Path, text: str) -> Module | None:
    try:
        tree = parse_python(text)
    except Unreadable:
        return None
    return Module(path, text, tree) if depth_of(tree) <= COMFORTABLE_DEPTH else None


SIBLINGS = Siblings()
"""The files of this process."""
