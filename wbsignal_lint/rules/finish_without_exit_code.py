"""WBS303."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Applicability, Diagnostic, Edit, Fix, Severity
from wbsignal_lint.rules.base import ScriptRule
from wbsignal_lint.script import repair
from wbsignal_lint.script.facts import Finish, Handler, Script
from wbsignal_lint.script.state import Ending, RunState
from wbsignal_lint.script.values import Const

_ZERO = (None, Const(None), Const(0), Const(False))


class FinishWithoutExitCode(ScriptRule):
    """finish() without an exit code in a signal handler records the preempted run as finished.

    ## What it finds

    `finish()`, `finish(0)`, `finish(exit_code=0)`, `wandb.join()` or `wandb.teardown()` in a handler of a preemption
    signal or in a function that it calls.

    ## Why it matters

    `finish()` closes the run with exit code 0. Whatever the process returns afterwards, even `sys.exit(143)`, comes too
    late: the run is recorded FINISHED and not requeued. Measured with 16 client versions from 0.10.33 to 0.31.0.

    ## Example

    Bad:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        wandb.run.mark_preempting()
        wandb.finish()
        sys.exit(128 + signum)

    signal.signal(signal.SIGTERM, handle_preemption)
    run = wandb.init()
    ```

    Good:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        wandb.run.mark_preempting()
        wandb.finish(exit_code=128 + signum)
        sys.exit(128 + signum)

    signal.signal(signal.SIGTERM, handle_preemption)
    run = wandb.init()
    ```

    ## Fix

    Passes the exit code: that of the `sys.exit` that follows in the same function, else `128 + signum`. Unsafe in a
    function that ordinary code calls as well.

    ## Leaves alone

    `finish()` at the end of the ordinary path; `finish(exit_code=…)` with a code that is not 0 or not known.

    ## Source

    W&B documentation, "Exit status and signals"; measured.
    """

    code = "WBS303"
    name = "finish-without-exit-code"
    severity = Severity.ERROR
    fixes = (Applicability.SAFE,)

    def check(self, script: Script) -> Iterator[Diagnostic]:
        """Yield one diagnostic for each call that finishes the run with 0 in a handler."""
        seen: set[int] = set()
        numbers = script.settings.preemption_numbers()
        for handler in script.preemption_handlers:
            for found in handler.finishes:
                if id(found.node) in seen or found.signum not in numbers:
                    continue
                if found.state.run is RunState.FINISHED or found.code not in _ZERO:
                    continue
                seen.add(id(found.node))
                yield self._diagnostic(script, handler, found)

    def _diagnostic(self, script: Script, handler: Handler, found: Finish) -> Diagnostic:
        call = script.source(found.node.func)
        return self.at(
            script.span(found.node),
            f"{call}() in signal handler {handler.name} closes the run with exit code 0: "
            "W&B takes the preempted run for finished, whatever the process returns afterwards",
            outcome=describe_outcome(found.row, found.state.marked, 0),
            fix=self._fix(script, handler, found),
            scope=script.span(script.statement(found.node)),
        )

    def _fix(self, script: Script, handler: Handler, found: Finish) -> Fix | None:
        code = self._code_that_follows(script, handler, found) or repair.exit_code(script, found, handler)
        node = found.node
        if any(isinstance(argument, ast.Starred) for argument in node.args):
            return None
        keyword = next((word for word in node.keywords if word.arg == "exit_code"), None)
        if keyword is not None:
            edit = Edit(script.span(keyword.value), code)
        elif node.args:
            edit = Edit(script.span(node.args[0]), f"exit_code={code}")
        else:
            inside = repair.whole_call(script, node)
            rest = script.text[inside.start : inside.end].strip()
            edit = Edit(inside, f"exit_code={code}" + (f", {rest}" if rest else ""))
        return Fix(f"Pass exit_code={code}", (edit,), repair.applicability_of(script, found))

    @staticmethod
    def _code_that_follows(script: Script, handler: Handler, found: Finish) -> str | None:
        """Return the source of the code given to the next exit in the same function, if it is a plain non-zero one."""
        later = [
            exit_
            for exit_ in handler.exits
            if exit_.function is found.function
            and exit_.completion.status
            and exit_.completion.ending is Ending.EXIT
            and script.span(exit_.node).start > script.span(found.node).start
        ]
        if not later:
            return None
        call = later[0].node
        if isinstance(call, ast.Raise) and call.exc is not None:
            call = call.exc
        if not isinstance(call, ast.Call) or len(call.args) != 1:
            return None
        argument = call.args[0]
        plain = all(
            isinstance(node, (ast.Name, ast.Constant, ast.Attribute, ast.BinOp, ast.operator, ast.expr_context))
            for node in ast.walk(argument)
        )
        value = later[0].completion.value
        number = isinstance(value, Const) and isinstance(value.value, int) and not isinstance(value.value, bool)
        return script.source(argument) if plain and number else None
