"""The table of a script's outcomes, one row for each way in which its process can end.

``forecast`` fills it by reading the script, ``drill`` by running it. Both make `Row`s, so that one table can be laid
beside the other; `wbsignal_lint.outcome_table_view` shows them.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from enum import Enum
from typing import Any

from wbsignal_lint.contract import DOCUMENTED, Column, Scenario, State, Verdict, judge

__all__ = ["UNKNOWN", "Outcome", "Row", "Unknown", "ideal", "scenario_of"]


class Unknown(Enum):
    """The type of `UNKNOWN`."""

    UNKNOWN = "unknown"

    def __str__(self) -> str:
        return self.value


UNKNOWN = Unknown.UNKNOWN
"""Stands where something could not be found out; the outcome's ``why`` says what would have to be known."""


@dataclass(frozen=True)
class Outcome:
    """One thing that can become of the process and its run."""

    marked: bool | Unknown
    """Whether ``mark_preempting()`` is recorded."""
    recorded: int | Unknown | None
    """The exit code that W&B records; ``None`` if it records none."""
    status: int | Unknown | None
    """What the process returns: its exit code, or minus the signal that ended it; ``None`` while it goes on."""
    why: str
    """What decides it, in words."""
    line: int | None = None
    """The line of the script that decides it, counted from 1."""
    has_run: bool = True
    """False when there is no run that could have a state: the script never started one."""


@dataclass(frozen=True)
class Row:
    """What can become of a script in one scenario."""

    scenario: Scenario
    signal: str | None
    """The signal's name, for the scenarios that are signals."""
    handler_run: bool | Unknown
    """Whether a handler of the script's own is run."""
    outcomes: tuple[Outcome, ...]
    """All that can happen: one outcome if it was measured, several where the script's paths part."""
    launcher: str = ""
    """What stands between the cluster and the script, such as ``wandb agent``; empty for the script alone."""
    event: str = ""
    """What the scheduler calls it, where that is more than the signal: ``time limit``."""

    def verdict(self, outcome: Outcome) -> Verdict | None:
        """Return the final state that an outcome leads to, or ``None`` if it is unknown or there is no run."""
        if not outcome.has_run or isinstance(outcome.marked, Unknown) or isinstance(outcome.recorded, Unknown):
            return None
        return judge(outcome.marked, outcome.recorded, self.scenario)

    @property
    def falls_short(self) -> bool:
        """Whether some outcome, as far as it is known, is not what the documented pattern gives."""
        verdicts = [self.verdict(outcome) for outcome in self.outcomes]
        return any(verdict is not None and verdict != ideal(self.scenario) for verdict in verdicts)

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON values; whatever is unknown is the string ``unknown``."""
        return {
            "scenario": self.scenario.value,
            "signal": self.signal,
            **({"event": self.event} if self.event else {}),
            "launcher": self.launcher or None,
            "handler_run": _json(self.handler_run),
            "outcomes": [
                {
                    "marked": _json(outcome.marked),
                    "recorded_exit": _json(outcome.recorded),
                    "process_status": _json(outcome.status),
                    **_verdict_json(self.verdict(outcome)),
                    "why": outcome.why,
                    "line": outcome.line,
                }
                for outcome in self.outcomes
            ],
            "ideal": _verdict_json(ideal(self.scenario)),
            "falls_short": self.falls_short,
        }


def ideal(scenario: Scenario) -> Verdict:
    """Return the verdict that the documented pattern gives: a handler that marks and exits non-zero.

    SIGINT and the UI's "Stop run", which is a SIGINT to the process, are a person's wish and are left unhandled; a
    cancelled sweep kills.
    """
    if scenario in (Scenario.SIGINT, Scenario.STOPPED):
        state, delayed = DOCUMENTED[Scenario.SIGINT][_column(Column.NEVER)]
    elif scenario is Scenario.CANCELLED:
        state, delayed = DOCUMENTED[Scenario.SIGKILL][_column(Column.IN_HANDLER)]
    else:
        state, delayed = DOCUMENTED[scenario][_column(Column.IN_HANDLER)]
    return Verdict(state, delayed, requeued=state is State.PREEMPTED)


def scenario_of(signum: int) -> Scenario:
    """Return the scenario that a signal belongs to."""
    named = {signal.SIGKILL: Scenario.SIGKILL, signal.SIGINT: Scenario.SIGINT}
    return named.get(signal.Signals(signum), Scenario.SIGNAL)


def _column(column: Column) -> int:
    return list(Column).index(column)


def _json(value: bool | int | Unknown | None) -> bool | int | str | None:
    return value.value if isinstance(value, Unknown) else value


def _verdict_json(verdict: Verdict | None) -> dict[str, Any]:
    if verdict is None:
        return {"state": None, "delayed": None, "requeued": None}
    return {"state": verdict.state.value, "delayed": verdict.delayed, "requeued": verdict.requeued}
