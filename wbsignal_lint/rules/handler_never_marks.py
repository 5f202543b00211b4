"""WBS202."""

from __future__ import annotations

import ast
import signal
from collections.abc import Iterator

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Applicability, Diagnostic, Fix, Severity
from wbsignal_lint.rules.base import ScriptRule
from wbsignal_lint.script import repair
from wbsignal_lint.script.facts import Handler, Script
from wbsignal_lint.script.scenario import play


class HandlerNeverMarks(ScriptRule):
    """A handler that ends the run without marking it leaves a failure that no sweep hands out again.

    ## What it finds

    A handler of a preemption signal after which the process ends with a non-zero exit code, and nothing on the way
    marks the run: it exits, raises, or sets the flag on which the training loop leaves.

    ## Why it matters

    W&B requeues a run only if `mark_preempting()` was called before it ended. Without the mark a preemption is recorded
    as FAILED. Measured with wandb 0.10.33 to 0.31.0: exit code 143 and no preempting record. Not every script belongs
    to a sweep whose runs are to be handed out again, so this rule is off unless it is selected.

    ## Example

    Bad:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        sys.exit(128 + signum)

    signal.signal(signal.SIGTERM, handle_preemption)
    run = wandb.init()
    for step in range(100):
        run.log({"step": step})
    ```

    Good:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        if wandb.run is not None:
            wandb.run.mark_preempting()
        sys.exit(128 + signum)

    for preemption_signal in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(preemption_signal, handle_preemption)
    run = wandb.init()
    for step in range(100):
        run.log({"step": step})
    ```

    ## Fix

    Marks the run, if there is one, at the start of the handler. Unsafe, as it makes the sweep hand the run out again;
    none for a `lambda`, and none for a handler that first asks in which process it runs.

    ## Leaves alone

    Scripts that mark the run anywhere; handlers that go on, or after which W&B records 0 or nothing, which other rules
    speak of; handlers that call functions of other modules, which may mark; scripts whose end can't be foreseen.

    ## Source

    W&B documentation, "Reference: mark_preempting() and final run state"; measured.
    """

    code = "WBS202"
    name = "handler-never-marks"
    severity = Severity.INFO
    fixes = (Applicability.UNSAFE,)

    def check(self, script: Script) -> Iterator[Diagnostic]:
        """Yield one diagnostic for each handler that ends the run unmarked."""
        if "mark_preempting" in script.text:
            return
        for handler in script.preemption_handlers:
            found = self._unmarked_end(script, handler)
            if found is not None:
                yield self._diagnostic(script, handler, *found)

    @staticmethod
    def _unmarked_end(script: Script, handler: Handler) -> tuple[int, int] | None:
        """Return the first signal after which the run ends unmarked, with the exit code that W&B records."""
        if handler.unfollowed:
            return None
        for number in sorted(handler.numbers & script.settings.preemption_numbers()):
            played = play(script, number)
            codes = {end.code for end in played.ends if end.has_run}
            if played.handler_run and codes and not codes & {None, 0} and len(codes) == 1:
                return number, next(code for code in codes if code is not None)
        return None

    def _diagnostic(self, script: Script, handler: Handler, number: int, code: int) -> Diagnostic:
        node = handler.function.node
        name = signal.Signals(number).name
        return self.at(
            script.header(node),
            f"signal handler {handler.name} ends the run on {name} and nothing marks it as preempting: "
            "W&B records a failure and does not requeue it",
            outcome=describe_outcome(name, False, code),
            fix=self._fix(script, handler),
            scope=script.header(node),
        )

    @staticmethod
    def _fix(script: Script, handler: Handler) -> Fix | None:
        node = handler.function.node
        if isinstance(node, ast.Lambda) or "getpid" in script.source(node):
            return None
        first = node.body[1] if len(node.body) > 1 and ast.get_docstring(node) is not None else node.body[0]
        span = script.span(first)
        if not script.editor.is_alone(span):
            return None
        wandb = repair.module_name(script, "wandb")
        lines = [f"if {wandb.name}.run is not None:", f"    {wandb.name}.run.mark_preempting()"]
        if isinstance(first, ast.Global):
            edit = script.editor.insert_after(span, lines)
        else:
            edit = script.editor.insert_before(span, lines)
        return Fix("Mark the run", (*wandb.edits, edit), Applicability.UNSAFE)
