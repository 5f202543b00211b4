"""WBS102."""

from __future__ import annotations

import signal
from collections.abc import Iterator

from wbsignal_lint.contract import describe_outcome, exit_code_for
from wbsignal_lint.diagnostics import Applicability, Diagnostic, Fix, Severity
from wbsignal_lint.rules.base import ScriptRule
from wbsignal_lint.script import repair
from wbsignal_lint.script.facts import Context, Disposition, Handler, Registration, Script, SignalUse
from wbsignal_lint.script.kernel import keeps_sigint

_SIGINT = int(signal.SIGINT)
_MESSAGE = "Leave SIGINT to the user"


class SigintHijacked(ScriptRule):
    """A handler that takes SIGINT for a preemption requeues the runs that people stop.

    ## What it finds

    SIGINT bound to a handler that calls `mark_preempting()`, alone, together with preemption signals, or as one element
    of a loop over signals; and SIGINT ignored in the training process itself.

    ## Why it matters

    Ctrl-C and the "Stop run" button of the W&B app arrive as SIGINT. A handler that marks turns the person's stop into
    a preemption: the run is recorded preempting with exit code 130 and is requeued, again and again. Ignored, it cannot
    be stopped at all. Without a handler W&B records 255, KILLED. Measured with wandb 0.31.0, online and offline.

    ## Example

    Bad:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        wandb.run.mark_preempting()
        sys.exit(128 + signum)

    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, handle_preemption)
    run = wandb.init()
    ```

    Good:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        wandb.run.mark_preempting()
        sys.exit(128 + signum)

    for signum in (signal.SIGTERM,):
        signal.signal(signum, handle_preemption)
    run = wandb.init()
    ```

    ## Fix

    Drops the registration of SIGINT, or the element of the tuple; where SIGINT was the handler's only signal, registers
    SIGTERM instead. A fix that would delete a comment is unsafe.

    ## Leaves alone

    SIGINT in worker processes; handlers that neither mark nor swallow the signal; `signal.default_int_handler`;
    registrations that restore a handler; SIGINT ignored around a critical section; in a notebook, registrations in
    another cell than the training: the kernel puts Python's own handler back before each cell.

    ## Source

    W&B documentation, "It leaves SIGINT free for interactive use"; measured.
    """

    code = "WBS102"
    name = "sigint-hijacked"
    severity = Severity.ERROR
    fixes = (Applicability.SAFE,)

    def check(self, script: Script) -> Iterator[Diagnostic]:
        """Yield one diagnostic for each registration that takes SIGINT away from the user."""
        for registration in script.registrations:
            use = next((use for use in registration.uses if use.number == _SIGINT), None)
            if use is None or registration.context in (Context.WORKER, Context.THREAD):
                continue
            if not keeps_sigint(script, registration.node):
                continue
            handler = registration.handler
            if registration.disposition is Disposition.IGNORE and self._for_good(script, registration):
                yield self._ignored(script, registration, use)
            elif handler is not None and self._marks(handler):
                yield self._marked(script, registration, handler, use)
            elif handler is not None and handler.does_nothing and self._for_good(script, registration):
                yield self._ignored(script, registration, use)

    @staticmethod
    def _marks(handler: Handler) -> bool:
        return any(outcome.marked for outcome in handler.outcomes if outcome.signum == _SIGINT)

    @staticmethod
    def _for_good(script: Script, registration: Registration) -> bool:
        others = (found for found in script.registrations if found is not registration and _SIGINT in found.numbers)
        return not registration.result_used and not any(others) and bool(script.inits)

    def _marked(self, script: Script, registration: Registration, handler: Handler, use: SignalUse) -> Diagnostic:
        return self.at(
            script.span(registration.node),
            f"SIGINT is bound to {handler.name}, which marks the run as preempting: "
            'Ctrl-C and "Stop run" in the W&B app get the run requeued instead of stopped',
            outcome=describe_outcome("SIGINT or Stop run", True, exit_code_for(_SIGINT)),
            fix=self._fix(script, registration, handler, use),
            scope=script.span(script.statement(registration.node)),
        )

    def _ignored(self, script: Script, registration: Registration, use: SignalUse) -> Diagnostic:
        return self.at(
            script.span(registration.node),
            'SIGINT is ignored in the training process: neither Ctrl-C nor "Stop run" in the W&B app stops the run',
            outcome="after SIGINT or Stop run: nothing, the run goes on until it ends by itself or is killed",
            fix=repair.drop_signal(script, registration, use, _MESSAGE),
            scope=script.span(script.statement(registration.node)),
        )

    def _fix(self, script: Script, registration: Registration, handler: Handler, use: SignalUse) -> Fix | None:
        handled = {number for found in script.registrations for number in found.numbers}
        if handler.numbers == {_SIGINT} and int(signal.SIGTERM) not in handled:
            return repair.sigterm_instead(script, use)
        return repair.drop_signal(script, registration, use, _MESSAGE)
