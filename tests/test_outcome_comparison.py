"""Forecast against measurement: what counts as equal, different, unknown."""

from __future__ import annotations

import pytest

from wbsignal_lint.contract import Scenario
from wbsignal_lint.outcome_comparison import Agreement, compare
from wbsignal_lint.outcome_table import UNKNOWN, Outcome, Row


def row(*outcomes: Outcome, scenario: Scenario = Scenario.SIGNAL, signal: str | None = "SIGTERM") -> Row:
    return Row(scenario, signal, True, outcomes)


KEPT = Outcome(True, 143, 143, "kept")
LOST = Outcome(True, 0, 143, "lost")


@pytest.mark.parametrize(
    ("forecast", "measured", "agreement"),
    [
        ((KEPT,), KEPT, Agreement.EQUAL),
        ((KEPT,), LOST, Agreement.DIFFERENT),
        ((LOST, KEPT), KEPT, Agreement.EQUAL),
        ((Outcome(UNKNOWN, UNKNOWN, UNKNOWN, "?"),), KEPT, Agreement.UNKNOWN),
        ((KEPT,), Outcome(UNKNOWN, UNKNOWN, None, "?"), Agreement.UNKNOWN),
        ((KEPT,), Outcome(True, 143, -15, "killed"), Agreement.DIFFERENT),
        ((), KEPT, Agreement.UNKNOWN),
    ],
)
def test_agreement(forecast: tuple[Outcome, ...], measured: Outcome, agreement: Agreement) -> None:
    (found,) = compare([row(*forecast)], [row(measured)])

    assert found.agreement is agreement


def test_a_signal_without_a_forecast_is_unknown() -> None:
    (found,) = compare([row(KEPT)], [row(KEPT, signal="SIGHUP")])

    assert found.forecast is None
    assert found.agreement is Agreement.UNKNOWN


def test_a_failure_is_held_against_the_row_of_failures() -> None:
    ends = row(Outcome(False, 0, 0, "ends"), scenario=Scenario.COMPLETES, signal=None)
    fails = row(Outcome(False, 1, 1, "fails"), scenario=Scenario.FAILS, signal=None)
    (found,) = compare([ends, fails], [row(Outcome(False, 1, 1, "failed"), scenario=Scenario.FAILS, signal=None)])

    assert found.forecast is fails
    assert found.agreement is Agreement.EQUAL


def test_an_exit_of_its_own_is_held_against_the_ordinary_end() -> None:
    ends = row(Outcome(False, 3, 3, "exits"), scenario=Scenario.COMPLETES, signal=None)
    fails = row(Outcome(False, 1, 1, "fails"), scenario=Scenario.FAILS, signal=None)
    (found,) = compare([ends, fails], [row(Outcome(False, 3, 3, "left"), scenario=Scenario.FAILS, signal=None)])

    assert found.forecast is ends
