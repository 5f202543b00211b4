"""WBS101."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Applicability, Diagnostic, Related, Severity
from wbsignal_lint.rules.base import ScriptRule
from wbsignal_lint.script.facts import Context, Disposition, Registration, Script
from wbsignal_lint.script.moving import late_statement, move_before_training
from wbsignal_lint.script.state import Ending, Training


class HandlerRegisteredLate(ScriptRule):
    """A handler registered after the training loop does not protect the training.

    ## What it finds

    A registration (`signal.signal`, `loop.add_signal_handler`) of a preemption handler that is reached after the
    training loop, inside it once training has begun, or after a blocking call that trains (`trainer.fit(…)`,
    `wandb.agent(…)`), on the same path, through local functions too.

    ## Why it matters

    Until the handler is registered the signal has its default effect: the process dies at once. Nothing marks the run
    and no exit code is recorded; the W&B server shows it CRASHED about 5 minutes later and it is not requeued. Measured
    with wandb 0.31.0: an empty record and status -15.

    ## Example

    Bad:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        wandb.run.mark_preempting()
        sys.exit(128 + signum)

    run = wandb.init()
    for step in range(1000):
        run.log({"loss": 1 / (step + 1)})
    signal.signal(signal.SIGTERM, handle_preemption)
    ```

    Good:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        wandb.run.mark_preempting()
        sys.exit(128 + signum)

    signal.signal(signal.SIGTERM, handle_preemption)
    run = wandb.init()
    for step in range(1000):
        run.log({"loss": 1 / (step + 1)})
    ```

    ## Fix

    Moves the registration in front of the training. Unsafe when the handler's definition has to move along, or when the
    handler reads variables that exist only once training has begun.

    ## Leaves alone

    Registrations that restore or reset a handler; signals that have a handler already; loops that do not train, such as
    one over the signals; handlers of SIGUSR1 and the like that neither mark the run nor end the process.

    ## Source

    W&B documentation, "Catchable signals and preemption: register handlers early"; measured.
    """

    code = "WBS101"
    name = "handler-registered-late"
    severity = Severity.ERROR
    fixes = (Applicability.SAFE, Applicability.UNSAFE)

    def check(self, script: Script) -> Iterator[Diagnostic]:
        """Yield one diagnostic for each registration that comes after training."""
        for registration in script.registrations:
            if registration.late is not None and self._matters(script, registration):
                yield self._diagnostic(script, registration, registration.late)

    @staticmethod
    def _matters(script: Script, registration: Registration) -> bool:
        numbers = registration.numbers & script.settings.preemption_numbers()
        handler = registration.handler
        if registration.disposition is not Disposition.HANDLER or handler is None or not numbers:
            return False
        if registration.context not in (Context.MAIN, Context.LIBRARY):
            return False
        return any(
            outcome.marked or outcome.completion.ending is not Ending.NORMAL or outcome.state.effects
            for outcome in handler.outcomes
        )

    def _diagnostic(self, script: Script, registration: Registration, training: Training) -> Diagnostic:
        assert registration.handler is not None
        *others, last = (use.name for use in registration.uses)
        names = f"{', '.join(others)} and {last}" if others else last
        loop = isinstance(training.node, (ast.For, ast.AsyncFor, ast.While))
        inside = loop and any(parent is training.node for parent in script.ancestors(registration.node))
        where = "inside the training loop, after its first steps" if inside else "after the training"
        related: tuple[Related, ...] = (Related(script.span(training.node), "the training starts here"),)
        late = late_statement(script, registration, training)
        if late is not None:
            related += (Related(script.span(registration.node), "this registers the handler"),)
        blamed = late or registration.node
        return self.at(
            script.span(blamed),
            f"handler {registration.handler.name} for {names} is registered {where} ({script.place(training.node)}): "
            "a signal that comes before kills the run unmarked",
            outcome=describe_outcome(registration.uses[0].name, False, None),
            fix=move_before_training(script, registration, training),
            related=related,
            scope=script.span(script.statement(blamed)),
        )
