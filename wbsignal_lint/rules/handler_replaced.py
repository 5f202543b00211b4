"""WBS107."""

from __future__ import annotations

import signal
from collections.abc import Iterator

from wbsignal_lint.diagnostics import Diagnostic, Related, Severity
from wbsignal_lint.rules.base import ScriptRule
from wbsignal_lint.script.facts import Context, Handler, Replacement, Script
from wbsignal_lint.script.frameworks.takeovers import TAKEOVERS
from wbsignal_lint.script.state import Ending


class HandlerReplaced(ScriptRule):
    """A later handler for the same signal takes the place of the one that marks the run.

    ## What it finds

    A handler that marks the run, and after it, on the same path and before the training, another registration of the
    same signal whose handler does not: by `signal.signal()`, by an event loop's `add_signal_handler()`, by
    `faulthandler.register()` without `chain=True`, by `ray.init()`, or by Hugging Face's `Trainer` with
    `enable_jit_checkpoint=True`.

    ## Why it matters

    The first handler never runs. A preemption reaches the second only, and the run is not marked: FAILED or FINISHED,
    as the second one leaves, and not requeued. `faulthandler.register()` prints a traceback and the training goes on.
    `ray.init()` replaces the handler of SIGTERM by one that calls `sys.exit(signum)`: W&B records 15. Hugging Face's
    handler saves a checkpoint some seconds later and ends the training as if it were done. Measured with wandb 0.31.0,
    Python 3.11, Ray 2.60.0 and transformers 5.23.0; the same in the source of Ray 2.9.3 and 2.40.0, transformers 5.0.0.

    ## Example

    Bad:

    ```python
    import faulthandler, signal, sys, wandb

    def handle_preemption(signum, frame):
        wandb.run.mark_preempting()
        sys.exit(128 + signum)

    signal.signal(signal.SIGUSR1, handle_preemption)
    faulthandler.register(signal.SIGUSR1)
    run = wandb.init()
    ```

    Good:

    ```python
    import faulthandler, signal, sys, wandb

    def handle_preemption(signum, frame):
        wandb.run.mark_preempting()
        sys.exit(128 + signum)

    signal.signal(signal.SIGUSR1, handle_preemption)
    faulthandler.register(signal.SIGUSR1, chain=True)
    run = wandb.init()
    ```

    ## Fix

    None: let the second handler call the first, or give them different signals; register the handler after
    `ray.init()`, and after the `Trainer` was made.

    ## Leaves alone

    A second handler that marks the run, calls the first, sets something that the training loop reads, or calls
    what is unknown; registrations whose result is kept, or that come with `signal.getsignal()`: they chain or restore;
    resetting and ignoring a signal; registrations under a condition that the first is not under; what comes after the
    training.

    ## Source

    Python documentation, `signal.signal` and `faulthandler.register`; measured.
    """

    code = "WBS107"
    name = "handler-replaced"
    severity = Severity.WARNING

    def check(self, script: Script) -> Iterator[Diagnostic]:
        """Yield one diagnostic for each call that takes a signal away from a handler that marks."""
        numbers = script.settings.preemption_numbers()
        for found in script.replacements:
            if found.number in numbers and self._loses(script, found):
                yield self._diagnostic(script, found)

    @staticmethod
    def _loses(script: Script, found: Replacement) -> bool:
        contexts = {found.earlier.context, found.context}
        if contexts & {Context.WORKER, Context.THREAD} or found.after_training:
            return False
        if found.result_used or found.number in script.queried or found.earlier.api != "signal.signal":
            return False
        if not any(outcome.marked for outcome in found.handler.outcomes if outcome.signum == found.number):
            return False
        return found.later is None or _never_marks(script, found.later, found.handler, found.number)

    def _diagnostic(self, script: Script, found: Replacement) -> Diagnostic:
        name = signal.Signals(found.number).name
        by = f"handler {found.later.name}" if found.later is not None else f"{found.by}()"
        hint = f" ({_HINTS[found.by]})" if found.by in _HINTS else ""
        return self.at(
            script.span(found.node),
            f"{by} takes the place of {found.handler.name} for {name}{hint}: "
            "the handler that marks the run as preempting never runs",
            related=(Related(script.span(found.earlier.node), f"{found.handler.name} is registered here"),),
            scope=script.span(script.statement(found.node)),
        )


_HINTS = {
    "faulthandler.register": "chain=True keeps it",
    **{takeover.by: "register it after that" for takeover in TAKEOVERS.values()},
}


def _never_marks(script: Script, later: Handler, first: Handler, number: int) -> bool:
    """Say whether a handler surely neither marks the run nor makes anything else mark it."""
    outcomes = [outcome for outcome in later.outcomes if outcome.signum == number]
    if later.never_runs:
        return True
    if not outcomes or id(first.function.node) in later.reached:
        return False
    return not any(
        outcome.marked
        or outcome.completion.ending is Ending.UNKNOWN
        or any(
            effect.startswith("?") or script.is_read_outside(effect, later.reached) for effect in outcome.state.effects
        )
        for outcome in outcomes
    )
