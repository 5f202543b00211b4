"""WBS422."""

from __future__ import annotations

from collections.abc import Iterator

from wbsignal_lint.diagnostics import Diagnostic, Related, Severity, Span
from wbsignal_lint.launch.batch import BatchJob, batch_jobs, gives_way
from wbsignal_lint.launch.facts import Forwarding, LaunchFile
from wbsignal_lint.launch.failure import needs_failure
from wbsignal_lint.launch.steps import Launch, Requeue
from wbsignal_lint.rules.base import LaunchRule

__all__ = ["RequeueForbidden"]


class RequeueForbidden(LaunchRule):
    """A requeue that can never happen: the job forbids it, or it waits for a status the agent never has.

    ## What it finds

    `scontrol requeue` in a job submitted with `--no-requeue`; and a requeue that depends on the failure of a sweep
    agent with `--forward-signals` (`wandb agent … || scontrol requeue …`, `rc=$?; if [ $rc -ne 0 ]; then …`,
    `case $? in 143) …`, `if ! wandb agent …; then …`).

    ## Why it matters

    With `--no-requeue` SLURM answers "Requested operation is presently disabled" and the job goes on, or ends, as if
    nothing had been asked; the run that was marked as preempting waits for ever. A sweep agent that forwards signals
    leaves with status 0 after a SIGTERM, so that a script that asks its status never requeues.

    ## Example

    Bad:

    ```bash
    #!/bin/bash
    #SBATCH --no-requeue
    #SBATCH --signal=TERM@120
    srun wandb agent --forward-signals "$SWEEP_ID"
    [ -e preempted ] && scontrol requeue "$SLURM_JOB_ID"
    ```

    Good:

    ```bash
    #!/bin/bash
    #SBATCH --requeue
    #SBATCH --signal=TERM@120
    srun wandb agent --forward-signals "$SWEEP_ID"
    [ -e preempted ] && scontrol requeue "$SLURM_JOB_ID"
    ```

    ## Fix

    None: which of the two is meant, only the author knows.

    ## Leaves alone

    Jobs without either option, whose default the site decides; requeues that ask for a marker written by the training's
    handler.

    ## Source

    `man sbatch`, `--no-requeue`; measured with SLURM 22.05.8 and 24.11.5, and `wandb agent` 0.31.0.
    """

    code = "WBS422"
    name = "requeue-forbidden"
    severity = Severity.ERROR

    def check(self, launch: LaunchFile) -> Iterator[Diagnostic]:
        """Yield the requeues that SLURM refuses and those whose condition never comes true."""
        for job in batch_jobs(launch):
            if not job.started:
                continue
            places: dict[Span, Requeue] = {}
            for requeue in job.requeues:
                places.setdefault(requeue.span, requeue)
            for span, requeue in places.items():
                if job.wants_requeue is False:
                    yield self.at(
                        span,
                        "SLURM refuses this, and the job goes on: it was submitted with --no-requeue",
                        related=_refusals(job),
                        scope=span,
                    )
                elif _depends_on_agents_failure(job, requeue) or _asks_agents_status(launch.text, job, requeue):
                    yield self.at(
                        span,
                        "a sweep agent that forwards signals leaves with status 0 after a SIGTERM: this requeue never "
                        "happens at a preemption; have the training's handler leave a marker, and ask for that",
                        scope=span,
                    )


def _refusals(job: BatchJob) -> tuple[Related, ...]:
    """Return where the job says ``--no-requeue``."""
    asked = [one for one in job.script.directives if one.name == "--no-requeue"]
    return tuple(Related(one.span, "--no-requeue is asked for here") for one in asked[-1:])


def _depends_on_agents_failure(job: BatchJob, requeue: Requeue) -> bool:
    """Whether a requeue is the alternative to an agent: ``wandb agent … || scontrol requeue …``."""
    for step in job.script.steps:
        if isinstance(step, Launch) and step.or_else is not None and step.agent is not None:
            alternative = step.or_else.alternative
            if (
                step.agent.forwarding is Forwarding.YES
                and alternative.start <= requeue.span.start
                and requeue.span.end <= alternative.end
            ):
                return True
    return False


def _asks_agents_status(text: str, job: BatchJob, requeue: Requeue) -> bool:
    """Whether a requeue takes place only if an agent failed: ``rc=$?; if [ $rc -ne 0 ]; then scontrol requeue …``."""
    steps = job.script.steps
    at = next((index for index, step in enumerate(steps) if step is requeue), None)
    if at is None:
        return False  # a trap's
    before = [step for step in steps[:at] if isinstance(step, Launch) and step.is_watched]
    agent = before[-1] if before else None
    if agent is None or agent.agent is None or agent.agent.forwarding is not Forwarding.YES:
        return False
    if not agent.is_foreground or agent.in_substitution or agent.statement is None or agent.stages > 1:
        return False
    if any(block.function is not None for step in (agent, requeue) for block in step.blocks):
        return False
    if not all(runner.name in ("srun", "python") or gives_way(runner.name) for runner in agent.command.runners):
        return False  # `timeout` has statuses of its own
    start, end = agent.statement
    if requeue.span.start < end:
        return False
    line = text[text.rfind("\n", 0, start) + 1 : start]
    return needs_failure(line, text[end : requeue.span.start])
