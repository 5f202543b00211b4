"""WBS421."""

from __future__ import annotations

from collections.abc import Iterator

from wbsignal_lint.diagnostics import Confidence, Diagnostic, Severity, Span
from wbsignal_lint.launch.batch import started_in
from wbsignal_lint.launch.facts import LaunchFile
from wbsignal_lint.launch.steps import Requeue
from wbsignal_lint.rules.base import LaunchRule

__all__ = ["RequeueUndoesCancel"]


class RequeueUndoesCancel(LaunchRule):
    """A trap for SIGTERM that requeues the job makes scancel start it again.

    ## What it finds

    `scontrol requeue` in a trap for TERM, or in a function that such a trap calls, under no condition.

    ## Why it matters

    `scancel` sends SIGTERM, too, and the script can't tell it from a preemption: the job that its user has just
    cancelled goes back into the queue, and its run is trained on. At a preemption or a node's failure SLURM requeues
    jobs by itself (`--requeue`); only at a time limit it does not, and for that the signal of `--signal` can be
    another one.

    ## Example

    Bad:

    ```bash
    #!/bin/bash
    #SBATCH --signal=B:USR1@120
    export WANDB_RUN_ID="job-$SLURM_JOB_ID" WANDB_RESUME=allow
    trap 'kill -USR1 "$trainer"; wait "$trainer"; scontrol requeue "$SLURM_JOB_ID"' USR1 TERM
    python train.py &
    trainer=$!
    wait "$trainer"
    ```

    Good:

    ```bash
    #!/bin/bash
    #SBATCH --signal=B:USR1@120
    export WANDB_RUN_ID="job-$SLURM_JOB_ID" WANDB_RESUME=allow
    trap 'kill -USR1 "$trainer"; wait "$trainer"; scontrol requeue "$SLURM_JOB_ID"' USR1
    trap 'kill -TERM "$trainer"; wait "$trainer"' TERM
    python train.py &
    trainer=$!
    wait "$trainer"
    ```

    ## Fix

    None: it takes a trap of its own for TERM, as above.

    ## Leaves alone

    A requeue under a condition, which may know what it was that came; traps for other signals; EXIT.

    ## Source

    `man scancel`; measured with SLURM 22.05.8 and 24.11.5: the cancelled job was started again.
    """

    code = "WBS421"
    name = "requeue-undoes-cancel"
    severity = Severity.WARNING
    confidence = Confidence.MEDIUM

    def check(self, launch: LaunchFile) -> Iterator[Diagnostic]:
        """Yield the requeues that a SIGTERM leads to."""
        told: set[Span] = set()
        for script in launch.scripts:
            if not any(started_in(script)):
                continue
            for trap in script.traps:
                for step in trap.steps if "TERM" in trap.signals else ():
                    if isinstance(step, Requeue) and not step.is_conditional and step.span not in told:
                        told.add(step.span)
                        yield self.at(
                            step.span,
                            "scancel sends SIGTERM, too: this trap puts the job that its user has cancelled into the "
                            "queue again; requeue on the signal of --signal only (USR1)",
                            scope=step.span,
                        )
