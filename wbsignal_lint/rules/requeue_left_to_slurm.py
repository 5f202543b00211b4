"""WBS424."""

from __future__ import annotations

from collections.abc import Iterator

from wbsignal_lint.diagnostics import Confidence, Diagnostic, Severity
from wbsignal_lint.launch.batch import batch_jobs
from wbsignal_lint.launch.facts import LaunchFile
from wbsignal_lint.rules.base import LaunchRule

__all__ = ["RequeueLeftToSlurm"]


class RequeueLeftToSlurm(LaunchRule):
    """Before SLURM 24.05 a preempted job that ends by itself is not queued again.

    ## What it finds

    A job submitted with `--requeue` whose last command is a training or a sweep agent run by `srun`, without a
    `scontrol requeue` anywhere and without a trap.

    ## Why it matters

    At a preemption the step gets SIGTERM at the beginning of the grace time. A handler that does everything right
    saves its checkpoint, marks the run and leaves; with it the step ends, and the job, before SLURM takes it down.
    SLURM up to 23.11 then takes it for a job that has ended: it is not queued again, and the marked run waits for
    ever. A job that stays until it is taken down, or requeues itself, is queued again in every version.

    A training without a handler is ended by the same SIGTERM, with the same result. This assumes a grace time
    (`GraceTime` above 0).

    ## Example

    Bad:

    ```bash
    #!/bin/bash
    #SBATCH --requeue
    export WANDB_RUN_ID="job-$SLURM_JOB_ID" WANDB_RESUME=allow
    srun python train.py
    ```

    Good:

    ```bash
    #!/bin/bash
    #SBATCH --requeue
    export WANDB_RUN_ID="job-$SLURM_JOB_ID" WANDB_RESUME=allow
    srun python train.py
    status=$?
    case $status in
      138 | 143) scontrol requeue "$SLURM_JOB_ID"; sleep 60 ;;
    esac
    exit "$status"
    ```

    ## Fix

    None: what a status means is the training's business.

    ## Leaves alone

    Jobs that don't ask for `--requeue`; jobs that do anything after the training.

    ## Source

    Measured with SLURM 22.05.8 (not queued again) and 24.11.5 (queued again); changed in 24.05.
    """

    code = "WBS424"
    name = "requeue-left-to-slurm"
    severity = Severity.WARNING
    confidence = Confidence.MEDIUM

    def check(self, launch: LaunchFile) -> Iterator[Diagnostic]:
        """Yield the steps with whose end their job ends, unnoticed by SLURM."""
        for job in batch_jobs(launch):
            if not job.wants_requeue or job.requeues or job.script.traps:
                continue
            for started in job.started:
                if started.is_task_of_srun and started.launch.is_foreground and started.launch.is_last:
                    yield self.at(
                        started.span,
                        f"before SLURM 24.05 a preempted job whose {started.what} leaves by itself is not queued "
                        "again, in spite of --requeue: look at its exit status, and call `scontrol requeue`",
                        scope=started.launch.span,
                    )
