"""SIGINT to a training that has ignored it from the start, below ``&`` or ``trap ''``: with a handler it gets it.

With the real bash and client, and held against ``forecast --launch``.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.drills import NO_SERVER
from wbsignal_lint.drill.measurement import Plan, drill
from wbsignal_lint.forecast.command import rows_of_file
from wbsignal_lint.forecast.launched import forecast_launch

pytestmark = pytest.mark.truth

HANDLER = """
def handler(signum, frame):
    run.mark_preempting()
    wandb.finish(exit_code=128 + signum)
    sys.exit(128 + signum)


signal.signal(signal.SIGINT, handler)
"""
TRAINER = """import signal
import sys
import time

import wandb

run = wandb.init(project="launch")
{handler}
for step in range(600):
    run.log({{"step": step}})
    time.sleep(0.05)
"""
JOBS = {
    "background": ("trap 'kill -INT \"$PID\"' TERM\npython train.py &\nPID=$!\nwait $PID\nwait $PID\n", signal.SIGTERM),
    "ignored by the script": ("trap '' INT\nexec python train.py\n", signal.SIGINT),
}


@pytest.mark.parametrize("handles", [True, False], ids=["handler", "no handler"])
@pytest.mark.parametrize("name", JOBS)
def test_a_handler_is_set_also_where_the_signal_was_ignored(name: str, handles: bool, tmp_path: Path) -> None:
    job, signum = JOBS[name]
    trainer = tmp_path / "train.py"
    trainer.write_text(TRAINER.format(handler=HANDLER if handles else ""))
    (tmp_path / "job.sh").write_text(f"#!/bin/bash\n{job}")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    search = os.pathsep.join([str(Path(sys.executable).parent), str(tmp_path / "bin"), os.environ["PATH"]])

    rows = forecast_launch("job.sh", f"#!/bin/bash\n{job}", tmp_path, "train.py", rows_of_file(str(trainer)))
    (outcome,) = next(row.outcomes for row in rows if row.signal == signum.name)
    measured = drill(
        ["bash", "job.sh"],
        Plan((signum,), grace=4.0),
        server=NO_SERVER,
        cwd=tmp_path,
        environment={**os.environ, "PATH": search},
    )

    if handles:
        assert (outcome.marked, outcome.recorded) == (True, 130)
        assert measured.runs[0].sequence == "P X(130)"
    else:
        assert outcome.why.endswith("the training goes on")
        assert (measured.runs[0].sequence, measured.killed) == ("-", True)
