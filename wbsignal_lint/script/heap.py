"""The variables of an abstract execution: what is known of every frame's names and every object's attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from wbsignal_lint.script.values import Const, Value, join

__all__ = ["DISPOSITIONS", "EVENTS", "MODULE", "MODULES", "Heap", "module_heap"]

MODULE = 0
"""The number of the script's own frame; each file that it imports has another one."""

DISPOSITIONS = -1
"""The number of the object that holds what each signal is bound to."""

EVENTS = -2
"""The number of the object that holds which event objects are set."""

MODULES = -3
"""The number of the object that holds which files have been imported, by the numbers of their frames."""

_NOTHING: Mapping[str, Value] = {}


class Heap:
    """Maps the number of a frame or object and a name to a value.

    A copy shares everything with its original until one of them changes: paths fork far more often than they write.
    """

    __slots__ = ("_owners",)

    def __init__(self, owners: dict[int, Mapping[str, Value]] | None = None) -> None:
        self._owners = owners if owners is not None else {}

    def __eq__(self, other: object) -> bool:
        """Two heaps are equal if all that is known is."""
        return isinstance(other, Heap) and (self is other or self._owners == other._owners)

    __hash__ = None  # type: ignore[assignment]

    def get(self, owner: int, name: str) -> Value | None:
        """Return the value of a name, ``None`` if it was never bound."""
        return self._owners.get(owner, _NOTHING).get(name)

    def set(self, owner: int, name: str, value: Value) -> None:
        """Bind a name."""
        self._owners[owner] = {**self._owners.get(owner, _NOTHING), name: value}

    def names(self, owner: int) -> Iterator[tuple[str, Value]]:
        """Yield the names of one frame or object with their values."""
        yield from self._owners.get(owner, _NOTHING).items()

    def drop(self, owner: int) -> None:
        """Forget a frame that nothing refers to any more."""
        self._owners.pop(owner, None)

    def fork(self) -> Heap:
        """Return an independent copy."""
        return Heap(dict(self._owners))

    def join(self, other: Heap) -> Heap:
        """Return what is known where two paths meet."""
        if self._owners == other._owners:
            return self
        owners = dict(self._owners)
        for number, theirs in other._owners.items():
            ours = owners.get(number)
            if ours is None:
                owners[number] = theirs
            elif ours is not theirs:
                owners[number] = {name: join(ours.get(name), theirs.get(name)) for name in {**ours, **theirs}}
        return Heap(owners)

    def overlaid(self, other: Heap | None) -> Heap:
        """Return this heap with what ``other`` knows put over it, name by name."""
        if other is None:
            return self
        owners = dict(self._owners)
        for number, theirs in other._owners.items():
            owners[number] = {**owners.get(number, _NOTHING), **theirs}
        return Heap(owners)


def module_heap() -> Heap:
    """Return the heap that a script starts with, run as the main program."""
    heap = Heap()
    heap.set(MODULE, "__name__", Const("__main__"))
    return heap
