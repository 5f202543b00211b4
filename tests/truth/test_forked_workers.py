"""WBS109 under the real client: what becomes of a run depends on whether a worker or the training is told first.

A scheduler tells both at once, so that it is chance; here one waits for the other.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.drills import NO_SERVER
from wbsignal_lint.drill.measurement import Plan, drill

pytestmark = [pytest.mark.truth, pytest.mark.hunt]

TRAINING = Path(__file__).parent / "scripts" / "tells_worker.py"


def test_a_worker_that_is_told_first_ends_the_run_and_the_training_hangs(tmp_path: Path) -> None:
    measured = drill([sys.executable, str(TRAINING), "worker"], Plan((), grace=30), server=NO_SERVER, cwd=tmp_path)

    (run,) = measured.runs
    assert "the worker is gone" in measured.output
    assert (run.sequence, run.logged) == ("P X(143)", 1), "what is logged after the worker's finish() is lost"
    assert measured.killed, "finish() in the training waits for an answer that does not come"


def test_a_worker_that_is_told_last_finds_no_run_any_more(tmp_path: Path) -> None:
    measured = drill([sys.executable, str(TRAINING), "training"], Plan((), grace=90), server=NO_SERVER, cwd=tmp_path)

    assert str(measured) == "P X(143) rc=143", measured.output
    assert "Error" in measured.output
    assert not measured.killed
