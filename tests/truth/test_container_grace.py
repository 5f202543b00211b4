"""WBS504 with a real process 1: a grace period that ends before the agent's own time costs the run its record."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.truth.test_container_starts import has_namespaces
from wbsignal_lint.drill.agent import agent_command, drill_agent
from wbsignal_lint.drill.measurement import Plan

SCRIPTS = Path(__file__).parent / "scripts"
TERM_TIMEOUT = 20
SHORT, LONG = 1.5, 25.0
"""Seconds of grace; the handler takes three to save."""

pytestmark = [
    pytest.mark.truth,
    pytest.mark.skipif(not has_namespaces(), reason="`unshare --map-root-user --pid` is not allowed on this machine"),
]


@pytest.mark.parametrize(
    ("order", "grace", "record"),
    [
        pytest.param("saves, marks", SHORT, "-", id="killed while it saves"),
        pytest.param("marks, saves", SHORT, "P", id="killed while it saves, marked", marks=pytest.mark.hunt),
        pytest.param("saves, marks", LONG, "P X(143)", id="in time", marks=pytest.mark.hunt),
        pytest.param("marks, saves", LONG, "P X(143)", id="in time, marked", marks=pytest.mark.hunt),
    ],
)
def test_the_agent_has_the_time_that_its_container_leaves_it(
    order: str, grace: float, record: str, tmp_path: Path
) -> None:
    trainer = [sys.executable, str(SCRIPTS / "saves_in_handler.py"), *order.split(", ")]
    agent = [*agent_command(forward_signals=True), f"--term-timeout={TERM_TIMEOUT}"]

    measured = drill_agent(
        trainer,
        Plan((signal.SIGTERM,), grace=LONG + 5),
        launcher=[sys.executable, str(SCRIPTS / "container.py"), *agent],
        cwd=tmp_path,
        environment={**os.environ, "CONTAINER_GRACE": str(grace)},
    )

    assert measured.agent.sequence == record, measured.agent.output
    assert measured.handed_out == ("run1",)
