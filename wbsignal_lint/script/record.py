"""What W&B has on record after a handler ended in one of its ways, in the words of the outcome table."""

from __future__ import annotations

import signal

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.script.facts import Outcome, Script
from wbsignal_lint.script.state import Ending
from wbsignal_lint.script.values import Const

__all__ = ["describe_end"]


def describe_end(script: Script, outcome: Outcome) -> str:
    """Return the row of the outcome table that a handler's end decides; nothing where the record isn't known."""
    known, recorded = _recorded(script, outcome)
    return describe_outcome(signal.Signals(outcome.signum).name, outcome.marked, recorded) if known else ""


def _recorded(script: Script, outcome: Outcome) -> tuple[bool, int | None]:
    """Return whether the exit code on record is known, and the code."""
    end = outcome.completion
    if outcome.state.recorded is not None:
        return _number(outcome.state.recorded)
    if end.ending is Ending.DEAD:
        return True, None
    if end.ending not in (Ending.EXIT, Ending.RAISE):
        return False, None
    if script.runs_are_managed or end.ending is Ending.RAISE:
        return True, 1
    return _number(end.value) if end.seen else (True, 0)


def _number(value: object) -> tuple[bool, int | None]:
    if not isinstance(value, Const):
        return False, None
    if value.value is None:
        return True, 0
    return True, int(value.value) if isinstance(value.value, int) else 1
