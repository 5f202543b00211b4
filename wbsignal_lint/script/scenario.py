"""Plays one scenario through a whole script and says in which ways the script comes to its end."""

from __future__ import annotations

import functools
import signal
from collections.abc import Iterator
from dataclasses import dataclass

from wbsignal_lint.script.ends import End
from wbsignal_lint.script.facts import Script
from wbsignal_lint.script.heap import module_heap
from wbsignal_lint.script.interpreter import Budget
from wbsignal_lint.script.player import Event, Player
from wbsignal_lint.script.project import Program
from wbsignal_lint.script.state import (
    State,
)

__all__ = ["End", "Event", "Played", "ends_of_completion", "ends_of_failures", "ends_of_preemptions", "play"]

_STEPS = 12_000


@dataclass(frozen=True)
class Played:
    """What became of a script in one scenario."""

    ends: tuple[End, ...]
    handler_run: bool | None
    """Whether a handler of the script's own is run; ``None`` if that can't be known."""
    unknown: str = ""
    """Why nothing can be said; empty if something can."""


def play(script: Script, event: int | Event) -> Played:
    """Play a scenario.

    Args:
        script: the facts of the script, as read.
        event: the number of a signal, or another event.
    """
    return _play(script.whole, event)


@functools.lru_cache(maxsize=32)
def _play(script: Script, event: int | Event) -> Played:
    player = Player(script, event)
    player.steps = _STEPS
    try:
        paths = [*player.run_block(script.tree.body, State(heap=module_heap())), *player.escapes]
    except Budget:
        if len(script.program.modules) > 1:
            # Too much to follow together; what can be said of the script by itself still can.
            return _play(Script(Program(script.focus), script.settings, script.focus), event)
        return Played((), None, "the script has more paths than can be followed")
    if player.unknown:
        return Played((), None, player.unknown)
    if player.without_run and not player.with_run:
        return Played((), None, player.without_run)
    struck = [path for path in paths if path[0].interrupted]
    if event is not Event.NOTHING and not player.struck:
        return Played((), None, "no wandb.log() was found that is reached while a run is active")
    if event is not Event.NOTHING:
        paths = struck
    ends: dict[End, None] = {}
    for state, completion in paths:
        for end in player.end(state, completion):
            ends.setdefault(end)
    if not ends:
        return Played((), player.handler_run, "the script was not seen to come to an end")
    return Played(tuple(ends), player.handler_run)


def ends_of_completion(script: Script) -> Iterator[tuple[str, End]]:
    """Yield the ends of a script that nothing happens to: those with a status of its own are failures."""
    yield from (("fails", end) for end in play(script, Event.NOTHING).ends)


def ends_of_failures(script: Script) -> Iterator[tuple[str, End]]:
    """Yield the ends that an exception in the training leads to, each with the name of its row."""
    yield from (("fails", end) for end in play(script, Event.ERROR).ends)


def ends_of_preemptions(script: Script) -> Iterator[tuple[str, End]]:
    """Yield the ends that each handled preemption signal leads to, each with the name of its row."""
    numbers = {number for handler in script.preemption_handlers for number in handler.numbers}
    for number in sorted(numbers & script.settings.preemption_numbers()):
        yield from ((signal.Signals(number).name, end) for end in play(script, number).ends)
