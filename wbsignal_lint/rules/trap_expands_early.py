"""WBS406."""

from __future__ import annotations

from collections.abc import Iterator

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Applicability, Diagnostic, Edit, Fix, Related, Severity, Span
from wbsignal_lint.launch.facts import LaunchFile
from wbsignal_lint.launch.processes import Fate, Kind, deliver, reaches
from wbsignal_lint.launch.shell_text import Job
from wbsignal_lint.launch.steps import (
    Action,
    Capture,
    Early,
    Kill,
    Launch,
    Requeue,
    ShellScript,
    Source,
    TargetKind,
    Trap,
)
from wbsignal_lint.launch.waiting import waits_for
from wbsignal_lint.rules.base import LaunchRule

__all__ = ["TrapExpandsEarly"]

_SIGNALS = frozenset({"TERM", "USR1", "USR2", "INT", "HUP", "QUIT", "XCPU"})


class TrapExpandsEarly(LaunchRule):
    r"""A trap in double quotes uses the pid as it was when the trap was set: before the training had one.

    ## What it finds

    `trap "kill $PID" SIGNAL` with a pid that the script only gets later, by `PID=$!`, `echo $! > file` or `jobs -p`;
    and a trap that is set only when the training which it signals or requeues is over: behind the `wait` for it, or
    behind its command in the foreground, where nothing is started afterwards.

    ## Why it matters

    Double quotes expand `$PID` at once. Before the training is started that is nothing, so the trap will run `kill`
    without a pid: it prints its usage, and the training is never told. A trap that is set behind the training is not
    there while it runs: the signal ends the shell instead.

    ## Example

    Bad:

    ```bash
    trap "kill -TERM $PID" TERM
    wandb agent --forward-signals "$SWEEP_ID" &
    PID=$!
    wait "$PID"
    wait "$PID"
    ```

    Good:

    ```bash
    trap 'kill -TERM "$PID"' TERM
    wandb agent --forward-signals "$SWEEP_ID" &
    PID=$!
    wait "$PID"
    wait "$PID"
    ```

    ## Fix

    Single quotes. It is unsafe where the trap also uses variables that are no pids and could change until then; there
    is none where the trap has single quotes within, and none for a trap that is set too late.

    ## Leaves alone

    Traps that are set when the pid is known, and escaped `\$PID`; variables that get no pid in the file; late traps
    with anything behind them that they may be for.

    ## Source

    bash(1), trap and QUOTING. Measured with bash 5.2 and wandb 0.31.0: the trap runs an empty `kill`, and the run goes
    on until it is killed.
    """

    code = "WBS406"
    name = "trap-expands-early"
    severity = Severity.ERROR
    fixes = (Applicability.SAFE, Applicability.UNSAFE)

    def check(self, launch: LaunchFile) -> Iterator[Diagnostic]:
        """Yield the traps that take a pid too early, or that come too late."""
        found: set[Span] = set()
        for script in launch.scripts:
            for trap in script.traps:
                if trap.action is not Action.RUN or not _SIGNALS.intersection(trap.signals) or trap.word in found:
                    continue
                finding = self._early(launch.text, script, trap) or self._late(script, trap)
                if finding is not None:
                    found.add(trap.word)
                    yield finding

    def _early(self, text: str, script: ShellScript, trap: Trap) -> Diagnostic | None:
        for early in trap.early:
            captured = _captured_later(script, early, trap)
            if captured is None:
                continue
            written = text[early.span.start : early.span.end]
            return self.at(
                trap.word,
                f"the double quotes expand {written} now, before it is set: the trap will signal nothing",
                outcome=describe_outcome(f"SIG{_told(trap)}", False, None),
                fix=_fix(text, script, trap),
                related=(Related(captured, "it is only set here"),),
            )
        return None

    def _late(self, script: ShellScript, trap: Trap) -> Diagnostic | None:
        """Find out whether the script has waited for all that the trap is for when it sets it."""
        if trap.in_loop or trap.is_conditional:
            return None
        at = script.index(trap)
        kills = [step for step in trap.steps if isinstance(step, Kill) and not step.is_probe]
        told = _told(trap)
        acts = bool(kills) or any(isinstance(step, Requeue) for step in trap.steps)
        for one in script.watched if acts and _is_all_over(script, at) else ():
            if not one.is_foreground or one.in_loop or script.index(one) > at:
                continue
            delivery = deliver(script, one, told)
            if delivery is not None and delivery.fate_of(Kind.SHELL) is Fate.DIES:
                return self._too_late(trap, one)
        guarded = [
            one
            for one in script.watched
            if one.job is not None
            and one.job.outer is None  # a subshell waits for its own jobs
            and any(reaches(script, kill, one) for kill in kills)
        ]
        if not guarded:
            return None
        for one in guarded:
            waits = waits_for(script, one)
            if one.in_loop or script.index(one) > at or not waits or any(script.index(wait) > at for wait in waits):
                return None
            if any(wait.any_one for wait in waits):
                return None
            delivery = deliver(script, one, told)
            if delivery is None or delivery.fate_of(Kind.SHELL) is not Fate.DIES:
                return None  # an earlier trap is there until then
        return self._too_late(trap, guarded[0])

    def _too_late(self, trap: Trap, launch: Launch) -> Diagnostic:
        return self.at(
            trap.span,
            f"this trap is set when the {launch.what} that it is for is over: until then SIG{_told(trap)} ends the "
            "shell and the trap does not run",
            # SLURM tells srun's tasks itself when the shell has left.
            outcome="" if launch.is_run_by("srun") else describe_outcome(f"SIG{_told(trap)}", False, None),
            related=(Related(launch.span, "what it is for"),),
        )


_STARTS_NOTHING = frozenset({"echo", "printf", "date", "touch", "true", ":", "hostname", "mkdir", "mv", "cp", "rm"})


def _is_all_over(script: ShellScript, at: int) -> bool:
    """Whether nothing runs at a place or behind it that a trap set there could be for."""
    return not any(
        isinstance(step, Source) or (isinstance(step, Launch) and step.program not in _STARTS_NOTHING)
        for step in script.steps[at:]
    ) and not any(launch.job is not None for launch in script.launches)


def _told(trap: Trap) -> str:
    return next(name for name in trap.signals if name in _SIGNALS)


def _captured_later(script: ShellScript, early: Early, trap: Trap) -> Span | None:
    """Return where the script gets the pid that a trap's ``kill`` has expanded before there was one."""
    target = next(
        (
            target
            for step in trap.steps
            if isinstance(step, Kill) and not step.is_probe
            for target in step.targets
            if target.is_unset and target.span.start <= early.span.start and early.span.end <= target.span.end
        ),
        None,
    )
    if target is None:
        return None
    if target.kind in (TargetKind.VARIABLE, TargetKind.FILE):
        is_file = target.kind is TargetKind.FILE
        kept = [one for one in script.captures if one.name == target.name and one.is_file is is_file]
        return kept[0].span if kept and _is_watched(script, kept) else None
    return next((one.span for one in script.watched if one.job is not None), None)


def _is_watched(script: ShellScript, kept: list[Capture]) -> bool:
    """Whether one of the pids is that of an agent or a trainer, or of a shell around one."""
    jobs: set[Job] = {job for one in kept for job in one.captured}
    return any(_outermost(one) & jobs for one in script.launches if one.is_watched or one.inner is not None)


def _outermost(launch: Launch) -> set[Job]:
    jobs: set[Job] = set()
    job = launch.job
    while job is not None:
        jobs.add(job)
        job = job.outer
    return jobs


def _fix(text: str, script: ShellScript, trap: Trap) -> Fix | None:
    written = text[trap.word.start : trap.word.end]
    if trap.body is None or not (written.startswith('"') and written.endswith('"')) or "'" in trap.body.text:
        return None
    pids = {one.name for one in script.captures}
    only_pids = all(early.name in pids or not early.name for early in trap.early)
    applicability = Applicability.SAFE if only_pids else Applicability.UNSAFE
    return Fix("Use single quotes", (Edit(trap.word, f"'{trap.body.text}'"),), applicability)
