"""Forecast against drill, script by script: what reading a script says of its ends is what W&B was seen to record.

The scripts and their measured table lie in fixtures/outcomes; measure_outcomes.py makes the table. The forecasts are
held against the table in every run, and so is the client itself: each script is drilled anew in one scenario, and in
all of them in a hunt.
"""

from __future__ import annotations

import ast
import functools
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from measure_outcomes import SCENARIOS, TO_THE_END, Measured, measure_outcome, read_table, scenarios_of, scripts

from wbsignal_lint.contract import Scenario
from wbsignal_lint.forecast import forecast_text
from wbsignal_lint.outcome_table import Outcome, Row, Unknown

TABLE = read_table()
ROWS = [(script, scenario) for script in scripts() for scenario in scenarios_of(script)]

INPUT = {"argv", "environ", "getenv", "exists"}
"""Attributes by which a script reads what no reader of it can know."""

BUGS = {"mark_after_init_crash", "with_crash"}
"""Scripts with a bug that only running them shows: what they come to is forecast as an exception."""

each_script = pytest.mark.parametrize("script", scripts(), ids=lambda script: script.stem)


@functools.cache
def forecast_row(script: Path, scenario: str) -> Row:
    """Return what is forecast for a scenario; the end that a script comes to when it is let alone is one of them."""
    rows = forecast_text(script.read_text())
    if scenario == TO_THE_END:
        end = Scenario.FAILS if script.stem in BUGS else Scenario.COMPLETES
        (row,) = (row for row in rows if row.scenario is end)
        return row
    candidates = [row for row in rows if row.signal == scenario]
    assert len(candidates) == 1, f"{len(candidates)} rows for {scenario}"
    return candidates[0]


def is_unknown(outcome: Outcome) -> bool:
    return any(isinstance(value, Unknown) for value in (outcome.marked, outcome.recorded, outcome.status))


def agreement(script: Path, row: Row, measured: Measured) -> str:
    """Say ``equal``, ``different`` or ``unknown``; several outcomes may be forecast only where an input decides."""
    if any(is_unknown(outcome) for outcome in row.outcomes):
        return "unknown"
    forecast = [(outcome.has_run, outcome.marked, outcome.recorded, outcome.status) for outcome in row.outcomes]
    equal = (True, measured.marked, measured.recorded, measured.status) in forecast
    return "equal" if equal and (len(forecast) == 1 or reads_input(script)) else "different"


def reads_input(script: Path) -> bool:
    return any(
        isinstance(node, ast.Attribute) and node.attr in INPUT for node in ast.walk(ast.parse(script.read_text()))
    )


def drilled_in_every_run(script: Path) -> str:
    """Return the one scenario that a script is drilled in when not all can be: always the same for a name."""
    scenarios = scenarios_of(script)
    return scenarios[zlib.crc32(script.stem.encode()) % len(scenarios)]


@each_script
def test_the_forecast_is_what_was_measured(script: Path, record_property: Callable[[str, object], None]) -> None:
    different = {}
    for scenario, measured in TABLE[script.stem].items():
        row = forecast_row(script, scenario)
        found = agreement(script, row, measured)
        record_property("forecast", found)  # counted by outcome_counts.py
        if found == "different":
            different[scenario] = f"measured {measured}, forecast {row.outcomes}"

    assert different == {}


@pytest.mark.parametrize("script", [*filter(reads_input, scripts())], ids=lambda script: script.stem)
def test_where_an_input_decides_all_outcomes_are_forecast(script: Path) -> None:
    assert any(len(forecast_row(script, scenario).outcomes) > 1 for scenario in scenarios_of(script))


def test_few_rows_are_unknown() -> None:
    unknown = [
        (script.stem, scenario)
        for script, scenario in ROWS
        if any(is_unknown(outcome) for outcome in forecast_row(script, scenario).outcomes)
    ]

    assert len(unknown) <= 0.05 * len(ROWS), unknown


def test_every_script_was_measured_in_every_scenario() -> None:
    assert [(name, scenario) for name in sorted(TABLE) for scenario in TABLE[name]] == [
        (script.stem, scenario) for script, scenario in ROWS
    ]
    assert len(TABLE) >= 84


@pytest.mark.truth
@each_script
def test_the_client_still_records_what_was_measured(script: Path) -> None:
    scenario = drilled_in_every_run(script)

    assert measure_outcome(script, scenario) == TABLE[script.stem][scenario], scenario


def test_every_scenario_is_drilled_in_every_run() -> None:
    assert {drilled_in_every_run(script) for script in scripts()} >= set(SCENARIOS)


@pytest.mark.hunt
@pytest.mark.parametrize(
    ("script", "scenario"), [pytest.param(*row, id=f"{row[0].stem}-{row[1]}".replace(" ", "-")) for row in ROWS]
)
def test_the_client_still_records_all_that_was_measured(script: Path, scenario: str) -> None:
    assert measure_outcome(script, scenario) == TABLE[script.stem][scenario]
