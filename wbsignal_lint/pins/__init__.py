"""Which versions of its dependencies a project pins: what rules ask where a fact holds for some versions only.

What a project says nothing about is unknown, and then nothing is concluded from it.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from wbsignal_lint.pins.declarations import RANKS, declarations_in
from wbsignal_lint.pins.versions import Pin
from wbsignal_lint.project_root import folders_upwards

__all__ = ["NO_PINS", "Pin", "pins_for"]

NO_PINS: Mapping[str, Pin] = MappingProxyType({})


def pins_for(path: Path | None) -> Mapping[str, Pin]:
    """Return what a project pins, by the normalised names of the packages (``pytorch-lightning``).

    The nearest folder that says anything about a package decides, from the file's own up to the repository's root. In
    one folder a lock file decides before requirements.txt and environment.yml, and these before what is merely
    declared (pyproject.toml, setup.cfg, setup.py, Pipfile, other requirement files). Where equals disagree, a `Pin`
    answers only what all of them agree on.

    Args:
        path: a file of the project, absolute; ``None`` if nothing is known of its place.
    """
    if path is None:
        return NO_PINS
    pins: dict[str, Pin] = {}
    for folder in folders_upwards(path.parent):
        for name, pin in _pins_in(folder, _stamp(folder)).items():
            pins.setdefault(name, pin)
    return pins


@functools.lru_cache(maxsize=256)
def _pins_in(folder: Path, stamp: tuple[tuple[str, int, int], ...]) -> Mapping[str, Pin]:
    """Return what one folder says; the stamp says which state of its files is meant."""
    ranks: dict[str, list[tuple[int, Pin]]] = {}
    for name, _, _ in stamp:
        rank = next(rank for rank, pattern in RANKS if pattern.fullmatch(name))
        for package, pin in declarations_in(folder / name):
            ranks.setdefault(package, []).append((rank, pin))
    result: dict[str, Pin] = {}
    for package, found in ranks.items():
        best = min(rank for rank, _ in found)
        result[package] = _either(pin for rank, pin in found if rank == best)
    return MappingProxyType(result)


def _either(pins: Iterable[Pin]) -> Pin:
    first, *others = dict.fromkeys(pins)
    return Pin(first.allowed + tuple(text for pin in others for text in pin.allowed), first.file)


def _stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Return name, time of the last change and size of every file in a folder that can pin something."""
    found: list[tuple[str, int, int]] = []
    for place in (folder, folder / "requirements"):
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    name = entry.name if place == folder else f"requirements/{entry.name}"
                    if any(pattern.fullmatch(name) for _, pattern in RANKS) and entry.is_file():
                        status = entry.stat()
                        found.append((name, status.st_mtime_ns, status.st_size))
        except OSError:
            continue
    return tuple(sorted(found))
