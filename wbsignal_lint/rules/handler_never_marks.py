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
from wbsignal_lint.sweeps import sweep_of_project, sweep_of_script


class HandlerNeverMarks(ScriptRule):
    """A handler that ends the run without marking it leaves a failure that no sweep hands out again.

    ## What it finds

    A handler of a preemption signal after which the process ends with a non-zero exit code, and nothing on the way
    marks the run: it exits, raises, or sets the flag on which the training loop leaves.

    ## Why it matters

    W&B requeues a run only if `mark_preempting()` was called before it ended. Without the mark a preemption is recorded
    as FAILED. Measured with wandb 0.10.33 to 0.31.0: exit code 143 and no preempting record.

    In a sweep the agent then goes on to other parameters, and those of the preempted run are never tried: a warning,
    where the script calls `wandb.sweep()` or `wandb.agent()`, or the project has a sweep file (YAML with `method` and
    `parameters`) or a shell script that starts `wandb agent`. Without a sweep nobody would hand the run out again: then
    it is an info, off unless the rule is selected.

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
    graver = Severity.WARNING
    fixes = (Applicability.UNSAFE,)

    def check(self, script: Script) -> Iterator[Diagnostic]:
        """Yield one diagnostic for each handler that ends the run unmarked."""
        if "mark_preempting" in script.text:
            return
        found = [(handler, self._unmarked_end(script, handler)) for handler in script.preemption_handlers]
        unmarked = [(handler, *end) for handler, end in found if end is not None]
        if not unmarked:
            return
        sweep = "this script" if sweep_of_script(script.text) else sweep_of_project(script.path)
        for handler, number, code in unmarked:
            yield self._diagnostic(script, handler, number, code, sweep)

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

    def _diagnostic(self, script: Script, handler: Handler, number: int, code: int, sweep: str | None) -> Diagnostic:
        node = handler.function.node
        name = signal.Signals(number).name
        return self.at(
            script.header(node),
            f"signal handler {handler.name} ends the run on {name} and nothing marks it as preempting: "
            "W&B records a failure and does not requeue it"
            + (f", and the sweep goes on without it (the sweep: {sweep})" if sweep is not None else ""),
            outcome=describe_outcome(name, False, code),
            fix=self._fix(script, handler),
            scope=script.header(node),
            graver=sweep is not None,
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
