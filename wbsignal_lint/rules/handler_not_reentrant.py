"""WBS110."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from wbsignal_lint.diagnostics import Applicability, Diagnostic, Fix, Severity
from wbsignal_lint.rules.base import ScriptRule
from wbsignal_lint.script import repair
from wbsignal_lint.script.facts import Finish, Handler, Mark, Script
from wbsignal_lint.script.heap import DISPOSITIONS
from wbsignal_lint.script.state import Ending
from wbsignal_lint.script.values import External


class HandlerNotReentrant(ScriptRule):
    """A handler that works with W&B can be interrupted by the same signal, delivered a second time.

    ## What it finds

    A handler of a preemption signal that marks or finishes the run, and leaves, without first ignoring its signal or
    setting a flag.

    ## Why it matters

    A signal often comes twice: from the scheduler, which signals every process of a job step, and from
    `wandb agent --forward-signals`, which hands it on. Python starts the handler again in the middle of itself. After
    `finish()` there is no run any more and the second entry fails with AttributeError or UsageError; the status of the
    process is no longer the handler's. While Python shuts down, the second signal ends it at once. Measured with wandb
    0.31.0. Off by default: it takes two deliveries.

    ## Example

    Bad:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        wandb.run.mark_preempting()
        sys.exit(128 + signum)

    signal.signal(signal.SIGTERM, handle_preemption)
    run = wandb.init()
    ```

    Good:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        signal.signal(signum, signal.SIG_IGN)
        wandb.run.mark_preempting()
        sys.exit(128 + signum)

    signal.signal(signal.SIGTERM, handle_preemption)
    run = wandb.init()
    ```

    ## Fix

    Ignores the signal in the handler's first line. None without a parameter that takes the signal number; unsafe in a
    function that ordinary code calls as well.

    ## Leaves alone

    Handlers that set or ask something of the program's own before they touch the run; those that an event loop calls,
    which never interrupts them; those that only set a flag and leave the rest to the training loop; those that only
    mark and go on.

    ## Source

    Python documentation, "Execution of Python signal handlers"; measured.
    """

    code = "WBS110"
    name = "handler-not-reentrant"
    severity = Severity.INFO
    fixes = (Applicability.SAFE,)

    def check(self, script: Script) -> Iterator[Diagnostic]:
        """Yield one diagnostic for each handler that a second delivery interrupts."""
        numbers = script.settings.preemption_numbers()
        for handler in script.preemption_handlers:
            if any(registration.api != "signal.signal" for registration in handler.registrations):
                continue
            # One mark more does no harm; what goes wrong is the way out.
            leaves = any(outcome.completion.ending is not Ending.NORMAL for outcome in handler.outcomes)
            if not leaves and not handler.finishes:
                continue
            work: list[Mark | Finish] = [*handler.marks_made, *handler.finishes]
            if any(_is_open(handler, found, numbers) for found in work):
                yield self._diagnostic(script, handler)

    def _diagnostic(self, script: Script, handler: Handler) -> Diagnostic:
        node = handler.function.node
        return self.at(
            script.header(node),
            f"signal handler {handler.name} is run again in the middle of itself if its signal is delivered twice, "
            "by the scheduler and by wandb agent --forward-signals",
            fix=_ignore_first(script, handler),
            scope=script.header(node),
        )


def _is_open(handler: Handler, found: Mark | Finish, numbers: frozenset[int]) -> bool:
    """Say whether the same signal can interrupt a handler where it works with the run."""
    if found.state.effects or found.state.guards:
        return False
    ignored = External("signal.SIG_IGN")
    disposed = dict(found.state.heap.names(DISPOSITIONS))
    return not any(disposed.get(str(number)) == ignored for number in handler.numbers & numbers)


def _ignore_first(script: Script, handler: Handler) -> Fix | None:
    node = handler.function.node
    if isinstance(node, ast.Lambda) or handler.parameter is None:
        return None
    body = node.body
    documented = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    first = body[1] if documented and len(body) > 1 else body[0]
    if not script.editor.is_alone(script.span(first)):
        return None
    module = repair.module_name(script, "signal")
    line = f"{module.name}.signal({handler.parameter}, {module.name}.SIG_IGN)"
    shared = id(node) in script.shared_functions
    applicability = Applicability.UNSAFE if shared else Applicability.SAFE
    edit = script.editor.insert_before(script.span(first), [line])
    return Fix("Ignore a second delivery", (*module.edits, edit), applicability)
