"""WBS410."""

from __future__ import annotations

from collections.abc import Iterator

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Applicability, Diagnostic, Fix, Severity, Span
from wbsignal_lint.launch.facts import LaunchFile
from wbsignal_lint.launch.repair import is_the_file, out_of_pipeline
from wbsignal_lint.launch.status import Hider, Masked, Reader, masked_statuses
from wbsignal_lint.launch.steps import Launch, ShellScript
from wbsignal_lint.rules.base import LaunchRule

__all__ = ["ExitStatusMasked"]

_OF_PIPE = {
    Reader.VARIABLE: "the $? that is asked for next is {reader}'s, also when the {what} failed or was preempted",
    Reader.CONDITION: "the condition asks {reader}, also when the {what} failed or was preempted",
    Reader.AND_THEN: "what follows && runs also when the {what} failed or was preempted",
    Reader.OR_ELSE: "what follows || never runs, although the {what} failed or was preempted",
    Reader.ERREXIT: "the script, which is set to stop at an error, goes on when the {what} failed or was preempted",
    Reader.CALLER: "the call that checks it goes by {reader}'s, also when the {what} failed or was preempted",
    Reader.SCHEDULER: "the job counts as a success when the {what} failed or was preempted",
}


class ExitStatusMasked(LaunchRule):
    """The training's status is replaced by that of tee or by 0: a preempted run looks like a success.

    ## What it finds

    An agent or training whose exit status somebody goes by and nobody gets:

    - `python train.py | tee log` without `pipefail`, where the script reads `$?`, decides by it (`if`, `&&`, `||`), or
      is set to stop at errors (`set -e`, a trap for `ERR`); or where it is the last thing that a job script does;
    - `exec python train.py | tee log`: in a pipeline `exec` takes no shell's place;
    - `python train.py || true` whose `$?` is read, or as the last thing that a job script does;
    - a job script that trains, and then says `exit 0`;
    - in Python, `subprocess.run("python train.py | tee log", shell=True, check=True)`, `check_call` and `check_output`.

    ## Why it matters

    A training that leaves with 138 or 143 tells its launcher that it was preempted. `tee` ends with 0, whatever comes
    through the pipe: the requeue that is decided by the status never takes place, the done marker is written for a
    training that is not done, jobs that wait for this one start, SLURM says COMPLETED. What `exec` starts in a pipeline
    is a child of the shell all the same: the signal that is sent to the script ends the shell, and the training goes on
    without having been told.

    ## Example

    Bad:

    ```bash
    #!/bin/bash
    export WANDB_PROJECT=segmentation
    srun python train.py 2>&1 | tee train.log
    if [ $? -eq 143 ]; then
        scontrol requeue "$SLURM_JOB_ID"
    fi
    ```

    Good:

    ```bash
    #!/bin/bash
    export WANDB_PROJECT=segmentation
    srun python train.py > >(tee train.log) 2>&1
    if [ $? -eq 143 ]; then
        scontrol requeue "$SLURM_JOB_ID"
    fi
    ```

    ## Fix

    Unsafe: writes the rest of the pipeline as a process substitution, `> >(tee train.log)`. Unsafe because the script
    then does what it did not do before when the training fails, and no longer waits for what reads the output. In `sh`,
    which has no process substitution, and for `|| true` and `exit 0`, which somebody has written on purpose, there is
    no fix. `set -o pipefail` does as well where no `exec` is meant.

    ## Leaves alone

    Pipelines whose status nobody asks for; scripts with `set -o pipefail`, `bash -o pipefail` or `PIPESTATUS`, and
    those that source a file that may set it; `|| true` and `exit 0` outside of job scripts; agents at the end of a job
    script, whose status is 0 also after a signal; background jobs, of which background-pid-lost (WBS416) speaks; shell
    in files of other kinds, whose options are not in the file; Python that does not say `check`.

    ## Source

    `man bash`, "Pipelines"; measured with bash 5.2 and wandb 0.31.0: with `| tee` the script's status is 0 after a
    SIGTERM that the training marked and left with 143; with `pipefail` or `> >(tee)` it is 143.
    """

    code = "WBS410"
    name = "exit-status-masked"
    severity = Severity.WARNING
    fixes = (Applicability.UNSAFE,)

    def check(self, launch: LaunchFile) -> Iterator[Diagnostic]:
        """Yield the operators that hide a status which somebody goes by."""
        seen: set[Span] = set()
        for checked in launch.children.checked:
            for script, launched, masked in masked_statuses(checked.script, is_asked=True):
                if masked.reader is Reader.CALLER and masked.hider is Hider.PIPE and masked.operator not in seen:
                    seen.add(masked.operator)
                    yield self._finding(launch, script, launched, masked)
        if not launch.scripts or not is_the_file(launch, launch.scripts[0]):
            return
        inner = {id(one.inner) for script in launch.scripts for one in script.launches}
        for outermost in launch.scripts:
            if id(outermost) in inner:
                continue
            for script, launched, masked in masked_statuses(outermost):
                if masked.operator not in seen:
                    seen.add(masked.operator)
                    yield self._finding(launch, script, launched, masked)

    def _finding(self, launch: LaunchFile, script: ShellScript, launched: Launch, masked: Masked) -> Diagnostic:
        what = launched.what
        reader = launched.neighbours[-1] if launched.neighbours else "the last command"
        outcome = ""
        fix: Fix | None = None
        if masked.hider is Hider.PIPE:
            edits = out_of_pipeline(launch, script, launched)
            if edits is not None:
                fix = Fix("Write the pipe as a process substitution", edits, Applicability.UNSAFE)
            if masked.reader is Reader.EXEC:
                message = (
                    f"exec does nothing in a pipeline: the shell stays, a signal ends it in place of the {what}, and "
                    f"the status is {reader}'s"
                )
                outcome = describe_outcome("SIGTERM to the script", False, None)
            else:
                message = "this pipe hides the exit status: " + _OF_PIPE[masked.reader].format(reader=reader, what=what)
        elif masked.hider is Hider.OR_ELSE:
            read = "the $? that is asked for next" if masked.reader is Reader.VARIABLE else "the job's status"
            message = f"this || hides the exit status: {read} is 0 also when the {what} failed or was preempted"
        else:
            message = (
                f"this exit 0 hides the exit status: the job counts as a success although the {what} failed or was "
                "preempted"
            )
        return self.at(masked.operator, message, outcome=outcome, fix=fix)
