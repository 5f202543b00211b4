"""Which process of a job SLURM signals: what the rules about batch scripts rest on."""

from __future__ import annotations

import pytest

from tests.slurm.cluster import Cluster
from tests.slurm.job import Event, run_job

pytestmark = pytest.mark.slurm

BARE = "python train.py\n"
STEP = "srun python train.py\n"
REPLACED = "exec python train.py\n"
FORWARDING = "wandb agent --forward-signals me/project/abc12345\n"
TRAPPED = """\
trap 'kill -USR1 "$PID"' USR1
python train.py &
PID=$!
wait "$PID"
"""
TO_STEPS, TO_SHELL, TERM_TO_STEPS = "USR1@120", "B:USR1@120", "TERM@120"

needs_default_tracker = pytest.mark.usefixtures("default_tracker")


@pytest.fixture
def default_tracker(cluster: Cluster) -> None:
    if cluster.tracker != "cgroup":
        pytest.skip("SLURM's default tracker needs root and a writable freezer of cgroup v1; pgid signals whole groups")


def job(asked: str | None, commands: str) -> str:
    directive = "" if asked is None else f"#SBATCH --signal={asked}\n"
    return f"#!/bin/bash\n#SBATCH --output=%j.out\n#SBATCH --requeue\n{directive}{commands}"


@pytest.mark.parametrize(
    ("asked", "commands", "record"),
    [
        pytest.param(TO_STEPS, STEP, "P X(138)", id="a-step-gets-it"),
        pytest.param(TO_STEPS, BARE, "-", id="no-step-nobody"),
        pytest.param(TO_SHELL, BARE, "-", id="shell-dies-of-it"),
        pytest.param(TO_SHELL, REPLACED, "P X(138)", id="shell-is-the-trainer"),
        pytest.param(TO_SHELL, TRAPPED, "-", id="one-wait-leaves-too-early"),
        pytest.param(TO_SHELL, f'{TRAPPED}wait "$PID"\n', "P X(138)", id="two-waits"),
        pytest.param(TO_STEPS, f"srun {FORWARDING}", "P X(138)", id="a-forwarding-agent-in-a-step"),
        pytest.param(TERM_TO_STEPS, "srun wandb agent me/project/abc12345\n", "-", id="a-silent-agent-in-a-step"),
        pytest.param(TERM_TO_STEPS, FORWARDING, "-", id="an-agent-without-a-step"),
    ],
)
@needs_default_tracker
def test_the_warning_reaches(cluster: Cluster, asked: str, commands: str, record: str) -> None:
    result = run_job(cluster, job(asked, commands), Event.SIGNAL)

    assert result.runs[0].sequence == record, result.output


@pytest.mark.parametrize(
    ("commands", "record"),
    [
        pytest.param(BARE, "- requeued", id="bare"),
        pytest.param(FORWARDING, "- requeued", id="bare-agent"),
        pytest.param(REPLACED, "P X(143) requeued", id="exec"),
        # TERM at the beginning of the grace, which the handler uses up; whether the job is queued again is a matter of
        # SLURM's version, see the next test.
        pytest.param(f"{STEP}sleep 60\n", "P X(143) requeued", id="step-and-waiting"),
        pytest.param(f"srun {FORWARDING}sleep 60\n", "P X(143) requeued", id="agent-in-a-step"),
        pytest.param(f'{TRAPPED.replace("USR1", "TERM")}wait "$PID"\n', "P X(143) requeued", id="trap"),
    ],
)
@needs_default_tracker
def test_a_preemption_reaches(cluster: Cluster, commands: str, record: str) -> None:
    assert str(run_job(cluster, job(None, commands), Event.PREEMPT)) == record


def test_the_warning_is_not_sent_at_a_preemption(cluster: Cluster) -> None:
    result = run_job(cluster, job("USR1@10", f"{STEP}sleep 60\n"), Event.PREEMPT)

    assert result.record == "P X(143)"


def test_before_24_05_a_job_that_ends_within_its_grace_is_not_queued_again(cluster: Cluster) -> None:
    version = tuple(int(part) for part in cluster.version.split(".")[:2])

    result = run_job(cluster, job(None, STEP), Event.PREEMPT)

    assert result.record == "P X(143)"
    assert result.restarts == (1 if version >= (24, 5) else 0)


@pytest.mark.parametrize(
    ("commands", "record"), [(BARE, "-"), (STEP, "P X(143)"), (REPLACED, "P X(143)"), (FORWARDING, "-")]
)
@needs_default_tracker
def test_scancel_reaches(cluster: Cluster, commands: str, record: str) -> None:
    result = run_job(cluster, job(None, commands), Event.CANCEL)

    assert (str(result), result.state) == (record, "CANCELLED"), result.output


@needs_default_tracker
def test_the_time_limit_kills_a_bare_trainer_untold(cluster: Cluster) -> None:
    result = run_job(cluster, job("USR1@5", BARE), Event.LIMIT)

    assert (str(result), result.state) == ("-", "TIMEOUT"), result.output


def test_an_agent_goes_on_after_a_user_signal(cluster: Cluster) -> None:
    result = run_job(cluster, job(TO_STEPS, f"srun {FORWARDING}sleep 60\n"), Event.SIGNAL)

    assert result.runs[0].sequence == "P X(138)"
    assert result.handed_out[:2] == ("run1", "run2")
