"""WBS423 on a real SLURM: what is left of a job's first start when it is started again."""

from __future__ import annotations

import pytest

from tests.slurm.cluster import Cluster
from tests.slurm.job import Event, JobResult, run_job
from tests.support import FIXTURES

pytestmark = pytest.mark.slurm

PREPARED = (FIXTURES / "rerun-not-idempotent" / "good_requeues_itself.sbatch").read_text()
SAYS_WHERE = "Run data is saved locally"
"""What the client prints once in every run."""


def without(part: str) -> str:
    """Return the job without the one line that has this part."""
    lines = PREPARED.splitlines(keepends=True)
    (line,) = [line for line in lines if part in line]
    return PREPARED.replace(line, "")


def started_twice(cluster: Cluster, job: str) -> JobResult:
    """Let a job requeue itself, and come to its end in its second start."""
    result = run_job(cluster, job, Event.SIGNAL, follow_restart=True)
    assert (result.record, result.restarts, result.state) == ("P X(138) | X(0)", 1, "COMPLETED"), result.output
    return result


def test_a_job_that_is_prepared_is_one_run_and_keeps_what_it_printed(cluster: Cluster) -> None:
    result = started_twice(cluster, PREPARED)

    first, second = (run.run_id for run in result.runs)
    assert first == second
    assert first.startswith("job-")
    assert result.output.count(SAYS_WHERE) == 2


def test_without_open_mode_the_second_start_empties_the_output(cluster: Cluster) -> None:
    result = started_twice(cluster, without("--open-mode=append"))

    assert result.output.count(SAYS_WHERE) == 1


def test_without_a_run_id_the_second_start_is_another_run(cluster: Cluster) -> None:
    result = started_twice(cluster, without("WANDB_RUN_ID"))

    first, second = (run.run_id for run in result.runs)
    assert first != second
