"""The session on a real SLURM: only on demand, and then without excuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.slurm.cluster import Cluster, ClusterUnavailable

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take these tests out of every session that does not ask for them by their marker: ``-m slurm``."""
    if "slurm" not in config.getoption("-m"):
        mine = [item for item in items if HERE in item.path.parents]
        config.hook.pytest_deselected(items=mine)
        items[:] = [item for item in items if HERE not in item.path.parents]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Return a running cluster; a session that was asked for and has none fails, in one line."""
    running = Cluster()
    try:
        running.__enter__()
    except ClusterUnavailable as error:
        pytest.exit(str(error), returncode=1)
    try:
        yield running
    finally:
        running.__exit__(None, None, None)
