"""WBS416."""

from __future__ import annotations

from collections.abc import Iterator

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Applicability, Diagnostic, Edit, Fix, Severity
from wbsignal_lint.launch.background import Stranger, signals_to, stranger_behind_pid
from wbsignal_lint.launch.facts import LaunchFile
from wbsignal_lint.launch.repair import becomes, out_of_pipeline
from wbsignal_lint.launch.shell_text import Job
from wbsignal_lint.launch.steps import Capture, Launch, ShellScript
from wbsignal_lint.rules.base import LaunchRule

__all__ = ["BackgroundPidLost"]


_SHOWN = 40
"""Characters of a job that a message shows."""


class BackgroundPidLost(LaunchRule):
    """The pid that is kept belongs to tee or to a subshell, so the signal never reaches the training.

    ## What it finds

    `PID=$!` (or `echo $! > file`) behind a background pipeline, list, group, function or subshell around an agent or a
    training, where the script later signals that pid: `python train.py | tee log &`, `cd src && python train.py &`,
    `( python train.py; echo done ) &`, `run_training &`.

    ## Why it matters

    `$!` is the pid of the last command of a pipeline: of `tee`. For anything but a simple command it is the pid of the
    shell that is started for it. The trap that passes a preemption on with `kill "$PID"` ends `tee` or that shell. The
    training is not told, goes on as an orphan, and is killed with the job: its handler never runs, nothing is marked as
    preempting, W&B records CRASHED after about five minutes and does not requeue the run.

    ## Example

    Bad:

    ```bash
    #!/bin/bash
    export WANDB_PROJECT=segmentation
    trap 'kill -TERM "$PID"' USR1
    python train.py 2>&1 | tee train.log &
    PID=$!
    wait "$PID"
    wait "$PID"
    ```

    Good:

    ```bash
    #!/bin/bash
    export WANDB_PROJECT=segmentation
    trap 'kill -TERM "$PID"' USR1
    python train.py > >(tee train.log) 2>&1 &
    PID=$!
    wait "$PID"
    wait "$PID"
    ```

    ## Fix

    Unsafe: writes the rest of the pipeline as a process substitution, `> >(tee train.log)`, so that `$!` is the
    training's pid; puts `exec` in front of the last command of a list, group or subshell, so that it takes that shell's
    place. Unsafe because `wait` then returns the training's status, and no longer waits for what reads its output.
    There is no fix where more follows in the subshell, in loops and functions, and for pipelines in a script for `sh`,
    which has no process substitution.

    ## Leaves alone

    Pids that are only waited for, or asked with `kill -0`; `( cd src && python train.py ) &`, of which bash makes the
    training itself; subshells that set a trap of their own; scripts that also signal the children (`pkill -P`), the
    process group (`kill 0`, `kill -- -$PID`) or all jobs; commands of which it is not known that they train.

    ## Source

    `man bash`, special parameter `!` and "Lists"; measured with bash 5.2 and dash 0.5.12, and in batch scripts with
    SLURM 22.05.8 and 24.11.5. A group and a list that end in the training are reported for bash only: dash gives them
    the training's pid.
    """

    code = "WBS416"
    name = "background-pid-lost"
    severity = Severity.ERROR
    fixes = (Applicability.UNSAFE,)

    def check(self, launch: LaunchFile) -> Iterator[Diagnostic]:
        """Yield the pids that are signalled in place of the training's."""
        for script in launch.scripts:
            seen: list[Job] = []
            for capture in script.captures:
                for job in capture.captured:
                    if job not in seen:
                        seen.append(job)
                        yield from self._of_job(launch, script, capture, job)

    def _of_job(self, launch: LaunchFile, script: ShellScript, capture: Capture, job: Job) -> Iterator[Diagnostic]:
        stranger = stranger_behind_pid(script, job)
        signals = signals_to(script, job)
        if stranger is None or not signals:
            return
        launched = stranger.launch
        what = launched.what
        if stranger.reader is not None:
            message = (
                f"this pid is not the {what}'s: $! of a pipeline is its last command, {stranger.reader}, and the "
                f"{what} is never told of the signal that the script sends"
            )
        else:
            message = (
                f"this pid is not the {what}'s: $! is the shell that & starts for {_shown(launch, job)}, and when the "
                f"script signals that shell, the {what} goes on without having been told"
            )
        row = " or ".join(f"SIG{name}" for name in signals)
        edits = self._edits(launch, script, stranger, job)
        yield self.at(
            capture.span,
            message,
            outcome=describe_outcome(f"{row} from the script", False, None),
            fix=None if edits is None else Fix(f"Make $! the {what}'s pid", edits, Applicability.UNSAFE),
        )

    @staticmethod
    def _edits(launch: LaunchFile, script: ShellScript, stranger: Stranger, job: Job) -> tuple[Edit, ...] | None:
        launched: Launch = stranger.launch
        edits: list[Edit] = []
        if launched.stages > 1:
            taken_out = out_of_pipeline(launch, script, launched)
            if taken_out is None:
                return None
            edits.extend(taken_out)
        if stranger.reader is None:
            if not stranger.can_become or launched.job is not job:
                return None
            replacing = becomes(launched)
            if replacing is None:
                return None
            edits.insert(0, replacing)
        return tuple(edits)


def _shown(launch: LaunchFile, job: Job) -> str:
    """Return a job as written, in one line, cut short."""
    text = " ".join(launch.text[job.span.start : job.span.end].split())
    return f"`{text}`" if len(text) <= _SHOWN else f"`{text[:_SHOWN].rstrip()} …`"
