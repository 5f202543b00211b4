"""WBS405."""

from __future__ import annotations

from collections.abc import Iterator

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Applicability, Diagnostic, Edit, Fix, Related, Severity, Span
from wbsignal_lint.edits.shell import indent_at, lines_behind, stands_alone
from wbsignal_lint.launch.batch import Started, started_in
from wbsignal_lint.launch.facts import LaunchFile
from wbsignal_lint.launch.processes import Delivery, Fate, Kind, deliver, reaches
from wbsignal_lint.launch.steps import Exit, Kill, ShellScript, TargetKind, Trap, Wait
from wbsignal_lint.launch.waiting import waits_for
from wbsignal_lint.rules.base import LaunchRule

__all__ = ["SingleWait"]

_SIGNALS = ("TERM", "USR1", "USR2", "XCPU", "HUP", "QUIT")


class SingleWait(LaunchRule):
    """A trap ends the wait, so a script that waits once leaves while the training is in its handler.

    ## What it finds

    A script that runs the training or the sweep agent in the background, has a trap that passes a preemption signal on
    to it, and waits for it once: with one `wait` that no loop repeats and no `wait` in the trap, or with a trap that
    exits right after its `kill`.

    ## Why it matters

    A signal with a trap ends bash's `wait` at once, with status 128 plus the signal's number; then the trap runs, and
    then the script goes on behind the `wait`. The training has just begun to handle the signal. The script ends, the
    batch system or container takes the job for finished (SLURM: COMPLETED) and kills what is left of it: the handler
    never gets to its end, W&B gets no exit code, and nothing is requeued.

    ## Example

    Bad:

    ```bash
    trap 'kill -TERM "$PID"' TERM
    wandb agent --forward-signals "$SWEEP_ID" &
    PID=$!
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

    The second `wait` also gives the status of the training itself; after an ordinary end it returns at once.

    ## Fix

    Repeats the `wait`, or puts one in front of the trap's `exit`. It is unsafe, because the script then stays for as
    long as the training takes to end.

    ## Leaves alone

    `while kill -0 "$PID"; do wait "$PID"; done` and other loops that come back to the `wait`, a `wait` in the trap or
    in a trap for EXIT, scripts that sleep or run something else for a while afterwards, traps that do not signal the
    training: it is in no handler then, for it is never told, and a second `wait` would not help it. A trap that
    requeues the job is WBS420's; one that only submits another job or says something is WBS418's.

    ## Source

    bash(1), SIGNALS. Measured with bash 5.2, SLURM 22.05.8 and 24.11.5 and wandb 0.31.0: with one `wait` the training
    is killed within 10 ms of the signal and the job is COMPLETED.
    """

    code = "WBS405"
    name = "single-wait"
    severity = Severity.ERROR
    fixes = (Applicability.UNSAFE,)

    def check(self, launch: LaunchFile) -> Iterator[Diagnostic]:
        """Yield every place at which a script leaves before the training that it has signalled."""
        found: set[Span] = set()
        for script in launch.scripts:
            # Most scripts have none, and to follow a signal through a long one takes its time.
            trapped = [signal for signal in _SIGNALS if script.may_trap(signal)]
            for started in started_in(script) if trapped else ():
                for signal in trapped:
                    delivery = _left_alone(script, started, signal)
                    if delivery is None or delivery.trap is None:
                        continue
                    finding = self._finding(launch.text, script, started, delivery.trap, signal)
                    if finding.span not in found:
                        found.add(finding.span)
                        yield finding
                    break

    def _finding(self, text: str, script: ShellScript, started: Started, trap: Trap, signal: str) -> Diagnostic:
        what = started.what
        leaves = next((step for step in trap.steps if isinstance(step, Exit) and not step.is_conditional), None)
        waits = waits_for(script, started.first)
        fix: Fix | None = None
        related: tuple[Related, ...] = (Related(trap.span, "the trap that ends the wait"),)
        if leaves is not None:
            span = leaves.span
            message = f"this exit ends the script while the {what} is still handling SIG{signal}, and the job with it"
            fix = _wait_in_trap(text, trap, leaves)
            related = ()
        elif waits:
            span = waits[0].span
            message = (
                f"SIG{signal} ends this wait, and nothing waits again: the script leaves, and the job with it, while "
                f"the {what} is still handling the signal"
            )
            fix = _second_wait(text, script, waits[0])
        else:
            span = started.span
            message = f"nothing waits for this {what}: the script ends at once, and the job with it"
        return self.at(span, message, outcome=describe_outcome(f"SIG{signal}", False, None), fix=fix, related=related)


def _left_alone(script: ShellScript, started: Started, signal: str) -> Delivery | None:
    """Return how a signal gets to a background launch for which the script then does not wait."""
    command = started.first
    if command.job is None or started.is_elsewhere or command.in_substitution:
        return None
    delivery = deliver(script, command, signal)
    if delivery is None or delivery.fate_of(Kind.SHELL) not in (Fate.RUNS_TRAP, Fate.GONE):
        return None
    if delivery.is_awaited is not False:
        return None
    if delivery.trap is None or signal not in delivery.trap.signals:
        return None  # a trap for EXIT cleans up, wherever the script ends
    kills = [step for step in delivery.trap.steps if isinstance(step, Kill) and not step.is_probe]
    is_gone = delivery.fate_of(Kind.SHELL) is Fate.GONE
    is_told = any(
        reaches(script, kill, command) is not False if is_gone else reaches(script, kill, command) for kill in kills
    )
    return delivery if is_told else None


def _second_wait(text: str, script: ShellScript, wait: Wait) -> Fix | None:
    if wait.statement is None or wait.in_condition:
        return None
    written = text[wait.span.start : wait.span.end]
    whole = wait.statement
    if wait.or_else is not None:
        whole = Span(whole.start, wait.or_else.alternative.end)
        if not stands_alone(text, whole):
            return None
        edit = lines_behind(text, whole, [text[whole.start : whole.end]])
    elif script.option("errexit", wait):
        edit = Edit(Span(whole.end, whole.end), f" || {written}")
    elif stands_alone(text, whole):
        edit = lines_behind(text, whole, [written])
    else:
        edit = Edit(Span(whole.end, whole.end), f"; {written}")
    return Fix("Wait again: the signal ends the first wait only", (edit,), Applicability.UNSAFE)


def _wait_in_trap(text: str, trap: Trap, leaves: Exit) -> Fix | None:
    in_word = trap.word.start <= leaves.span.start < trap.word.end
    if in_word and text[trap.word.start] != "'":
        return None
    kills = [step for step in trap.steps if isinstance(step, Kill) and not step.in_loop]
    targets = [target for kill in kills for target in kill.targets]
    names = [target.name for target in targets if target.kind is TargetKind.VARIABLE and len(target.jobs) == 1]
    wait = f'wait "${names[0]}"' if names else "wait"
    start = leaves.span.start
    indent = indent_at(text, start)
    newline = "\r\n" if "\r\n" in text else "\n"
    between = "; " if indent is None else newline + indent
    edit = Edit(Span(start, start), wait + between)
    return Fix("Wait for it before leaving", (edit,), Applicability.UNSAFE)
