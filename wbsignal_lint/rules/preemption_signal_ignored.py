"""WBS104."""

from __future__ import annotations

import signal
from collections.abc import Iterator

from wbsignal_lint.diagnostics import Diagnostic, Severity
from wbsignal_lint.rules.base import ScriptRule
from wbsignal_lint.script.facts import Context, Disposition, Registration, Script, SignalUse

_ANNOUNCE = frozenset({int(signal.SIGTERM), int(signal.SIGUSR1)})


class PreemptionSignalIgnored(ScriptRule):
    """A training process that ignores SIGTERM or SIGUSR1 never learns that it is about to be preempted.

    ## What it finds

    SIGTERM or SIGUSR1 set to `signal.SIG_IGN` for good in the training process itself, by a script that has no handler
    for any preemption signal.

    ## Why it matters

    The announcement of a preemption is thrown away. The training goes on until it is killed: the run is neither marked
    nor given an exit code, W&B takes it for crashed after about 5 minutes, and no agent picks it up. If it ends before,
    nothing shows that it was told to go. Measured with wandb 0.31.0.

    ## Example

    Bad:

    ```python
    import signal, wandb

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    run = wandb.init()
    ```

    Good:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        wandb.run.mark_preempting()
        sys.exit(128 + signum)

    signal.signal(signal.SIGTERM, handle_preemption)
    run = wandb.init()
    ```

    ## Fix

    None: register a handler, or leave the signal alone.

    ## Leaves alone

    Signals ignored inside a handler, which guards it against a second delivery; in workers and threads; around a
    critical section, where the previous handler is kept and put back; in scripts where another preemption signal has a
    handler: some sites send one signal as a warning and another to the same effect. SIGHUP.

    ## Source

    Python documentation, `signal.SIG_IGN`; measured.
    """

    code = "WBS104"
    name = "preemption-signal-ignored"
    severity = Severity.WARNING

    def check(self, script: Script) -> Iterator[Diagnostic]:
        """Yield one diagnostic for each announcement of a preemption that is ignored for good."""
        numbers = _ANNOUNCE & script.settings.preemption_numbers()
        if not any(init.context in (Context.MAIN, Context.LIBRARY) for init in script.inits):
            return
        if any(
            found.disposition in (Disposition.HANDLER, Disposition.UNKNOWN)
            and found.numbers & script.settings.preemption_numbers()
            for found in script.registrations
        ):
            return
        for registration in script.registrations:
            if self._is_for_good(script, registration):
                for use in registration.uses:
                    if use.number in numbers:
                        yield self._diagnostic(script, registration, use)

    @staticmethod
    def _is_for_good(script: Script, registration: Registration) -> bool:
        if registration.disposition is not Disposition.IGNORE or registration.result_used:
            return False
        if registration.context is not Context.MAIN or registration.numbers & script.queried:
            return False
        others = (found for found in script.registrations if found is not registration)
        return not any(found.numbers & registration.numbers for found in others)

    def _diagnostic(self, script: Script, registration: Registration, use: SignalUse) -> Diagnostic:
        return self.at(
            script.span(registration.node),
            f"{use.name} is ignored in the training process: it never learns that it is about to be preempted, "
            "and is killed with its run unmarked",
            outcome=f"after {use.name}: nothing, the run goes on until it ends by itself or is killed",
            scope=script.span(script.statement(registration.node)),
        )
