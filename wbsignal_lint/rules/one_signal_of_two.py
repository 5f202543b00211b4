"""WBS111."""

from __future__ import annotations

import ast
import signal
from collections.abc import Iterator

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Applicability, Diagnostic, Edit, Fix, Severity, Span
from wbsignal_lint.rules.base import ScriptRule
from wbsignal_lint.script.facts import Context, Disposition, Registration, Script, SignalUse

_SIGTERM, _SIGUSR1 = int(signal.SIGTERM), int(signal.SIGUSR1)
_BOTH = frozenset({_SIGTERM, _SIGUSR1})


class OneSignalOfTwo(ScriptRule):
    """Schedulers announce a preemption by SIGTERM or by SIGUSR1; a script ready for one dies of the other.

    ## What it finds

    A handler that marks the run, registered for SIGTERM and not for SIGUSR1, or for SIGUSR1 and not for SIGTERM, in a
    script that does nothing about the other one.

    ## Why it matters

    SLURM sends the signal of `--signal` before the time limit, but at a preemption SIGTERM only, unless the site has
    set `preempt_send_user_signal`. `scancel`, Kubernetes and `docker stop` send SIGTERM. Job scripts for requeued jobs
    mostly ask for SIGUSR1. The signal without a handler ends the process at once: no mark, no exit code, and W&B takes
    the run for crashed after about 5 minutes. Measured with wandb 0.31.0 and SLURM 22.05. Off by default: which signals
    come is known to the site.

    ## Example

    Bad:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        signal.signal(signum, signal.SIG_IGN)
        wandb.run.mark_preempting()
        sys.exit(128 + signum)

    signal.signal(signal.SIGUSR1, handle_preemption)
    run = wandb.init()
    ```

    Good:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        signal.signal(signum, signal.SIG_IGN)
        wandb.run.mark_preempting()
        sys.exit(128 + signum)

    signal.signal(signal.SIGUSR1, handle_preemption)
    signal.signal(signal.SIGTERM, handle_preemption)
    run = wandb.init()
    ```

    ## Fix

    Registers the handler for the other signal as well: one more statement, or one more element of the tuple. None where
    the signal is not written as `signal.SIGTERM` or `signal.SIGUSR1`.

    ## Leaves alone

    Scripts that handle, ignore, reset or trace the other signal, or ask for its handler; handlers that do not mark;
    registrations in workers, and those whose signal is not known.

    ## Source

    SLURM manual, `sbatch --signal` and `PreemptMode`; Kubernetes documentation, "Pod Lifecycle"; measured.
    """

    code = "WBS111"
    name = "one-signal-of-two"
    severity = Severity.INFO
    fixes = (Applicability.SAFE,)

    def check(self, script: Script) -> Iterator[Diagnostic]:
        """Yield one diagnostic for the registration that covers one of the two signals."""
        if not script.settings.preemption_numbers() >= _BOTH:
            return
        known = frozenset().union(*(found.numbers for found in script.registrations)) | script.queried | script.dumped
        if len(known & _BOTH) != 1 or script.binds_unknown_signals:
            return
        for registration in script.registrations:
            use = next((use for use in registration.uses if use.number in _BOTH), None)
            if use is not None and self._marks(registration, use.number):
                yield self._diagnostic(script, registration, use)
                return

    @staticmethod
    def _marks(registration: Registration, number: int) -> bool:
        handler = registration.handler
        if registration.disposition is not Disposition.HANDLER or handler is None:
            return False
        if registration.context not in (Context.MAIN, Context.LIBRARY):
            return False
        return any(outcome.marked for outcome in handler.outcomes if outcome.signum == number)

    def _diagnostic(self, script: Script, registration: Registration, use: SignalUse) -> Diagnostic:
        other = signal.Signals(_SIGUSR1 if use.number == _SIGTERM else _SIGTERM).name
        assert registration.handler is not None
        return self.at(
            script.span(registration.node),
            f"{registration.handler.name} handles {use.name} and nothing handles {other}, by which schedulers announce "
            "preemptions as well: it ends the process at once, unmarked",
            outcome=describe_outcome(other, False, None),
            fix=_register_too(script, registration, use, other),
            scope=script.span(script.statement(registration.node)),
        )


def _register_too(script: Script, registration: Registration, use: SignalUse, other: str) -> Fix | None:
    """Build the fix that binds the other signal to the same handler."""
    if not isinstance(use.node, ast.Attribute) or use.node.attr != use.name:
        return None
    spelled = script.source(use.node).removesuffix(use.name) + other
    message = f"Register {other} as well"
    if use.element:
        place = script.offset(use.node, end=True)
        return Fix(message, (Edit(Span(place, place), f", {spelled}"),))
    statement = script.statement(registration.node)
    by_itself = isinstance(statement, ast.Expr) and statement.value is registration.node
    if not by_itself or use.node is not registration.node.args[0]:
        return None
    whole, named = script.span(registration.node), script.span(use.node)
    line = script.text[whole.start : named.start] + spelled + script.text[named.end : whole.end]
    if "\n" in line or "\r" in line:
        return None
    return Fix(message, (script.editor.insert_after(script.span(statement), [line]),))
