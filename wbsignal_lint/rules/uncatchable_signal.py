"""WBS103."""

from __future__ import annotations

import signal
from collections.abc import Iterator

from wbsignal_lint.diagnostics import Applicability, Diagnostic, Severity
from wbsignal_lint.rules.base import ScriptRule
from wbsignal_lint.script import repair
from wbsignal_lint.script.facts import Registration, Script, SignalUse

_UNCATCHABLE = frozenset({int(signal.SIGKILL), int(signal.SIGSTOP)})


class UncatchableSignal(ScriptRule):
    """SIGKILL and SIGSTOP can't be caught: registering a handler for them ends the script with an OSError.

    ## What it finds

    SIGKILL or SIGSTOP given to `signal.signal()` or to an event loop's `add_signal_handler()`, alone, by number, or as
    one element of a loop over signals.

    ## Why it matters

    The system never hands these two to a process. Python raises `OSError: [Errno 22] Invalid argument` at the
    registration, an event loop a `RuntimeError`: the script fails at its start, before any training, and what would
    have been registered next never is. After `wandb.init()` the run is recorded with exit code 1, FAILED. Measured with
    wandb 0.31.0.

    ## Example

    Bad:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        wandb.run.mark_preempting()
        sys.exit(128 + signum)

    for signum in (signal.SIGTERM, signal.SIGKILL):
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

    Drops the registration, or the element of the tuple. A fix that would delete a comment is unsafe.

    ## Leaves alone

    Registrations inside a `try` whose `except` stops the error; sending SIGKILL or SIGSTOP; asking for their handler.

    ## Source

    Python documentation, `signal.signal`; measured.
    """

    code = "WBS103"
    name = "uncatchable-signal"
    severity = Severity.ERROR
    fixes = (Applicability.SAFE, Applicability.UNSAFE)

    def check(self, script: Script) -> Iterator[Diagnostic]:
        """Yield one diagnostic for each signal of a registration that Python refuses."""
        for registration in script.registrations:
            if registration.refusal_caught:
                continue
            for use in registration.uses:
                if use.number in _UNCATCHABLE:
                    yield self._diagnostic(script, registration, use)

    def _diagnostic(self, script: Script, registration: Registration, use: SignalUse) -> Diagnostic:
        error = "OSError" if registration.api == "signal.signal" else "RuntimeError"
        return self.at(
            script.span(registration.node),
            f"{use.name} can't be caught: Python raises {error} here, and the script fails before it trains",
            fix=repair.drop_signal(script, registration, use, f"Drop {use.name}"),
            scope=script.span(script.statement(registration.node)),
        )
