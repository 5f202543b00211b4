"""WBS420."""

from __future__ import annotations

from collections.abc import Iterator

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Applicability, Diagnostic, Edit, Fix, Severity, Span
from wbsignal_lint.launch.batch import PREEMPTION_SIGNALS, Started, started_in
from wbsignal_lint.launch.facts import LaunchFile
from wbsignal_lint.launch.steps import Kill, Launch, Requeue, ShellScript, Step, Trap, Wait
from wbsignal_lint.rules.base import LaunchRule

__all__ = ["RequeueBeforeChild"]

_LETS_TIME_PASS = ("sleep", "tail", "timeout", "usleep", "")
"""What may be there to wait for the child."""


class RequeueBeforeChild(LaunchRule):
    """A trap that requeues the job before the training has ended kills the training.

    ## What it finds

    `scontrol requeue` in a trap for a preemption signal, with no `wait` for the agent or training in the background
    before it, be it started by the script itself or by `bash -c '…'`, in an Apptainer container, say.

    ## Why it matters

    `scontrol requeue` ends the job at once, as `scancel` does: the batch shell gets SIGTERM, and everything below it
    SIGKILL as soon as the shell is gone. A training that was told just before, or not at all, has no time to save
    anything or to mark its run as preempting. The job is queued again, but W&B sees a crashed run.

    ## Example

    Bad:

    ```bash
    #!/bin/bash
    #SBATCH --signal=B:USR1@120
    export WANDB_RUN_ID="job-$SLURM_JOB_ID" WANDB_RESUME=allow
    trap 'kill -USR1 "$trainer"; scontrol requeue "$SLURM_JOB_ID"' USR1
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
    python train.py &
    trainer=$!
    wait "$trainer"
    ```

    ## Fix

    Unsafe: waits for the training before the requeue; where the trap does not tell it either, sends it the trap's
    signal first. The training needs a handler for that.

    ## Leaves alone

    Traps with a `wait`, a loop that asks with `kill -0`, or a `sleep` before the requeue; the tasks of `srun`, which
    get a SIGTERM of their own from SLURM and have the time that `KillWait` gives them; trainings in the foreground,
    whose traps run after them; a requeue outside of traps.

    ## Source

    `man scontrol`, requeue; measured with SLURM 22.05.8 and 24.11.5 and wandb 0.31.0 (docs/slurm.md).
    """

    code = "WBS420"
    name = "requeue-before-child"
    severity = Severity.ERROR
    fixes = (Applicability.UNSAFE,)

    def check(self, launch: LaunchFile) -> Iterator[Diagnostic]:
        """Yield the requeues in traps that come before the end of what they interrupt."""
        told: set[Span] = set()
        for script in launch.scripts:
            children = [
                one
                for one in started_in(script)
                if one.first.job is not None and not one.is_step and not one.is_elsewhere
            ]
            for trap in script.traps if children else ():
                before = _before_requeue(trap)
                if before is None or PREEMPTION_SIGNALS.isdisjoint(trap.signals):
                    continue
                steps, requeue = before
                if requeue.span in told or any(_waits(step) for step in steps):
                    continue
                told.add(requeue.span)
                what = "sweep agent" if any(child.is_agent for child in children) else "training"
                yield self.at(
                    requeue.span,
                    f"the job is taken down as soon as it is requeued, and the {what}, which nobody has waited for, is "
                    "killed with it",
                    outcome=describe_outcome("scontrol requeue", False, None),
                    fix=self._fix(launch, script, children, trap, steps, requeue),
                    scope=requeue.span,
                )

    @staticmethod
    def _fix(
        launch: LaunchFile,
        script: ShellScript,
        children: list[Started],
        trap: Trap,
        steps: tuple[Step, ...],
        requeue: Requeue,
    ) -> Fix | None:
        if any(child.outer for child in children):
            return None  # the shell around it would be told and waited for
        jobs = {id(one.first.job): one.first.job for one in children}
        names = {
            step.name
            for step in script.captures
            if not step.is_file and any(job in step.captured for job in jobs.values() if job is not None)
        }
        in_trap = trap.word.start <= requeue.span.start < trap.word.end
        text = launch.text
        if len(names) != 1 or len(jobs) != 1 or (in_trap and text[trap.word.start] != "'"):
            return None
        if text[: requeue.span.start].rstrip().endswith(("&&", "||", "!", "|")):
            return None
        name = names.pop()
        told = any(isinstance(step, Kill) and not step.is_probe for step in steps)
        first = next(signal for signal in trap.signals if signal in PREEMPTION_SIGNALS)
        start = requeue.span.start
        indent = text[text.rfind("\n", 0, start) + 1 : start]
        between = "; " if indent.strip() or "\r" in text else f"\n{indent}"
        words = ("" if told else f'kill -{first} "${name}"{between}') + f'wait "${name}"{between}'
        edit = Edit(Span(start, start), words)
        return Fix("Wait for the training first", (edit,), Applicability.UNSAFE)


def _before_requeue(trap: Trap) -> tuple[tuple[Step, ...], Requeue] | None:
    """Return what a trap does before its first requeue, and the requeue."""
    for index, step in enumerate(trap.steps):
        if isinstance(step, Requeue):
            return trap.steps[:index], step
    return None


def _waits(step: Step) -> bool:
    return (
        isinstance(step, Wait)
        or (isinstance(step, Kill) and step.is_probe)
        or (isinstance(step, Launch) and step.program in _LETS_TIME_PASS)
    )
