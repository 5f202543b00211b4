"""WBS408."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Applicability, Confidence, Diagnostic, Fix, Severity
from wbsignal_lint.launch.batch import STEP_STARTERS, becomes_its_command, gives_way, put_in_front
from wbsignal_lint.launch.beside import script_run_by
from wbsignal_lint.launch.facts import LaunchFile
from wbsignal_lint.launch.processes import becomes_last_command
from wbsignal_lint.launch.steps import Launch, ShellScript
from wbsignal_lint.launch.wrappers import SHELLS
from wbsignal_lint.rules.base import LaunchRule

__all__ = ["ShellKeepsSignal"]


class ShellKeepsSignal(LaunchRule):
    """A shell between srun and the training keeps the signal to itself.

    ## What it finds

    `srun bash -c '…'` (or another shell), and `srun ./task.sh` where that file is found, whose text starts a sweep
    agent or a training in such a way that the shell stays there: with something after it, in a pipeline, a loop, a
    branch, a function, a subshell, with a redirection, in the background.

    ## Why it matters

    SLURM signals srun's task, which is the shell, and nothing below it. The shell has no trap and dies; the step is
    over, and the training gets SIGKILL some milliseconds later: no handler runs, nothing is marked. With `exec` the
    training takes the shell's place and is the one that is signalled.

    ## Example

    Bad:

    ```bash
    #!/bin/bash
    #SBATCH --signal=USR1@120
    export WANDB_PROJECT=segmentation
    srun bash -c 'cd runs && python train.py > train.log 2>&1'
    ```

    Good:

    ```bash
    #!/bin/bash
    #SBATCH --signal=USR1@120
    export WANDB_PROJECT=segmentation
    srun bash -c 'cd runs && exec python train.py > train.log 2>&1'
    ```

    ## Fix

    Puts `exec` in front of a simple command that is the last one. None where something comes after it, or where it is
    more than a simple command: what is to become of the rest is for the author to say.

    ## Leaves alone

    The last simple command of `bash -c`, by which bash replaces itself anyway; a lone command of `sh -c`, where that
    depends on which shell `sh` is; text with traps.

    ## Source

    Measured with SLURM 22.05.8 and 24.11.5, bash 5.2, dash 0.5.12 and wandb 0.31.0.
    """

    code = "WBS408"
    name = "shell-keeps-signal"
    severity = Severity.ERROR
    fixes = (Applicability.SAFE,)
    confidence = Confidence.MEDIUM

    def check(self, launch: LaunchFile) -> Iterator[Diagnostic]:
        """Yield the agents and trainers below a shell that is srun's task."""
        for script in launch.scripts:
            for child in script.watched if _is_task(script) and not script.traps else ():
                if child.is_exec or _takes_the_shells_place(script, child):
                    continue
                what = "sweep agent" if child.agent is not None else "training"
                yield self.at(
                    child.command.words[0].span if child.agent is None else child.agent.span,
                    f"SLURM signals srun's task, which is this shell: it dies, and the {what} below it is killed "
                    "without having been told (by default); have exec start it, as the last command",
                    outcome=describe_outcome("SLURM's signals", False, None),
                    fix=self._fix(child),
                    scope=child.span,
                )

            yield from self._in_files(launch, script)

    def _in_files(self, launch: LaunchFile, script: ShellScript) -> Iterator[Diagnostic]:
        """Yield srun's tasks that are scripts from files which start an agent or trainer as their child."""
        for task in script.launches:
            names = [runner.name for runner in task.command.runners]
            if "srun" not in names or not all(gives_way(name) for name in names[names.index("srun") + 1 :]):
                continue
            found = script_run_by(launch, task)
            if found is None or found[1].traps:
                continue
            kept = [child for child in found[1].watched if not child.is_exec and not child.is_run_by(*STEP_STARTERS)]
            if kept:
                what = "sweep agent" if any(child.agent is not None for child in kept) else "training"
                yield self.at(
                    task.command.words[0].span,
                    f"SLURM signals srun's task, which is the shell of {found[0]}: it dies, and the {what} below it is "
                    "killed without having been told (by default); have exec start it there, as the last command",
                    outcome=describe_outcome("SLURM's signals", False, None),
                    scope=task.span,
                )

    @staticmethod
    def _fix(child: Launch) -> Fix | None:
        simple = child.is_last and child.is_foreground and child.stages == 1 and child.or_else is None
        plain = all(block.kind in ("script", "branch") for block in child.blocks)
        if not simple or not plain or child.in_condition or not becomes_its_command(child):
            return None
        edit = put_in_front(child, "exec")
        return None if edit is None else Fix("Let it take the shell's place", (edit,), Applicability.SAFE)


def _is_task(script: ShellScript) -> bool:
    """Whether the shell that reads a script is srun's task, with nothing between them that stays."""
    names = [runner.name for runner in script.runners]
    if len(names) < 2 or names[-1] not in SHELLS or "srun" not in names:
        return False
    between = names[names.index("srun") + 1 : -1]
    return all(gives_way(name) for name in between)


def _takes_the_shells_place(script: ShellScript, child: Launch) -> bool:
    """Whether the shell becomes a command without being told to, or may do so: which shell ``sh`` is, is not known."""
    return becomes_last_command(script, child) or (
        script.shell not in ("bash", "zsh", "ksh")
        and len(script.launches) == 1
        and becomes_last_command(replace(script, shell="bash"), child)
    )
