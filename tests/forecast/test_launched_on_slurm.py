"""``forecast --launch`` says of a batch script what a real SLURM and the real client were measured to make of it.

The records stand in the heads of the fixtures (fixtures/README.md); tests/slurm holds them against SLURM itself.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.drills import kind_of
from tests.slurm.drill_job import Head, submitted_fixtures
from tests.slurm.job import TRAINER, Event
from tests.support import FIXTURES
from wbsignal_lint.cli import main

EVENTS = {
    Event.SIGNAL: "--signal",
    Event.CANCEL: "scancel",
    Event.PREEMPT: "preemption",
    Event.LIMIT: "time limit",
}
NOT_KNOWN = {"good_told_by_scancel.sbatch", "fixed_checked.sbatch"}
"""Fixtures of which the forecast says that it does not know.

To whom ``scancel`` in a trap goes is not followed; nor how often a job has been restarted, where its trap asks that.
"""


def record(outcome: dict[str, object]) -> str:
    """Write an outcome as the heads do."""
    mark = ["P"] if outcome["marked"] else []
    code = [] if outcome["recorded_exit"] is None else [f"X({outcome['recorded_exit']})"]
    return " ".join(mark + code) or "-"


@pytest.mark.parametrize(
    ("path", "head"),
    [pytest.param(path, head, id=str(path.relative_to(FIXTURES))) for path, head in submitted_fixtures()],
)
def test_the_forecast_is_what_was_measured(
    path: Path, head: Head, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "train.py").write_bytes(TRAINER.read_bytes())

    main(["forecast", "--launch", str(tmp_path / path.name), str(tmp_path / "train.py"), "--output-format", "json"])
    rows = json.loads(capsys.readouterr().out)

    measured = head.records[kind_of(path)].removesuffix(" requeued")
    forecasts = [row["outcomes"] for row in rows if row.get("event") == EVENTS[head.event]]
    if path.name in NOT_KNOWN:
        assert {outcome["state"] for outcomes in forecasts for outcome in outcomes} == {None}
        return
    records = [record(outcome) for outcomes in forecasts for outcome in outcomes]
    if " | " in measured:  # a row for each training of the job
        assert sorted(records) == measured.split(" | ")
    else:
        assert measured in records, forecasts
    assert all(len(outcomes) == 1 for outcomes in forecasts), "not sure of what was measured"
