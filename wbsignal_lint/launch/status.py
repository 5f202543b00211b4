"""Who goes by a status that is not the training's, but the last one of its pipeline or that of ``|| true``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from wbsignal_lint.diagnostics import Span
from wbsignal_lint.launch.batch import sources_unknown
from wbsignal_lint.launch.passing import ELSEWHERE
from wbsignal_lint.launch.steps import Exit, Kill, Launch, OrElse, ShellScript, Step, Trap

__all__ = ["Hider", "Masked", "Reader", "masked_statuses"]

_ALL_STATUSES = re.compile("PIPESTATUS|pipestatus")
_SUCCEED = frozenset({"true", ":", "echo", "printf", "/bin/true"})
_PRINT = frozenset({"echo", "printf", "date"})


class Hider(Enum):
    """What hides a status."""

    PIPE = "pipe"
    OR_ELSE = "or else"
    EXIT = "exit"


class Reader(Enum):
    """Who goes by the status."""

    VARIABLE = "variable"
    """``$?``"""
    CONDITION = "condition"
    """``if``, ``while``, ``until``."""
    AND_THEN = "and then"
    OR_ELSE = "or else"
    ERREXIT = "errexit"
    """``set -e``, or a trap for ``ERR``."""
    EXEC = "exec"
    """``exec``, which takes no shell's place in a pipeline."""
    SCHEDULER = "scheduler"
    CALLER = "caller"
    """Python that started the shell, and goes by its status."""


@dataclass(frozen=True)
class Masked:
    """An exit status that somebody reads and that always says success."""

    hider: Hider
    operator: Span
    """The ``|``, the ``||`` or the ``exit``."""
    reader: Reader


@dataclass(frozen=True)
class _Place:
    """A launch, and the scripts around it, from the inside out: ``srun bash -c 'python train.py | tee log'``."""

    script: ShellScript
    launch: Launch
    outer: _Place | None = None
    is_asked: bool = False


def masked_statuses(
    script: ShellScript, outer: _Place | None = None, *, is_asked: bool = False
) -> Iterator[tuple[ShellScript, Launch, Masked]]:
    """Yield what hides the exit status of an agent or trainer from somebody who goes by it.

    Texts that the script has a shell read (``bash -c '…'``) are looked into.

    Args:
        script: a script.
        outer: where it stands in the script around it.
        is_asked: whether what runs the script goes by its status.
    """
    for launch in script.launches:
        if not launch.is_foreground or launch.in_substitution:
            continue
        place = _Place(script, launch, outer, is_asked)
        if launch.is_watched:
            masked = _hidden_by_pipe(place) or _hidden_by_or_else(place) or _hidden_by_exit(place)
            if masked is not None:
                yield script, launch, masked
        elif launch.inner is not None and not any(runner.name in ELSEWHERE for runner in launch.inner.runners):
            yield from masked_statuses(launch.inner, place)


def _hidden_by_pipe(place: _Place) -> Masked | None:
    script, launch = place.script, place.launch
    if launch.stage + 1 >= launch.stages or len(launch.pipes) <= launch.stage:
        return None
    if script.option("pipefail", launch) or _ALL_STATUSES.search(script.source.text):
        return None
    if sources_unknown(script, launch):
        return None
    reader = Reader.EXEC if launch.is_exec else _reader(place)
    return None if reader is None else Masked(Hider.PIPE, launch.pipes[launch.stage], reader)


def _hidden_by_or_else(place: _Place) -> Masked | None:
    script, or_else = place.script, place.launch.or_else
    if _takes_the_shells_place(place.launch):
        return None
    if or_else is None or place.launch.and_then is not None or not _succeeds(or_else):
        return None
    if any(_within(step, or_else) and isinstance(step, Launch) and step.is_status_read for step in script.steps):
        return Masked(Hider.OR_ELSE, or_else.operator, Reader.VARIABLE)
    reader = _reader_at_the_end(place)
    return None if reader is None else Masked(Hider.OR_ELSE, or_else.operator, reader)


def _hidden_by_exit(place: _Place) -> Masked | None:
    script, launch, last = place.script, place.launch, place.script.steps[-1]
    if not isinstance(last, Exit) or last.status != "0" or last.is_conditional or last.in_loop:
        return None
    if launch.is_conditional or launch.in_condition or launch.is_status_read or _takes_the_shells_place(launch):
        return None
    if launch.or_else is not None or launch.and_then is not None or script.option("errexit", launch):
        return None
    reader = _reader_at_the_end(place)
    return None if reader is None else Masked(Hider.EXIT, last.span, reader)


def _takes_the_shells_place(launch: Launch) -> bool:
    """Whether nothing that stands behind it is ever run."""
    return launch.is_exec and launch.stages == 1 and not launch.in_subshell


def _reader(place: _Place) -> Reader | None:
    """Return who goes by the status of a command."""
    script, launch = place.script, place.launch
    if launch.in_condition:
        return Reader.CONDITION
    if launch.is_status_read:
        return Reader.VARIABLE
    if launch.and_then is not None:
        return Reader.AND_THEN
    if launch.or_else is not None:
        return None if _succeeds(launch.or_else) else Reader.OR_ELSE
    before = script.steps[: script.index(launch)]
    if script.option("errexit", launch) or any(isinstance(step, Trap) and "ERR" in step.signals for step in before):
        return Reader.ERREXIT
    return _reader_at_the_end(place)


def _reader_at_the_end(place: _Place) -> Reader | None:
    """Return who goes by the status of a script that ends with this command, or behind it says that all is well."""
    if not _is_the_end(place.script, place.launch) or _has_its_last_word_in_a_trap(place.script):
        return None
    if place.outer is not None and not place.script.directives:
        return _reader(place.outer)
    # An agent's status says nothing of its runs: it ends with 0 also when it was told to stop.
    is_agent = place.launch.agent is not None
    if place.is_asked and not is_agent:
        return Reader.CALLER
    return Reader.SCHEDULER if place.script.directives and not is_agent else None


def _has_its_last_word_in_a_trap(script: ShellScript) -> bool:
    """Whether a trap for EXIT decides how the script ends."""
    return any("EXIT" in trap.signals and (any(trap.each(Exit)) or any(trap.each(Kill))) for trap in script.traps)


def _succeeds(or_else: OrElse) -> bool:
    """Whether the alternative ends well whatever happened: ``|| true``, ``|| echo failed``, ``|| exit 0``."""
    if or_else.commands != 1 or not or_else.words:
        return False
    return or_else.words[0] in _SUCCEED or or_else.words in (("exit", "0"), ("return", "0"))


def _within(step: Step, or_else: OrElse) -> bool:
    return or_else.alternative.start <= step.span.start < or_else.alternative.end


def _is_the_end(script: ShellScript, launch: Launch) -> bool:
    """Whether nothing more is done behind a launch than to print, or to exit well."""
    if launch.in_loop:
        return False
    mates = launch.pipeline
    for step in script.steps[script.index(launch) + 1 :]:
        if isinstance(step, Exit):
            return step.status == "0"
        is_mate = mates is not None and mates.start <= step.span.start < mates.end
        is_mate = is_mate or (launch.stages > 1 and step.stages > 1 and step.stage > launch.stage)
        prints = isinstance(step, Launch) and step.program in _PRINT
        if not (is_mate or prints or (launch.or_else is not None and _within(step, launch.or_else))):
            return False
    return True
