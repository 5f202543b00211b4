"""WBS404."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Applicability, Diagnostic, Edit, Fix, Related, Severity, Span
from wbsignal_lint.edits.shell import lines_behind, stands_alone
from wbsignal_lint.launch.batch import Started, started_in
from wbsignal_lint.launch.facts import LaunchFile
from wbsignal_lint.launch.processes import Fate, Kind, deliver
from wbsignal_lint.launch.steps import Kill, Launch, Requeue, ShellScript, TargetKind, Trap
from wbsignal_lint.rules.base import LaunchRule

__all__ = ["TrapDeferred"]

_SIGNALS = ("TERM", "USR1", "USR2", "XCPU")
"""What tells a script of a preemption. INT, QUIT and HUP come from a terminal, which tells the training as well."""


class TrapDeferred(LaunchRule):
    """A trap does not run while a command is in the foreground, so the training is never told.

    ## What it finds

    A shell script that traps SIGTERM, SIGUSR1, SIGUSR2 or SIGXCPU, in order to pass the signal on or to requeue the
    job, and then starts the training or the sweep agent in the foreground, or starts it in the background and then runs
    something else in the foreground until it ends: `tail --pid="$PID"`. In a batch script any such trap counts: there
    the shell is the only process that is told.

    ## Why it matters

    bash runs a trap only between two commands. While one runs in the foreground, the trap waits until that has ended,
    hours later. The signal goes to the shell alone, so the training learns nothing of it, marks nothing, and is killed
    when the time is up: W&B hears no more of the run and records CRASHED after about five minutes, not requeued.

    ## Example

    Bad:

    ```bash
    trap 'kill -TERM "$PID"' TERM USR1
    wandb agent --forward-signals "$SWEEP_ID"
    ```

    Good:

    ```bash
    trap 'kill -TERM "$PID"' TERM USR1
    wandb agent --forward-signals "$SWEEP_ID" &
    PID=$!
    wait "$PID"
    wait "$PID"
    ```

    The trap ends the first `wait`; the second one waits until the handler is through.

    ## Fix

    Starts the command in the background and waits for it twice, with its pid in the variable that the trap uses. The
    fix is unsafe, because background commands read no input and have SIGINT ignored. There is none where the trap sends
    no signal, where the command is part of a loop, pipeline or condition, or where the pid's variable is set in another
    way.

    ## Leaves alone

    Traps that only clean up or print, outside of batch scripts; traps for EXIT, SIGINT, SIGHUP; commands started by
    `exec`, in the background, or by `srun`, whose tasks SLURM signals itself (unless `--signal=B:` asks for the shell).

    ## Source

    bash(1), SIGNALS: "the trap will not be executed until the command completes". Measured with bash 5.2 and wandb
    0.31.0: nothing happens until the run has ended by itself.
    """

    code = "WBS404"
    name = "trap-deferred"
    severity = Severity.ERROR
    fixes = (Applicability.UNSAFE,)

    def check(self, launch: LaunchFile) -> Iterator[Diagnostic]:
        """Yield every trap for a preemption signal that waits for a training in the foreground."""
        for script in launch.scripts:
            found: dict[Span, tuple[Trap, str, list[Started]]] = {}
            # Most scripts have none, and to follow a signal through a long one takes its time.
            trapped = [signal for signal in _SIGNALS if script.may_trap(signal)]
            for started in started_in(script) if trapped else ():
                for signal in trapped:
                    trap = _deferred_trap(script, started, signal)
                    if trap is None:
                        continue
                    held_up_by = found.setdefault(trap.span, (trap, signal, []))[2]
                    if started not in held_up_by:
                        held_up_by.append(started)
            for trap, signal, held_up_by in found.values():
                yield self._finding(launch.text, script, trap, signal, held_up_by)

    def _finding(
        self, text: str, script: ShellScript, trap: Trap, signal: str, held_up_by: list[Started]
    ) -> Diagnostic:
        what = held_up_by[0].what
        return self.at(
            trap.span,
            f"this trap does not run while the {what} runs: bash waits for a command in the foreground first, so "
            f"SIG{signal} never gets through",
            outcome=describe_outcome(f"SIG{signal}", False, None),
            fix=_fix(text, script, trap, held_up_by),
            related=tuple(
                Related(one.span, f"the {what} in the foreground") for one in held_up_by[:1] if one.first.is_foreground
            ),
        )


def _deferred_trap(script: ShellScript, started: Started, signal: str) -> Trap | None:
    """Return the trap for a signal that has to wait for a command to end."""
    command = started.first
    if started.is_elsewhere or command.in_substitution:
        return None
    delivery = deliver(script, command, signal)
    if delivery is None or delivery.fate_of(Kind.SHELL) is not Fate.DEFERS:
        return None
    trap = delivery.trap
    if trap is None:
        return None
    asked = script.job_signal
    if started.is_step:  # SLURM signals the step itself
        return trap if asked is not None and asked.to_batch_shell and asked.signal == signal else None
    is_job = any(directive.system == "SBATCH" for directive in script.directives)
    acts = any(
        isinstance(step, Requeue) or (isinstance(step, Kill) and not step.is_probe) or _leaves_a_note(step)
        for step in trap.steps
    )
    return trap if acts or is_job else None


def _leaves_a_note(step: object) -> bool:
    return isinstance(step, Launch) and step.program == "touch"


def _fix(text: str, script: ShellScript, trap: Trap, held_up_by: list[Started]) -> Fix | None:
    command = held_up_by[0].first
    kills = [step for step in trap.steps if isinstance(step, Kill) and not step.is_probe]
    if len(held_up_by) > 1 or not kills or command.statement is None or script.waits or command.job is not None:
        return None
    if (
        command.stages > 1
        or command.in_condition
        or command.or_else is not None
        or command.in_subshell
        or command.in_loop
    ):
        return None
    if any(redirect.body is not None for redirect in command.redirects) or not stands_alone(text, command.statement):
        return None
    names = {target.name for kill in kills for target in kill.targets if target.kind is TargetKind.VARIABLE}
    others = {target.kind for kill in kills for target in kill.targets} - {TargetKind.VARIABLE}
    if len(names) > 1 or others - {TargetKind.ALL_JOBS, TargetKind.PATTERN, TargetKind.CHILDREN}:
        return None
    name = next(iter(names), "PID")
    if re.search(rf"(?<![\w$])(?:{name}\+?=|read\b[^\n]*\b{name}\b)", text) is not None:
        return None
    if not names and re.search(rf"\b{name}\b", text) is not None:
        return None
    wait = f'wait "${name}"'
    waits = [f"{wait} || {wait}"] if script.option("errexit", command) else [wait, wait]
    end = command.statement.end
    background = Edit(Span(end, end), " &")
    lines = lines_behind(text, command.statement, [f"{name}=$!", *waits])
    if lines.span == background.span:
        edits: tuple[Edit, ...] = (Edit(lines.span, background.content + lines.content),)
    else:
        edits = (background, lines)
    return Fix("Run it in the background and wait for it twice", edits, Applicability.UNSAFE)
