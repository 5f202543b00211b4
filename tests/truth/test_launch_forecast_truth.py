"""``forecast --launch`` against the real thing: bash, the agent, its signals, and what the client recorded.

Every run compares two jobs; a hunt all of them.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from tests.truth.drill_launch import GRACE, TRAINER
from wbsignal_lint.drill.agent import drill_agent
from wbsignal_lint.drill.measurement import Plan
from wbsignal_lint.forecast.command import rows_of_file, rows_of_launch
from wbsignal_lint.outcome_table import Outcome

pytestmark = pytest.mark.truth

AGENT = "wandb agent --forward-signals drill/drill/sweep1"
TRAP = "trap 'kill -TERM \"$PID\"' TERM USR1\n"
DEFAULT = ["python", "train.py"]
JOBS = {
    "exec": (f"exec {AGENT}\n", DEFAULT, signal.SIGTERM),
    "exec, user signal": (f"exec {AGENT}\n", DEFAULT, signal.SIGUSR1),
    "two waits": (f'{TRAP}{AGENT} &\nPID=$!\nwait "$PID"\nwait "$PID"\n', DEFAULT, signal.SIGUSR1),
    "single wait": (f'{TRAP}{AGENT} &\nPID=$!\nwait "$PID"\n', DEFAULT, signal.SIGTERM),
    "foreground": (f"{TRAP}{AGENT}\n", DEFAULT, signal.SIGTERM),
    "no trap": (f"{AGENT}\n", DEFAULT, signal.SIGTERM),
    "not forwarding": ("exec wandb agent drill/drill/sweep1\n", DEFAULT, signal.SIGTERM),
    "trap for EXIT": (
        f'trap \'kill -TERM "$PID"; wait\' EXIT\n{AGENT} &\nPID=$!\nwait "$PID"\n',
        DEFAULT,
        signal.SIGUSR1,
    ),
    "pipe": (f"{AGENT} | tee agent.log\n", DEFAULT, signal.SIGTERM),
    "script between": (f"exec {AGENT}\n", ["bash", "run.sh"], signal.SIGTERM),
    "script that gives way": (f"exec {AGENT}\n", ["bash", "exec.sh"], signal.SIGTERM),
    "timeout": (f"exec {AGENT}\n", ["timeout", "100", "python", "train.py"], signal.SIGTERM),
    "timeout, user signal": (f"exec {AGENT}\n", ["timeout", "100", "python", "train.py"], signal.SIGUSR1),
}
IN_EVERY_RUN = ("single wait", "script between")


def sequence(outcome: Outcome) -> str:
    """Write an outcome as transaction logs are written: ``P X(143)``."""
    recorded = "" if outcome.recorded is None else f"X({outcome.recorded})"
    return " ".join(part for part in ("P" if outcome.marked is True else "", recorded) if part) or "-"


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in IN_EVERY_RUN else [pytest.mark.hunt]) for name in JOBS]
)
def test_what_is_forecast_for_a_job_is_what_is_recorded(name: str, tmp_path: Path) -> None:
    job, command, signum = JOBS[name]
    (tmp_path / "job.sh").write_text(f"#!/bin/bash\n{job}")
    (tmp_path / "run.sh").write_text("#!/bin/bash\npython train.py\necho done\n")
    (tmp_path / "exec.sh").write_text("#!/bin/bash\nexec python train.py\n")
    sweep = f"program: train.py\nmethod: grid\ncommand: {command}\nparameters: {{lr: {{value: 1}}}}\n"
    (tmp_path / "sweep.yaml").write_text(sweep)
    trainer = tmp_path / "train.py"
    shutil.copy(TRAINER, trainer)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    search = os.pathsep.join([str(Path(sys.executable).parent), str(tmp_path / "bin"), os.environ["PATH"]])

    rows = rows_of_launch(
        str(tmp_path / "job.sh"), str(tmp_path / "sweep.yaml"), str(trainer), rows_of_file(str(trainer))
    )
    (row,) = [row for row in rows if row.signal == signum.name]
    measured = drill_agent(
        command,
        Plan((signum,), grace=GRACE),
        launcher=["bash", "job.sh"],
        cwd=tmp_path,
        environment={**os.environ, "PATH": search},
    )

    forecast = {sequence(outcome) for outcome in row.outcomes}
    assert measured.agent.runs[0].sequence in forecast, measured.agent.output
    # A second outcome of a run that is marked and ended is that of the agent's next run.
    assert (len(measured.handed_out) > 1) == any("next run" in outcome.why for outcome in row.outcomes)
