"""WBS423."""

from __future__ import annotations

from collections.abc import Iterator

from wbsignal_lint.diagnostics import Confidence, Diagnostic, Severity, Span
from wbsignal_lint.launch.batch import BatchJob, batch_jobs
from wbsignal_lint.launch.beside import trainer_resumes
from wbsignal_lint.launch.facts import LaunchFile
from wbsignal_lint.rules.base import LaunchRule

__all__ = ["RerunNotIdempotent"]


class RerunNotIdempotent(LaunchRule):
    """A job that can be queued again is not prepared for its next start.

    ## What it finds

    A job that asks for `--requeue` or requeues itself, and lacks one of these: `--open-mode=append`; for a training (a
    sweep's agent gets its ids from W&B) a run id that is the same at every start, or anything else that resumes, in
    the script or in the training's file. Where it lacks that, a check that leaves at once when the work is done is
    asked for as well.

    ## Why it matters

    Every start of a job truncates its output files, unless `--open-mode=append` is given: what the first start
    printed, the reason for its end included, is gone. Without `WANDB_RUN_ID` and `WANDB_RESUME` every start is a new
    run, and the one that was marked as preempting waits for ever. And SLURM from 24.05 on runs a job that was taken
    down at the end of its grace time once more after a restart that succeeded: without a marker it trains from the
    beginning.

    ## Example

    Bad:

    ```bash
    #!/bin/bash
    #SBATCH --requeue
    export WANDB_PROJECT=segmentation
    srun python train.py
    sync
    ```

    Good:

    ```bash
    #!/bin/bash
    #SBATCH --requeue
    #SBATCH --open-mode=append
    [ -e "done.$SLURM_JOB_ID" ] && exit 0
    export WANDB_RUN_ID="job-$SLURM_JOB_ID" WANDB_RESUME=allow
    srun python train.py && touch "done.$SLURM_JOB_ID"
    sync
    ```

    ## Fix

    None: where the marker is, and what the run is called, is for the author to say.

    ## Leaves alone

    Jobs that are queued again only because it is the site's default; jobs that start no agent and no training; jobs
    that append and resume but have no marker, since a training that goes on from its last checkpoint is done at once;
    the output of a training that the script itself appends to a file.

    ## Source

    `man sbatch`, `--open-mode`; https://docs.wandb.ai/guides/runs/resuming/; measured with SLURM 22.05.8 and 24.11.5
    (docs/slurm.md).
    """

    code = "WBS423"
    name = "rerun-not-idempotent"
    severity = Severity.INFO
    confidence = Confidence.MEDIUM

    def check(self, launch: LaunchFile) -> Iterator[Diagnostic]:
        """Yield the jobs that can be started again and are not prepared for it."""
        for job in batch_jobs(launch):
            place = _asks_for_requeue(job)
            missing = list(_missing(launch, job)) if job.started and place is not None else []
            if place is not None and missing:
                yield self.at(
                    place,
                    f"this job can be started again, and is not prepared for it: {'; '.join(missing)}",
                    scope=place,
                )


def _asks_for_requeue(job: BatchJob) -> Span | None:
    """Return where a job says that it is to be queued again."""
    if job.wants_requeue is False:
        return None
    asked = job.script.directive("--requeue")
    if asked is not None:
        return asked.span
    return job.requeues[0].span if job.requeues else None


def _missing(launch: LaunchFile, job: BatchJob) -> Iterator[str]:
    mode = job.script.directive("--open-mode")
    if (mode is None or mode.value not in ("append", "a")) and not all(one.appends for one in job.started):
        yield "its output is truncated (no --open-mode=append)"
    trainings = [one.launch for one in job.started if one.launch.trainer is not None]
    if trainings and not job.resumes and not any(trainer_resumes(launch, one) for one in trainings):
        yield "every start is a new run, unless the training resumes by itself (no WANDB_RUN_ID and WANDB_RESUME here)"
        if not job.asks_whether_done:
            yield "what is done is done again (nothing leaves at once when the work is done)"
