"""WBS205."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from wbsignal_lint.diagnostics import Applicability, Diagnostic, Edit, Fix, Severity, Span
from wbsignal_lint.rules.base import ScriptRule
from wbsignal_lint.script.facts import Script
from wbsignal_lint.script.record import describe_end


class MarkNotCalled(ScriptRule):
    """mark_preempting without parentheses marks nothing.

    ## What it finds

    `run.mark_preempting` as a statement, or as the part of one whose value nobody uses: `wandb.run and
    wandb.run.mark_preempting`, an element of a handler's `lambda signum, frame: (…)`.

    ## Why it matters

    Naming a method does not call it. The handler exits as it should, but the run is not marked: W&B records a failure,
    and the sweep does not hand the run out again. Measured with wandb 0.10.33 to 0.31.0: exit code 143 and no
    preempting record.

    ## Example

    Bad:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        if wandb.run is not None:
            wandb.run.mark_preempting
        sys.exit(128 + signum)

    signal.signal(signal.SIGTERM, handle_preemption)
    run = wandb.init()
    ```

    Good:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        if wandb.run is not None:
            wandb.run.mark_preempting()
        sys.exit(128 + signum)

    signal.signal(signal.SIGTERM, handle_preemption)
    run = wandb.init()
    ```

    ## Fix

    Adds the parentheses.

    ## Leaves alone

    The method as a value: passed to a function, bound to a name, tested by `hasattr` or an `if`. Files that define a
    `mark_preempting` of their own.

    ## Source

    Measured.
    """

    code = "WBS205"
    name = "mark-not-called"
    severity = Severity.ERROR
    fixes = (Applicability.SAFE,)

    def check(self, script: Script) -> Iterator[Diagnostic]:
        """Yield one diagnostic for each mark that is named and not called."""
        for node in script.uncalled_marks:
            end = script.offset(node, end=True)
            yield self.at(
                script.span(node),
                f"{script.source(node)} is named but not called: the run is not marked as preempting",
                outcome=self._outcome(script, node),
                fix=Fix("Call it", (Edit(Span(end, end), "()"),)),
                scope=script.span(script.statement(node)),
            )

    @staticmethod
    def _outcome(script: Script, node: ast.expr) -> str:
        function = script.function_of(node)
        for handler in script.preemption_handlers:
            if id(function) in handler.reached and not handler.marks:
                return next(filter(None, (describe_end(script, outcome) for outcome in handler.outcomes)), "")
        return ""
