"""Holds a forecast table against a measured one, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from wbsignal_lint.contract import Scenario
from wbsignal_lint.outcome_table import Outcome, Row, Unknown

__all__ = ["Agreement", "Comparison", "compare"]


class Agreement(Enum):
    """What a measurement says of a forecast."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Comparison:
    """A measured row and the forecast of the same scenario."""

    forecast: Row | None
    measured: Row

    @property
    def agreement(self) -> Agreement:
        """Whether the measured outcome is (one of) the forecast one(s); unknown where either side does not know."""
        if self.forecast is None or not self.forecast.outcomes:
            return Agreement.UNKNOWN
        measured = self.measured.outcomes[0]
        if _is_unknown(measured) or any(_is_unknown(outcome) for outcome in self.forecast.outcomes):
            return Agreement.UNKNOWN
        equal = any(_same(outcome, measured) for outcome in self.forecast.outcomes)
        return Agreement.EQUAL if equal else Agreement.DIFFERENT


def compare(forecast: Sequence[Row], measured: Sequence[Row]) -> list[Comparison]:
    """Pair each measured row with its forecast.

    A command that was left alone and failed is held against the forecast of an ordinary end, if the script leaves with
    that status by itself, else against that of an exception.
    """
    return [Comparison(_forecast_of(row, forecast), row) for row in measured]


def _forecast_of(measured: Row, forecast: Sequence[Row]) -> Row | None:
    if measured.signal is not None:
        return next((row for row in forecast if row.signal == measured.signal), None)
    by_scenario = {row.scenario: row for row in forecast if row.signal is None}
    ordinary = by_scenario.get(Scenario.COMPLETES)
    if measured.scenario is Scenario.FAILS and ordinary is not None:
        if not any(_same(outcome, measured.outcomes[0]) for outcome in ordinary.outcomes):
            return by_scenario.get(Scenario.FAILS)
    return ordinary


def _same(one: Outcome, other: Outcome) -> bool:
    if one.has_run != other.has_run or one.status != other.status:
        return False
    return not one.has_run or (one.marked, one.recorded) == (other.marked, other.recorded)


def _is_unknown(outcome: Outcome) -> bool:
    return any(isinstance(value, Unknown) for value in (outcome.marked, outcome.recorded, outcome.status))
