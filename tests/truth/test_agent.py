"""WBS401 under the real ``wandb agent``: without ``--forward-signals`` the run is orphaned and never told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from wbsignal_lint.drill.agent import AgentMeasurement, agent_command, drill_agent
from wbsignal_lint.drill.measurement import Plan

pytestmark = pytest.mark.truth

ROOT = Path(__file__).parents[2]
JOBS = Path(__file__).parent / "jobs"
# The job scripts call `wandb`, which is installed beside the Python that runs the tests.
WITH_WANDB = {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
TRAINER = [sys.executable, str(Path(__file__).parent / "scripts" / "marks_in_handler.py"), "waits"]


def orphans(measured: AgentMeasurement) -> list[str]:
    return [left.command for left in measured.agent.left_behind]


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGUSR1])
def test_without_forwarding_the_run_is_orphaned_and_never_told(signum: signal.Signals, tmp_path: Path) -> None:
    measured = drill_agent(TRAINER, Plan((signum,)), launcher=agent_command(forward_signals=False), cwd=tmp_path)

    assert measured.agent.status == -signum, measured.agent.output
    assert orphans(measured) == [" ".join(TRAINER)]
    assert measured.agent.sequence == "-"


def test_with_forwarding_the_handler_runs_and_the_agent_ends(tmp_path: Path) -> None:
    measured = drill_agent(TRAINER, Plan((signal.SIGTERM,)), launcher=agent_command(forward_signals=True), cwd=tmp_path)

    assert measured.agent.sequence == "P X(143)", measured.agent.output
    assert measured.agent.status == 0
    assert orphans(measured) == []
    assert measured.handed_out == ("run1",)


def test_a_forwarded_sigusr1_marks_the_run_but_the_agent_starts_the_next_one(tmp_path: Path) -> None:
    measured = drill_agent(
        TRAINER, Plan((signal.SIGUSR1,), grace=15), launcher=agent_command(forward_signals=True), cwd=tmp_path
    )

    assert measured.agent.runs[0].sequence == "P X(138)", measured.agent.output
    assert measured.handed_out == ("run1", "run2")
    assert measured.agent.killed


@pytest.mark.parametrize(
    ("job", "signum"),
    [
        ("agent_exec.sh", signal.SIGTERM),
        ("agent_trap_wait.sh", signal.SIGUSR1),
        ("agent_exec.py", signal.SIGTERM),
        ("agent_told_on.py", signal.SIGUSR1),
        ("agent_job_file.py", signal.SIGTERM),
    ],
)
def test_fixing_a_job_script_keeps_its_run(job: str, signum: signal.Signals, tmp_path: Path) -> None:
    script = tmp_path / job
    script.write_bytes((JOBS / job).read_bytes())
    launcher = [sys.executable if script.suffix == ".py" else "bash", job]

    before = drill_agent(TRAINER, Plan((signum,)), launcher=launcher, cwd=tmp_path, environment=WITH_WANDB)
    fix = subprocess.run(
        [sys.executable, "-m", "wbsignal_lint", "--select", "WBS401", "--fix", str(script)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    after = drill_agent(TRAINER, Plan((signum,)), launcher=launcher, cwd=tmp_path, environment=WITH_WANDB)

    assert before.agent.sequence == "-", before.agent.output
    assert orphans(before) == [" ".join(TRAINER)]
    assert fix.returncode == 0, fix.stdout + fix.stderr
    assert after.agent.sequence == "P X(143)", after.agent.output
    assert orphans(after) == []
    assert after.handed_out == ("run1",)
