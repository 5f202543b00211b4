"""WBS304."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Applicability, Diagnostic, Severity
from wbsignal_lint.rules.base import ScriptRule
from wbsignal_lint.script import leaving
from wbsignal_lint.script.facts import Script
from wbsignal_lint.script.kernel import is_in_notebook
from wbsignal_lint.script.scenario import End, ends_of_failures, ends_of_preemptions
from wbsignal_lint.script.state import Cause, Ending


class FinishHidesFailure(ScriptRule):
    """finish() in a finally block records every crash and every preemption as success.

    ## What it finds

    `finish()` without an exit code that is reached while an exception or a handler's exit is on its way: in
    `finally`, in `except BaseException` or `except SystemExit`, or registered with `atexit`, around code that trains.

    ## Why it matters

    The call closes the run with exit code 0 before W&B learns how the process ends. A crash is shown as FINISHED, and a
    preempted run is not requeued. Measured with wandb 0.13.11 to 0.31.0 (older clients still recorded the real code).

    ## Example

    Bad:

    ```python
    import signal, wandb

    run = wandb.init()
    try:
        for step in range(1000):
            run.log({"loss": 1 / (step + 1)})
    finally:
        wandb.finish()
    ```

    Good:

    ```python
    import signal, wandb

    run = wandb.init()
    try:
        for step in range(1000):
            run.log({"loss": 1 / (step + 1)})
    except BaseException:
        wandb.finish(exit_code=1)
        raise
    wandb.finish()
    ```

    ## Fix

    Unsafe. A `finally` that holds nothing else becomes `except BaseException`, which finishes with 1 and raises
    again, and the plain `finish()` moves behind the statement. `atexit.register(wandb.finish)` is dropped: W&B
    finishes the run at exit by itself, with the right code. Often the best cure is to drop the call and open the run
    by `with wandb.init()`.

    ## Leaves alone

    `finish(exit_code=…)` with a code; `finish()` at the end of the ordinary path; signal handlers (WBS303); scripts
    whose way to the call can't be followed. Where the project pins a wandb before 0.13.11: what kept the exit code
    there (measured with 0.12.21), `finish()` after a `sys.exit()` or in an atexit function. In a notebook, an atexit
    function after an error: the kernel goes on, and what it records in the end is 0 anyway.

    ## Source

    Measured.
    """

    code = "WBS304"
    name = "finish-hides-failure"
    severity = Severity.ERROR
    fixes = (Applicability.UNSAFE,)

    def check(self, script: Script) -> Iterator[Diagnostic]:
        """Yield one diagnostic for each call that overwrites the exit code of a failure."""
        finishes = (*script.finishes, *(call for handler in script.handlers for call in handler.finishes))
        if "atexit" not in script.text and not any(script.cleans_up(finish.node) for finish in finishes):
            return  # playing events through a script is what takes time
        seen: set[int] = set()
        ends = [*ends_of_failures(script), *ends_of_preemptions(script)]
        # A code that depends on something is not known to be 0.
        seen.update(id(end.decision.node) for _, end in ends if end.code != 0)
        in_notebook = is_in_notebook(script)
        for row, end in ends:
            node = end.decision.node
            if in_notebook and row == "fails" and end.decision.cause is Cause.AT_EXIT:
                continue  # the kernel catches what leaves a cell: without the call it would be 0 as well
            if isinstance(node, ast.Call) and id(node) not in seen and self._hides(script, end, node):
                seen.add(id(node))
                yield self._diagnostic(script, row, end, node)

    @staticmethod
    def _hides(script: Script, end: End, node: ast.Call) -> bool:
        if end.code != 0 or not end.status:
            return False
        function = script.function_of(node)
        if function is not None and id(function) in script.handler_functions:
            return False
        left = end.completion
        if left.ending is Ending.EXIT and left.node is not None and script.stand_together(node, left.node):
            return False  # the exit behind it has the code that is lost (WBS309)
        around = end.decision.cause is Cause.FINISH and script.cleans_up(node)
        return around or end.decision.cause is Cause.AT_EXIT

    def _diagnostic(self, script: Script, row: str, end: End, node: ast.Call) -> Diagnostic:
        if end.decision.cause is Cause.AT_EXIT:
            message = "a finish() that atexit calls closes the run with exit code 0, however the process ends"
        else:
            call = script.source(node.func)
            message = f"{call}() closes the run with exit code 0 while an exception is on its way: W&B records success"
        return self.at(
            script.span(node),
            message,
            outcome=describe_outcome(row, end.marked, 0),
            fix=leaving.finish_with_failure(script, node),
            scope=script.span(script.statement(node)),
        )
