"""The job scripts that docs/slurm.md recommends keep their runs, whatever SLURM does to them."""

from __future__ import annotations

import pytest

from tests.slurm.cluster import Cluster
from tests.slurm.job import Event, run_job
from tests.slurm.templates import TEMPLATES

pytestmark = pytest.mark.slurm


@pytest.mark.parametrize("event", [Event.SIGNAL, Event.PREEMPT])
@pytest.mark.parametrize("name", TEMPLATES)
def test_the_run_is_marked_and_the_job_started_again_to_its_end(cluster: Cluster, name: str, event: Event) -> None:
    result = run_job(cluster, TEMPLATES[name], event, follow_restart=True)

    first, *later = [run.sequence for run in result.runs]
    assert first in ("P X(138)", "P X(143)"), result.output
    # Every run of a sweep is one of its own; the agent comes back for the next.
    assert later[:1] == ["X(0)"], result.output
    assert result.restarts >= 1


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_cancelled_job_is_not_started_again(cluster: Cluster, name: str) -> None:
    result = run_job(cluster, TEMPLATES[name], Event.CANCEL)

    assert (str(result), result.state) == ("P X(143)", "CANCELLED"), result.output
