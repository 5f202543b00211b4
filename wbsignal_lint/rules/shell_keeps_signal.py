"""WBS408."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Applicability, Confidence, Diagnostic, Fix, Related, Severity, Span
from wbsignal_lint.launch.batch import STEP_STARTERS, becomes_its_command, gives_way, put_in_front
from wbsignal_lint.launch.beside import Keeper, keeper_beside, keeper_in_text, kept_from_sigterm, script_run_by
from wbsignal_lint.launch.children import SignalledProgram, SignalledShell
from wbsignal_lint.launch.containers import ContainerStart, has_dash
from wbsignal_lint.launch.facts import LaunchFile
from wbsignal_lint.launch.processes import becomes_last_command
from wbsignal_lint.launch.steps import Launch, ShellScript
from wbsignal_lint.launch.wrappers import SHELLS
from wbsignal_lint.rules.base import LaunchRule

__all__ = ["ShellKeepsSignal"]


class ShellKeepsSignal(LaunchRule):
    """A shell between srun, a container or Python and the training keeps the signal to itself.

    ## What it finds

    `srun bash -c '…'` (or another shell), and `srun ./task.sh` where that file is found, whose text starts a sweep
    agent or a training in such a way that the shell stays there: with something after it, in a pipeline, a loop, a
    branch, a function, a subshell, with a redirection, in the background. The same as the first process of a container:
    `ENTRYPOINT ["./start.sh"]` and `CMD ["bash", "-c", "…"]` in a Dockerfile, `command` and `entrypoint` of a container
    in a pod or of a service of compose. The script is looked for in the project: in a Dockerfile by what `COPY` and
    `ADD` say, else by its relative path. An entrypoint that ends in `exec "$@"` hands over to the command behind it,
    also where that is the `command` of a service and the entrypoint stands in the Dockerfile that it is built from.

    In Python: `process.terminate()`, `kill()`, `send_signal()` and `os.kill()` for a process that
    `subprocess.Popen(…, shell=True)` started, whose shell stays in front of an agent or a training, or that is a shell
    script of the project of which that is true; and `timeout=` of `subprocess.run` and the like with such a command.

    ## Why it matters

    SLURM signals srun's task, which is the shell, and nothing below it. The shell has no trap and dies; the step is
    over, and the training gets SIGKILL some milliseconds later: no handler runs, nothing is marked. With `exec` the
    training takes the shell's place and is the one that is signalled.

    `docker stop`, a preempted pod and a spot instance that ends send SIGTERM to the container's first process only. A
    shell there has no handler for it, so that the kernel drops the signal, or dies of it where an init stands before
    it; the training below it hears nothing and is killed after the grace period.

    The process that `Popen` gives is the shell. It dies of the signal, `wait()` returns, and the training goes on with
    its GPU and its run, without anybody who knows of it.

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
    more than a simple command: what is to become of the rest is for the author to say. Scripts in files of their own
    are named, with the line, and left to the author.

    ## Leaves alone

    The last simple command of `bash -c`, by which bash replaces itself anyway; a lone command of `sh -c`, where that
    depends on which shell `sh` is; text with traps. Of containers: what starts with tini or dumb-init or with
    `init: true`, paths in an image of which the Dockerfile does not say where they come from, scripts that source files
    of the project. In Python: a lone simple command, since `sh` may be bash; files that signal process groups
    (`os.killpg`) or look for children (`psutil`), and tests.

    ## Source

    Measured with SLURM 22.05.8 and 24.11.5, bash 5.2, dash 0.5.12 and wandb 0.31.0; as a container's process 1 with
    `unshare --pid --fork`.
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
                cure = (
                    "have exec start it, as the last command" if child.is_foreground else "give it an srun of its own"
                )
                yield self.at(
                    child.place,
                    "by default SLURM signals only srun's task, which is this shell: it dies, and the "
                    f"{child.what} below it is killed without having been told; {cure}",
                    outcome=describe_outcome("SLURM's signals", False, None),
                    fix=self._fix(child),
                    scope=child.span,
                )
            yield from self._in_files(launch, script)
        places: dict[Span, Diagnostic] = {}  # a YAML alias gives several services one command
        for start in launch.container_starts:
            for diagnostic in self._in_container(launch, start):
                places.setdefault(diagnostic.span, diagnostic)
        yield from places.values()
        yield from self._in_python(launch)

    def _in_python(self, launch: LaunchFile) -> Iterator[Diagnostic]:
        """Yield the signals that Python sends to the shell of `shell=True`, where a training below it is meant."""
        for sent in launch.children.shells:
            child = kept_from_sigterm(sent.script)
            if child is None or becomes_last_command(replace(sent.script, shell="bash"), child):
                continue
            yield self.at(
                sent.span,
                f"{_signal(sent)} goes to the shell of shell=True alone: the {child.what} below it is not told and "
                "goes on without it; have exec start it, as the shell's last command, or run it without a shell",
                fix=self._fix(child),
                related=(Related(child.place, f"the {child.what}"),),
            )
        for sent_to in launch.children.programs:
            keeper = keeper_beside(launch, sent_to.command.words, lambda name: (name,))
            if keeper is None:
                continue
            yield self.at(
                sent_to.span,
                f"{_signal(sent_to)} goes to the shell of {keeper.script.name} alone: the {keeper.child.what} below it "
                "is not told and goes on without it; have exec start it there, as the last command",
                related=keeper.notes,
            )

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
                    f"by default SLURM signals only srun's task, which is the shell of {found[0]}: it dies, and the "
                    f"{what} below it is killed without having been told; have exec start it there, as the last "
                    "command",
                    outcome=describe_outcome("SLURM's signals", False, None),
                    scope=task.span,
                )

    def _in_container(self, launch: LaunchFile, start: ContainerStart) -> Iterator[Diagnostic]:
        """Yield the shell that a container starts as its first process, if it keeps signals from the training."""
        command = start.command
        names = [runner.name for runner in command.runners] if command is not None else []
        if command is None or not all(gives_way(name) for name in (names[:-1] if start.script is not None else names)):
            return
        if start.stop.has_init or _is_the_images_own(start):
            return
        fix: Fix | None = None
        related: tuple[Related, ...] = ()
        keeper: Keeper | None = None
        if start.script is None:
            keeper = keeper_beside(launch, command.words, start.project_paths)
        else:
            stays = start.script.shell in ("sh", "dash") and start.is_shell_form and has_dash(start.image)
            keeper = keeper_in_text(launch, start.script, start.project_paths, stays=stays)
            if start.is_shell_form and (keeper is None or stays or not start.script.launches[-1].is_simple_last):
                return  # WBS503 speaks of these
        if keeper is not None:
            child, place, related = keeper.child, keeper.word.span, keeper.notes
            of, where = f" of {keeper.script.name}", " there"
        elif start.script is not None:
            kept = kept_from_sigterm(start.script)
            if kept is None or _takes_the_shells_place(start.script, kept):
                return
            child, place, of, where, fix = kept, kept.command.words[0].span, "", "", self._fix(kept)
        else:
            return
        yield self.at(
            place,
            f"the shell{of} is the container's first process: it does not pass on the SIGTERM of a preemption, and the "
            f"{child.what} below it is killed without having been told; have exec start it{where}, as the last command",
            outcome=describe_outcome("SIGTERM", False, None),
            fix=fix,
            related=related,
            scope=start.span,
        )

    @staticmethod
    def _fix(child: Launch) -> Fix | None:
        simple = child.is_last and child.is_foreground and child.stages == 1 and child.or_else is None
        plain = all(block.kind in ("script", "branch") for block in child.blocks)
        if not simple or not plain or child.in_condition or not becomes_its_command(child):
            return None
        edit = put_in_front(child, "exec")
        return None if edit is None else Fix("Let it take the shell's place", (edit,), Applicability.SAFE)


def _signal(sent: SignalledShell | SignalledProgram) -> str:
    if sent.is_time_limit:
        return "when the time is up, SIGKILL"
    return f"this SIG{sent.signal}" if sent.signal else "this signal"


def _is_task(script: ShellScript) -> bool:
    """Whether the shell that reads a script is srun's task, with nothing between them that stays."""
    names = [runner.name for runner in script.runners]
    if len(names) < 2 or names[-1] not in SHELLS or "srun" not in names:
        return False
    between = names[names.index("srun") + 1 : -1]
    return all(gives_way(name) for name in between)


def _is_the_images_own(start: ContainerStart) -> bool:
    """Whether what starts is said elsewhere: in the Dockerfile that the image is built from, or by an unseen image."""
    if start.from_image:
        return start.from_image == len(start.words)
    return start.is_command and start.stop.event != "stop"


def _takes_the_shells_place(script: ShellScript, child: Launch) -> bool:
    """Whether the shell becomes a command without being told to, or may do so: which shell ``sh`` is, is not known."""
    return becomes_last_command(script, child) or (
        script.shell not in ("bash", "zsh", "ksh")
        and len(script.launches) == 1
        and becomes_last_command(replace(script, shell="bash"), child)
    )
