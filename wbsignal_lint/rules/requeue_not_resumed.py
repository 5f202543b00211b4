"""WBS415."""

from __future__ import annotations

from collections.abc import Iterator

from wbsignal_lint.diagnostics import Confidence, Diagnostic, Severity
from wbsignal_lint.launch.batch import batch_jobs
from wbsignal_lint.launch.facts import LaunchFile
from wbsignal_lint.rules.base import LaunchRule

__all__ = ["RequeueNotResumed"]


class RequeueNotResumed(LaunchRule):
    """A job that is queued again starts its agent without resuming the sweep.

    ## What it finds

    A job that asks for `--requeue` or requeues itself, starts a sweep agent, and never calls `wandb sweep … --resume`.

    ## Why it matters

    W&B queues a run that was marked as preempting again, but hands it out only while the sweep is running. When the
    other agents have meanwhile used up or stopped the sweep, an agent that comes back gets nothing to do. `wandb sweep
    entity/project/id --resume`, called before the agent, puts the sweep back into a state in which requeued runs are
    handed out.

    ## Example

    Bad:

    ```bash
    #!/bin/bash
    #SBATCH --requeue
    srun wandb agent --forward-signals lab/bench/q1w2e3r4
    sync
    ```

    Good:

    ```bash
    #!/bin/bash
    #SBATCH --requeue
    wandb sweep lab/bench/q1w2e3r4 --resume
    srun wandb agent --forward-signals lab/bench/q1w2e3r4
    sync
    ```

    ## Fix

    None.

    ## Leaves alone

    Jobs that are queued again only because it is the site's default; jobs that run other shell scripts or call
    `wandb sweep` with arguments that the file does not tell.

    ## Source

    https://docs.wandb.ai/guides/sweeps/, "Resume preemptible sweep runs". Not measured: it is the server
    that decides. The agent (wandb 0.31.0) does not look at its sweep's state; it asks for work and is sent away.
    """

    code = "WBS415"
    name = "requeue-not-resumed"
    severity = Severity.INFO
    confidence = Confidence.MEDIUM

    def check(self, launch: LaunchFile) -> Iterator[Diagnostic]:
        """Yield the agents of jobs that come back to a sweep which may have ended."""
        for job in batch_jobs(launch):
            if job.wants_requeue is False or not (job.wants_requeue or job.requeues) or job.may_resume_sweep:
                continue
            for started in job.started:
                if started.is_agent:
                    yield self.at(
                        started.span,
                        "when this job is started again the sweep may have ended meanwhile, and W&B hands out no "
                        "requeued run: call `wandb sweep … --resume` first",
                        scope=started.first.span,
                    )
