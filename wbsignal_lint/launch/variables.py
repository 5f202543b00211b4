"""Which values a shell variable can have where it is used."""

from __future__ import annotations

import bisect
import re
from collections import defaultdict

from wbsignal_lint.launch.shell_text import Assignment, Block, Chain, ShellText

__all__ = ["Choices", "Environment", "Reached"]

_MAX_ALTERNATIVES = 16
_USED_NAME = re.compile(r"[A-Za-z_]\w*|@", re.ASCII)

Reached = tuple[Assignment, ...]
"""The assignments that make up one possible value: one that sets it and those that append to it. Empty: not set in the
file, so whatever the caller's environment holds."""


class Environment:
    """The assignments of one piece of shell, and the piece it is embedded in."""

    def __init__(
        self, shell: ShellText, outer: Environment | None = None, position: int = 0, block: Block | None = None
    ):
        self.shell = shell
        self.outer = outer
        self.position = position
        """Where this piece stands in the outer one."""
        self.block = block
        self._assignments: dict[str, list[Assignment]] = defaultdict(list)
        self._holders: dict[str, set[str]] = {}
        for assignment in sorted(shell.assignments, key=lambda one: one.position):
            self._assignments[assignment.name].append(assignment)

    def assigns(self, name: str) -> bool:
        """Whether the file gives this variable a value anywhere."""
        return name in self._assignments or (self.outer is not None and self.outer.assigns(name))

    def can_hold(self, text: str, wanted: str) -> bool:
        """Whether ``wanted`` stands in a piece of shell or in the value of a variable it uses, however indirectly."""
        if wanted in text:
            return True
        names = self._holding(wanted)
        return bool(names) and any(name in names for name in _USED_NAME.findall(text))

    def _holding(self, wanted: str) -> set[str]:
        """Return the variables whose values can hold a text."""
        if wanted not in self._holders:
            holders = set() if self.outer is None else set(self.outer._holding(wanted))
            users: dict[str, set[str]] = defaultdict(set)
            for assignment in self.shell.assignments:
                for source in assignment.source:
                    if wanted in source.text:
                        holders.add(assignment.name)
                    for name in _USED_NAME.findall(source.text):
                        users[name].add(assignment.name)
            pending = list(holders)
            while pending:
                further = users[pending.pop()] - holders
                holders |= further
                pending.extend(further)
            self._holders[wanted] = holders
        return self._holders[wanted]

    def lookup(self, name: str, position: int, block: Block) -> tuple[Environment, list[Reached]]:
        """Return what ``name`` can be worth at ``position`` in ``block``, and where these values are to be read.

        An empty list: too many possibilities to tell.
        """
        found = self._assignments.get(name, [])
        if not found:
            if self.outer is None or self.block is None or name == "@":
                return self, [()]
            return self.outer.lookup(name, self.position, self.block)
        if name == "@" and block.function is not None:
            found = [one for one in found if one.block.function is block.function]
        values: list[Reached] = [()]
        chains: dict[Chain, dict[Block, Reached]] = defaultdict(dict)
        certain: Assignment | None = None
        for assignment in _that_matter(found, position, block):
            if assignment.position > position:
                if not _comes_round(assignment, block, certain):
                    continue
                if assignment.appends:
                    return self, []
                values.append((assignment,))
            elif assignment.block.encloses(block):
                values = [(*value, assignment) for value in values] if assignment.appends else [(assignment,)]
                certain = certain if assignment.appends else assignment
                chains.clear()
            elif not assignment.appends:
                values = self._without_untaken([*values, (assignment,)], assignment, chains, block)
            elif _repeats(assignment, block):
                return self, []
            else:
                values += [(*value, assignment) for value in values]
            if len(values) > _MAX_ALTERNATIVES:
                return self, []
        return self, values

    @staticmethod
    def _without_untaken(
        values: list[Reached], assignment: Assignment, chains: dict[Chain, dict[Block, Reached]], block: Block
    ) -> list[Reached]:
        """Drop what every branch of an exhaustive ``if``/``case`` has overwritten."""
        branch = assignment.block
        chain = branch.chain
        if chain is None or branch.parent is None or not branch.parent.encloses(block):
            return values
        chains[chain][branch] = (assignment,)
        if chain.is_exhaustive and len(chains[chain]) == chain.branches:
            return list(chains[chain].values())
        return values


def _that_matter(found: list[Assignment], position: int, block: Block) -> list[Assignment]:
    """Leave out what a later assignment has surely overwritten, and what surely has not run yet."""
    after = bisect.bisect_right(found, position, key=lambda one: one.position)
    first = after
    while first > 0:
        first -= 1
        if not found[first].appends and found[first].block.encloses(block):
            break
    if block.function is not None:
        return found[first:]
    loops = [one for one in block.around() if one.kind == "loop"]
    end = after
    while loops and end < len(found) and any(loop.encloses(found[end].block) for loop in loops):
        end += 1
    return found[first:end]


def _comes_round(assignment: Assignment, block: Block, certain: Assignment | None) -> bool:
    """Whether an assignment further down can have run before: in the same loop, or before the function was called.

    ``certain`` is the last assignment that always runs before ``block``; in the same loop or function it is newer.
    """
    function = block.function
    if function is not None and assignment.block.function is not function:
        return certain is None or certain.block.function is not function
    loops = (one for one in block.around() if one.kind == "loop" and one.encloses(assignment.block))
    return any(certain is None or not loop.encloses(certain.block) for loop in loops)


def _repeats(assignment: Assignment, block: Block) -> bool:
    """Whether an assignment stands in a loop that is over at ``block``: it ran any number of times."""
    return any(one.kind == "loop" and not one.encloses(block) for one in assignment.block.around())


class Choices:
    """Goes through the ways in which variables with several possible values can turn out.

    ::

        choices = Choices()
        while choices.start():
            ...  # evaluate; every pick() decides between alternatives, the same key always in the same way
    """

    ROUNDS = 32
    """How many rounds are made at most."""
    LOOKUPS = 1000
    """How many variables are looked up in one round; values made of values of values would grow for ever."""

    def __init__(self, rounds: int = ROUNDS) -> None:
        self.limit = rounds
        self.rounds = 0
        self.is_exhausted = False
        self._path: list[tuple[object, int, int]] = []
        self._picked: dict[object, int] = {}
        self.memory: dict[object, object] = {}
        """What was worked out in this round, for as long as it lasts."""
        self._lookups = 0

    def start(self) -> bool:
        """Begin the next round; false when all were made, or so many that it is not worth going on."""
        if self.rounds:
            del self._path[len(self._picked) :]
            while self._path and self._path[-1][1] + 1 >= self._path[-1][2]:
                self._path.pop()
            if not self._path:
                self.is_exhausted = True
                return False
            key, index, count = self._path[-1]
            self._path[-1] = (key, index + 1, count)
        if self.rounds >= self.limit:
            return False
        self.rounds += 1
        self._lookups = 0
        self.memory.clear()
        self._picked = {}
        return True

    def may_look_up(self) -> bool:
        """Count one more variable; false when this round has looked up so many that it is not worth going on."""
        self._lookups += 1
        return self._lookups <= self.LOOKUPS

    def pick(self, key: object, count: int) -> int:
        """Return which of ``count`` alternatives holds in this round."""
        if count == 1:
            return 0
        if key not in self._picked:
            place = len(self._picked)
            if place == len(self._path):
                self._path.append((key, 0, count))
            self._picked[key] = self._path[place][1]
        return self._picked[key]
