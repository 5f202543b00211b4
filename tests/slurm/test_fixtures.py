"""What the rules about batch scripts claim of a fixture is what a real SLURM and the real client make of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.drills import kind_of
from tests.slurm.cluster import Cluster
from tests.slurm.drill_job import Head, drill_job, submitted_fixtures
from tests.support import FIXTURES

pytestmark = pytest.mark.slurm


@pytest.mark.parametrize(
    ("path", "head"),
    [pytest.param(path, head, id=str(path.relative_to(FIXTURES))) for path, head in submitted_fixtures()],
)
def test_the_record_is_the_one_that_the_head_claims(cluster: Cluster, path: Path, head: Head) -> None:
    if cluster.tracker != "cgroup":
        pytest.skip("the rules assume SLURM's default tracker, cgroup, which needs root and a writable freezer")

    result = drill_job(cluster, path, head.event)

    assert str(result) == head.records[kind_of(path)], result.output
