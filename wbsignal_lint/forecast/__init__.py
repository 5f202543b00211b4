"""The outcome table of a script, by reading it: what W&B will record for each way in which the process can end."""

from __future__ import annotations

import ast
import signal
from pathlib import Path

from wbsignal_lint.contract import Scenario
from wbsignal_lint.outcome_table import UNKNOWN, Outcome, Row, Unknown, scenario_of
from wbsignal_lint.script.facts import Script, ScriptSettings
from wbsignal_lint.script.reader import read_script
from wbsignal_lint.script.scenario import End, Event, Played, play
from wbsignal_lint.script.values import Const, Value

__all__ = ["forecast", "forecast_text"]

_ALWAYS = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


def forecast_text(text: str, settings: ScriptSettings | None = None, path: Path | None = None) -> list[Row]:
    """Forecast the outcome table of a script.

    Args:
        text: the decoded source.
        settings: which signals announce a preemption, which calls train.
        path: where the script is, absolute; what its project pins decides about frameworks.

    Raises:
        UnreadableSource: if the text is no valid Python.
    """
    return forecast(read_script(text, settings, path=path))


def forecast(script: Script) -> list[Row]:
    """Forecast the outcome table of a script whose facts are read: a row for each scenario, in the contract's order."""
    rows = [
        _row(script, Scenario.COMPLETES, None, play(script, Event.NOTHING)),
        _row(script, Scenario.FAILS, None, play(script, Event.ERROR)),
    ]
    handled = {number for registration in script.registrations for number in registration.numbers}
    numbers = [*_ALWAYS, *(number for number in sorted(handled) if number not in _ALWAYS)]
    played = {number: play(script, number) for number in numbers}
    rows += [_row(script, scenario_of(number), number, played[number]) for number in numbers]
    # The client answers "Stop run" with a SIGINT to its own process, the agent a cancelled sweep with SIGKILL.
    rows.append(_row(script, Scenario.STOPPED, None, played[int(signal.SIGINT)]))
    rows.append(_row(script, Scenario.CANCELLED, None, played[int(signal.SIGKILL)]))
    return rows


def _row(script: Script, scenario: Scenario, number: int | None, played: Played) -> Row:
    name = None if number is None else signal.Signals(number).name
    if played.unknown:
        outcome = Outcome(UNKNOWN, UNKNOWN, UNKNOWN, played.unknown)
        return Row(scenario, name, UNKNOWN if played.handler_run is None else played.handler_run, (outcome,))
    handler_run: bool | Unknown = UNKNOWN if played.handler_run is None else played.handler_run
    outcomes: dict[tuple[object, ...], Outcome] = {}
    for end in played.ends:
        outcome = _outcome(script, end)
        outcomes.setdefault((outcome.marked, outcome.recorded, outcome.status, outcome.has_run), outcome)
    return Row(scenario, name, handler_run, tuple(outcomes.values()))


def _outcome(script: Script, end: End) -> Outcome:
    node = end.decision.node
    elsewhere = node is not None and not script.is_here(node)
    return Outcome(
        marked=end.marked,
        recorded=_code(end.recorded),
        status=UNKNOWN if end.status is None else end.status,
        why=f"{end.decision.why} ({script.place(node)})" if node is not None and elsewhere else end.decision.why,
        line=None if elsewhere else _line(node),
        has_run=end.has_run,
    )


def _code(recorded: Value | None) -> int | Unknown | None:
    if recorded is None:
        return None
    if isinstance(recorded, Const) and isinstance(recorded.value, int):
        return int(recorded.value)
    return UNKNOWN


def _line(node: ast.AST | None) -> int | None:
    return getattr(node, "lineno", None)
