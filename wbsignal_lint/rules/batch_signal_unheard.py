"""WBS409."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wbsignal_lint.diagnostics import Applicability, Confidence, Diagnostic, Edit, Fix, Severity, Span
from wbsignal_lint.launch.batch import batch_jobs
from wbsignal_lint.launch.facts import LaunchFile
from wbsignal_lint.launch.steps import Action
from wbsignal_lint.rules.base import LaunchRule

__all__ = ["BatchSignalUnheard"]

_VALUE = re.compile(r"""--signal[= ]\s*["']?(?P<recipients>[RrBb]*:)?""")


class BatchSignalUnheard(LaunchRule):
    """The signal that --signal asks for reaches nobody who listens.

    ## What it finds

    `#SBATCH --signal=SIG@t` without `B:` in a script that starts its agent or training without `srun`; and
    `--signal=B:SIG@t` in a script that has no trap for SIG and replaces its shell by nothing (`exec`). A Python script
    that is submitted itself, with `#SBATCH` lines below its first one, is such a script without a shell; the one that
    submitit writes has no traps, so that `slurm_additional_parameters={"signal": "B:USR1@60"}` is found as well.

    ## Why it matters

    Without `B:` SLURM sends the signal to the job's `srun` steps only. A job without steps never sees it, and is killed
    at the time limit as if no warning had been asked for. With `B:` the signal goes to the batch shell alone. A shell
    without a trap for it dies of the warning: the job ends early, SIGKILL follows for everything below the shell, and
    an `srun` step gets SIGTERM in place of the time that was asked for.

    ## Example

    Bad:

    ```bash
    #!/bin/bash
    #SBATCH --signal=B:USR1@120
    export WANDB_PROJECT=segmentation
    srun python train.py
    echo "left with $?"
    ```

    Good:

    ```bash
    #!/bin/bash
    #SBATCH --signal=USR1@120
    export WANDB_PROJECT=segmentation
    srun python train.py
    echo "left with $?"
    ```

    ## Fix

    Unsafe: takes `B:` off where the training is an `srun` step; puts it in where the script has a trap for the signal
    or `exec`s its training. Where neither would do, there is no fix: out-of-slurm-reach (WBS418) speaks of the command.

    ## Leaves alone

    Traps that ignore the signal (`trap '' USR1`); scripts that run other shell scripts or `mpirun`, which may start
    steps; scripts that source files of which it is not known what they do; jobs that start no agent and no training.
    A trap that is set but does no good is the business of trap-deferred and single-wait.

    ## Source

    `man sbatch`, `--signal`; measured with SLURM 22.05.8 and 24.11.5 and wandb 0.31.0 (docs/slurm.md).
    """

    code = "WBS409"
    name = "batch-signal-unheard"
    severity = Severity.ERROR
    fixes = (Applicability.UNSAFE,)
    confidence = Confidence.MEDIUM

    def check(self, launch: LaunchFile) -> Iterator[Diagnostic]:
        """Yield the --signal options whose signal nobody takes."""
        for job in batch_jobs(launch):
            asked = job.script.job_signal
            if asked is None or not job.started:
                continue
            replaced = any(started.takes_the_shells_place for started in job.started)
            if not asked.to_batch_shell:
                if job.has_steps:
                    continue
                yield self.at(
                    asked.directive.span,
                    f"this SIG{asked.signal} reaches nobody: without `B:` SLURM sends it to srun steps only, and the "
                    "script starts none",
                    fix=self._insert(launch, asked.directive.span)
                    if replaced or any(t.action is Action.RUN and asked.signal in t.signals for t in job.traps)
                    else None,
                    scope=asked.directive.line,
                )
            elif not (replaced or job.hears(asked.signal) or job.sources_unknown):
                in_step = all(started.is_task_of_srun for started in job.started)
                yield self.at(
                    asked.directive.span,
                    f"this SIG{asked.signal} kills the batch shell, which has no trap for it, and with it the job: "
                    "with `B:` nobody else gets it",
                    fix=self._drop(launch, asked.directive.span) if in_step else None,
                    scope=asked.directive.line,
                )

    @staticmethod
    def _insert(launch: LaunchFile, span: Span) -> Fix | None:
        written = _VALUE.match(launch.text, span.start, span.end)
        if written is None:
            return None
        at = written.start("recipients") + len(written["recipients"]) - 1 if written["recipients"] else written.end()
        content = "B" if written["recipients"] else "B:"
        return Fix("Send it to the batch shell", (Edit(Span(at, at), content),), Applicability.UNSAFE)

    @staticmethod
    def _drop(launch: LaunchFile, span: Span) -> Fix | None:
        written = _VALUE.match(launch.text, span.start, span.end)
        if written is None or not written["recipients"]:
            return None
        left = re.sub("[Bb]", "", written["recipients"])
        edit = Edit(Span(*written.span("recipients")), "" if left == ":" else left)
        return Fix("Send it to the step", (edit,), Applicability.UNSAFE)
