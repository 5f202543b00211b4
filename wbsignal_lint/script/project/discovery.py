"""Which files of its project a script leads to, import by import. Nothing is parsed for that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from wbsignal_lint.script.project.finding import Finder
from wbsignal_lint.script.project.imports import Import
from wbsignal_lint.script.project.module import Module, ReadModule

__all__ = ["discovered", "leading_to"]

_MAX_MODULES = 60


def discovered(entry: Module, read: ReadModule, finder: Finder) -> Iterator[Module]:
    """Yield a script and the files that its imports lead to, nearest first.

    Args:
        entry: the script, with a path.
        read: gives the files.
        finder: looks up imports for this script.
    """
    assert entry.path is not None
    yield entry
    seen, modules = {entry.path}, [entry]
    for module in modules:
        for imported in module.imports:
            for place in _places(finder, module, imported):
                if place in seen or place.suffix != ".py":
                    continue
                seen.add(place)
                found = read(place)
                if found is not None:
                    modules.append(found)
                    yield found
                    if len(modules) >= _MAX_MODULES:
                        return


def leading_to(targets: Iterable[Module], modules: Mapping[Path, Module], finder: Finder) -> set[Module]:
    """Return those of a script's files that are targets, or whose imports lead to one."""
    importers: dict[Module, set[Module]] = {module: set() for module in modules.values()}
    for module in modules.values():
        for imported in module.imports:
            for place in _places(finder, module, imported):
                if place in modules:
                    importers[modules[place]].add(module)
    found = set(targets)
    waiting = list(found)
    while waiting:
        more = importers[waiting.pop()] - found
        found |= more
        waiting += more
    return found


def _places(finder: Finder, module: Module, imported: Import) -> Iterator[Path]:
    assert module.path is not None
    package = finder.find(module.path, imported.module, imported.level)
    if package is not None:
        yield package
        for name in imported.names or ():
            child = finder.child(package, name)
            if child is not None:
                yield child
