"""WBS413 under the real ``wandb sweep`` and ``wandb agent``: what becomes of a run whose sweep is cancelled or stopped.

The server is ours, and does what ``wandb sweep --help`` says of the two; what the agent makes of its answers, and what
is recorded of the run, is the client's. And WBS415: whether a sweep still hands out runs is the server's to say.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import CLI, run
from wbsignal_lint.drill.agent import AgentMeasurement, drill_agent
from wbsignal_lint.drill.environment import client_environment
from wbsignal_lint.drill.loopback import SWEEP_PATH, Loopback, Sweep
from wbsignal_lint.drill.measurement import Plan

pytestmark = pytest.mark.truth

TRAINER = [sys.executable, str(Path(__file__).parent / "scripts" / "trains_for_a_while.py")]
ENVIRONMENT = {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
CANCEL = f"#!/bin/bash\nwandb sweep --cancel {SWEEP_PATH}\n"


def told_to_end(end: Path) -> AgentMeasurement:
    """Run an agent in a job that calls a script for its end, and send it the signal once its run has logged."""
    job = end.with_name("job.sh")
    job.write_text(f"trap 'bash {end.name}' USR1\nwandb agent {SWEEP_PATH} &\nwait\nwait\n")
    return drill_agent(
        TRAINER,
        Plan((signal.SIGUSR1,), grace=90),
        launcher=["bash", job.name],
        cwd=job.parent,
        environment=ENVIRONMENT,
    )


def test_the_run_of_a_cancelled_sweep_is_killed_untold(tmp_path: Path) -> None:
    end = tmp_path / "end.sh"
    end.write_text(CANCEL)

    cancelled = told_to_end(end)

    assert cancelled.agent.sequence == "-", cancelled.agent.output
    assert cancelled.agent.left_behind == ()
    assert (cancelled.agent.killed, cancelled.handed_out) == (False, ("run1",))


@pytest.mark.hunt
def test_the_run_of_a_stopped_sweep_comes_to_its_end(tmp_path: Path) -> None:
    end = tmp_path / "end.sh"
    end.write_text(CANCEL)
    fix = ["--isolated", "--select", "WBS413", "--fix", "--unsafe-fixes", str(end)]
    assert run([*CLI, *fix], tmp_path).returncode == 0

    stopped = told_to_end(end)

    assert end.read_text() != CANCEL
    assert stopped.agent.sequence == "X(0)", stopped.agent.output
    assert stopped.agent.runs[0].logged == 200
    assert (stopped.agent.killed, stopped.handed_out) == (False, ("run1",))


@pytest.mark.hunt
@pytest.mark.parametrize("state", ["FINISHED", "CANCELED"])
def test_an_agent_does_not_ask_in_which_state_its_sweep_is(state: str, tmp_path: Path) -> None:
    with Loopback(Sweep(["true"], runs=1)) as server:
        server.sweep_state = state
        done = subprocess.run(
            [sys.executable, "-m", "wandb", "agent", SWEEP_PATH],
            cwd=tmp_path,
            env=client_environment(os.environ, tmp_path, server.url, "online"),
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )

    # It comes as far as the heartbeat, and is sent away there.
    assert "Heartbeat" in server.operations, server.operations
    assert (done.returncode, server.handed_out) == (0, [])
