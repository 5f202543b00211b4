"""WBS306."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from wbsignal_lint.diagnostics import Applicability, Diagnostic, Edit, Fix, Severity
from wbsignal_lint.rules.base import ScriptRule
from wbsignal_lint.script.facts import Script
from wbsignal_lint.script.scenario import ends_of_preemptions
from wbsignal_lint.script.state import Ending, Swallowed, is_exception


class ExitSwallowed(ScriptRule):
    """A bare except around the training stops the exit of the signal handler.

    ## What it finds

    `except:`, `except BaseException`, `except SystemExit`, `suppress(BaseException)`, or a `return`, `break` or
    `continue` in `finally`, around training code, that stops the SystemExit which a preemption handler raises,
    without raising it again or leaving with a status.

    ## Why it matters

    A handler's `sys.exit` is an exception like others. Swallowed inside the loop, the training goes on until the
    machine is gone; around the loop, the process returns 0 although W&B has the handler's code on record: the job
    script and the scheduler take the run for done. Measured with wandb 0.10.33 to 0.31.0.

    ## Example

    Bad:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        wandb.run.mark_preempting()
        sys.exit(128 + signum)

    signal.signal(signal.SIGTERM, handle_preemption)
    run = wandb.init()
    for step in range(1000):
        try:
            run.log({"loss": 1 / (step + 1)})
        except:
            print("bad batch")
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
        try:
            run.log({"loss": 1 / (step + 1)})
        except Exception:
            print("bad batch")
    ```

    ## Fix

    Unsafe: catches `Exception` instead, which leaves SystemExit and KeyboardInterrupt alone. None for `finally`.

    ## Leaves alone

    Blocks that raise again or leave with a status of their own; code that the handler's signal does not interrupt;
    scripts without a handler that exits.

    ## Source

    Measured; Python's documentation of SystemExit.
    """

    code = "WBS306"
    name = "exit-swallowed"
    severity = Severity.ERROR
    fixes = (Applicability.UNSAFE,)

    def check(self, script: Script) -> Iterator[Diagnostic]:
        """Yield one diagnostic for each place that stops a handler's exit."""
        seen: set[int] = set()
        for row, end in ends_of_preemptions(script):
            swallowed = end.swallowed
            if swallowed is None or id(swallowed.by) in seen or not end.is_ordinary:
                continue
            if self._is_exit(swallowed):
                seen.add(id(swallowed.by))
                yield self._diagnostic(script, row, swallowed.by)

    @staticmethod
    def _is_exit(swallowed: Swallowed) -> bool:
        """Say whether an exit was stopped that passes by ``except Exception``, by something not made for it."""
        what = swallowed.what
        if what.ending is Ending.EXIT:
            return not swallowed.meant or what.exception == "builtins.SystemExit"
        return not swallowed.meant and not is_exception(what)

    def _diagnostic(self, script: Script, row: str, node: ast.AST) -> Diagnostic:
        what = {ast.ExceptHandler: "this except", ast.Call: "suppress()"}.get(type(node), "leaving this finally block")
        head = script.header(node)
        return self.at(
            head,
            f"{what} stops the exit that the handler of {row} asks for: the training goes on, or the process returns 0",
            outcome=f"after {row}: the exit code is on record, but the process does not end by it",
            fix=self._fix(script, node),
            scope=head,
        )

    @staticmethod
    def _fix(script: Script, node: ast.AST) -> Fix | None:
        message = "Catch Exception, which exits are not"
        if isinstance(node, ast.ExceptHandler):
            if node.type is None:
                head = script.header(node)
                return Fix(message, (Edit(head, "except Exception"),), Applicability.UNSAFE)
            if isinstance(node.type, ast.Tuple):
                return None  # what to keep of several classes is the author's to say
            return Fix(message, (Edit(script.span(node.type), "Exception"),), Applicability.UNSAFE)
        if isinstance(node, ast.Call) and len(node.args) == 1:
            return Fix(message, (Edit(script.span(node.args[0]), "Exception"),), Applicability.UNSAFE)
        return None
