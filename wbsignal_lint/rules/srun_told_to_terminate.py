"""WBS417."""

from __future__ import annotations

from collections.abc import Iterator

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Applicability, Diagnostic, Edit, Fix, Severity, Span
from wbsignal_lint.launch.batch import PREEMPTION_SIGNALS
from wbsignal_lint.launch.facts import LaunchFile
from wbsignal_lint.launch.steps import Kill, Launch, ShellScript, TargetKind
from wbsignal_lint.rules.base import LaunchRule

__all__ = ["SrunToldToTerminate"]


class SrunToldToTerminate(LaunchRule):
    """A trap that sends TERM or INT to srun's pid does not pass it on to the training.

    ## What it finds

    In a trap for a preemption signal, or a function it calls: `kill`, `kill -TERM` or `kill -INT` of the pid of
    `srun … &`, where srun runs a sweep agent or a training.

    ## Why it matters

    srun is not the training but its remote control. On SIGTERM it ends its step with SIGKILL, within milliseconds: no
    handler runs, nothing is marked, W&B gets no exit code. SIGINT from a script changes nothing for the task. SIGUSR1
    and SIGUSR2 are passed on as they are.

    ## Example

    Bad:

    ```bash
    #!/bin/bash
    #SBATCH --signal=B:USR1@120
    export WANDB_PROJECT=segmentation
    trap 'kill -TERM "$step"; wait "$step"' USR1
    srun python train.py &
    step=$!
    wait "$step"
    ```

    Good:

    ```bash
    #!/bin/bash
    #SBATCH --signal=B:USR1@120
    export WANDB_PROJECT=segmentation
    trap 'kill -USR1 "$step"; wait "$step"' USR1
    srun python train.py &
    step=$!
    wait "$step"
    ```

    ## Fix

    Unsafe: sends USR1 instead, which the training must have a handler for. None for a sweep agent, which goes on to the
    next run after SIGUSR1: there the trap is not needed at all, if `--signal=TERM@…` without `B:` goes to the step.

    ## Leaves alone

    Traps for EXIT alone, which clean up when all is over; pids that are not known to be srun's; steps that are no
    training; what a script sends outside its traps.

    ## Source

    Measured with SLURM 22.05.8 and 24.11.5 and wandb 0.31.0: SIGKILL reaches the task 20 ms after SIGTERM to srun.
    """

    code = "WBS417"
    name = "srun-told-to-terminate"
    severity = Severity.ERROR
    fixes = (Applicability.UNSAFE,)

    def check(self, launch: LaunchFile) -> Iterator[Diagnostic]:
        """Yield the kills in traps that mean srun."""
        told: set[Span] = set()
        for script in launch.scripts:
            for trap in script.traps:
                if PREEMPTION_SIGNALS.isdisjoint(trap.signals):
                    continue
                for kill in trap.steps:
                    if not isinstance(kill, Kill) or kill.signal not in ("TERM", "INT") or kill.span in told:
                        continue
                    steps = _steps_meant(script, kill)
                    if steps:
                        told.add(kill.span)
                        yield self._finding(launch, kill, steps)

    def _finding(self, launch: LaunchFile, kill: Kill, steps: list[Launch]) -> Diagnostic:
        agent = any(step.agent is not None for step in steps)
        what = "sweep agent" if agent else "training"
        becomes = (
            f"srun kills its task at once when it gets SIGTERM: the {what} is never told"
            if kill.signal == "TERM"
            else f"srun does not pass SIGINT on to its task: the {what} is never told"
        )
        fix = None if agent or kill.program != "kill" else self._fix(launch, kill)
        return self.at(
            kill.span,
            f"{becomes}; SIGUSR1 and SIGUSR2 are passed on",
            outcome=describe_outcome(f"SIG{kill.signal} to srun", False, None),
            fix=fix,
            scope=kill.span,
        )

    @staticmethod
    def _fix(launch: LaunchFile, kill: Kill) -> Fix | None:
        if kill.signal_span is None:
            at = kill.span.start + len("kill")
            if launch.text[kill.span.start : at] != "kill":
                return None
            edit = Edit(Span(at, at), " -USR1")
        else:
            written = launch.text[kill.signal_span.start : kill.signal_span.end]
            if not written.isascii() or not written.strip("-").isalnum():
                return None
            edit = Edit(kill.signal_span, "-USR1" if written.startswith("-") else "USR1")
        return Fix("Send USR1, which srun passes on", (edit,), Applicability.UNSAFE)


def _steps_meant(script: ShellScript, kill: Kill) -> list[Launch]:
    """Return the agents and trainers below srun that a kill means; nothing unless it can mean nothing else."""
    meant: list[Launch] = []
    for target in kill.targets:
        if target.kind is TargetKind.ALL_JOBS:
            launches = [launch for launch in script.launches if launch.job is not None]
        elif target.kind in (TargetKind.VARIABLE, TargetKind.JOB, TargetKind.FILE) and not target.is_group:
            launches = [launch for job in target.jobs if job.form == "command" for launch in script.launches_of(job)]
            if any(job.form != "command" for job in target.jobs):
                return []
        else:
            return []
        if not launches or not all(launch.is_run_by("srun") for launch in launches):
            return []
        meant += [launch for launch in launches if launch.is_watched]
    return meant
