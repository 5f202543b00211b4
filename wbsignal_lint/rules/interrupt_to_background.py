"""WBS407."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Applicability, Diagnostic, Edit, Fix, Related, Severity, Span
from wbsignal_lint.launch.batch import Started, started_in
from wbsignal_lint.launch.beside import trainer_text
from wbsignal_lint.launch.facts import LaunchFile
from wbsignal_lint.launch.processes import Delivery, Fate, deliver_to_job, kills_of, reaches
from wbsignal_lint.launch.steps import Kill, ShellScript, Trap
from wbsignal_lint.rules.base import LaunchRule

__all__ = ["InterruptToBackground"]

_NAME = re.compile(r"(SIG)?INT|(?<=-)2$|^2$", re.IGNORECASE)


class InterruptToBackground(LaunchRule):
    """SIGINT does not stop what a script has started with &: it is ignored there.

    ## What it finds

    `kill -INT` (`-2`, `-s SIGINT`, `pkill -INT`) to a training or sweep agent that the script has started in the
    background.

    ## Why it matters

    A shell without job control, that is, every script without `set -m`, starts background commands with SIGINT ignored,
    so that a Ctrl-C for the foreground does not hit them. Python finds the signal ignored and leaves it so: no
    KeyboardInterrupt, the training goes on. An agent without forwarding does nothing at all; one with
    `--forward-signals` passes SIGINT on, but does not stop and starts its next run. What is meant as a friendly end is
    none, and the run is killed later: W&B records CRASHED.

    ## Example

    Bad:

    ```bash
    trap 'kill -INT "$PID"' TERM
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

    Sends SIGTERM.

    ## Leaves alone

    Scripts with `set -m`; what `timeout` starts, and what bash runs in a list, group, function or subshell in the
    background (`( python train.py ) &`), where SIGINT is not ignored; jobs of `srun` (WBS417), a SIGINT that a SIGTERM
    to the same process follows, processes of which it is not known how they were started. A training whose script is
    found and speaks of SIGINT: with a handler of its own it does get the signal.

    ## Source

    POSIX shell, 2.11 Signals and Error Handling. Measured with bash 5.2 and wandb 0.31.0.
    """

    code = "WBS407"
    name = "interrupt-to-background"
    severity = Severity.WARNING
    fixes = (Applicability.SAFE,)

    def check(self, launch: LaunchFile) -> Iterator[Diagnostic]:
        """Yield every SIGINT to an agent or trainer that ignores it."""
        for script in launch.scripts:
            started = [one for one in started_in(script) if one.first.job is not None and not one.is_elsewhere]
            for kill in kills_of(script):
                if kill.signal != "INT" or _is_followed_up(script, kill):
                    continue
                for one in started:
                    if reaches(script, kill, one.first) and _is_lost(script, one) and not _may_handle(launch, one):
                        yield self._finding(launch.text, kill, one)
                        break

    def _finding(self, text: str, kill: Kill, started: Started) -> Diagnostic:
        agent = started.launch.agent
        what = started.what
        if agent is None:
            happens = (
                f"the {what} runs in the background, where SIGINT is ignored: it goes on as if nothing had happened"
            )
        else:
            happens = f"the {what} runs in the background, where SIGINT is ignored: it does not stop"
        span = kill.signal_span or kill.span
        return self.at(
            span,
            happens,
            outcome=describe_outcome("SIGKILL, which comes in the end", False, None),
            fix=_fix(text, span),
            related=(Related(started.span, "started in the background"),),
            scope=kill.span,
        )


def _is_lost(script: ShellScript, started: Started) -> bool:
    if started.is_step:
        return False
    if started.outer:  # bash -c '…' &: what it starts inherits that SIGINT is ignored
        return not script.option("monitor", started.first)
    delivery: Delivery | None = deliver_to_job(script, started.launch, "INT")
    if delivery is None or not delivery.is_certain:
        return False
    return delivery.agent_goes_on or any(one.fate is Fate.IGNORES for one in delivery.receptions)


def _may_handle(launch: LaunchFile, started: Started) -> bool:
    """Whether the script of a training speaks of SIGINT: Python sets a handler also where it was ignored."""
    text = trainer_text(launch, started.launch)
    return text is not None and "SIGINT" in text


def _is_followed_up(script: ShellScript, kill: Kill) -> bool:
    """Whether SIGTERM or the like goes to the same process afterwards."""
    sequences = [trap.steps for trap in script.traps if isinstance(trap, Trap)] + [script.steps]
    for steps in sequences:
        places = [index for index, step in enumerate(steps) if step.span == kill.span]
        if not places:
            continue
        later = [step for step in steps[places[0] + 1 :] if isinstance(step, Kill) and not step.is_probe]
        names = {target.name for target in kill.targets}
        if any(step.signal in ("TERM", "USR1", "HUP") and names & {one.name for one in step.targets} for step in later):
            return True
    return False


def _fix(text: str, span: Span) -> Fix | None:
    match = _NAME.search(text[span.start : span.end])
    if match is None:
        return None
    place = Span(span.start + match.start(), span.start + match.end())
    return Fix("Send SIGTERM", (Edit(place, "15" if match[0] == "2" else f"{match[1] or ''}TERM"),))
