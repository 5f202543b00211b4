"""WBS309."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Applicability, Diagnostic, Edit, Fix, Related, Severity
from wbsignal_lint.rules.base import ScriptRule
from wbsignal_lint.script import repair
from wbsignal_lint.script.facts import Exit, Script
from wbsignal_lint.script.scenario import End, Event, ends_of_preemptions, play
from wbsignal_lint.script.state import Cause, Ending
from wbsignal_lint.script.values import Const


class ExitAfterRunClosed(ScriptRule):
    """A non-zero exit comes too late when the run is already closed.

    ## What it finds

    A loop that reads the handler's flag and leaves `with wandb.init()` by `break` or `return`, or calls `finish()`,
    and only afterwards exits with a non-zero status.

    ## Why it matters

    Leaving the `with` block in the ordinary way, or calling `finish()`, closes the run with exit code 0. The status
    of the process comes after that and W&B does not see it: the preempted run is FINISHED and not requeued. Measured
    with wandb 0.31.0.

    ## Example

    Bad:

    ```python
    import signal, sys, wandb

    stop = 0

    def handle_preemption(signum, frame):
        global stop
        stop = signum

    signal.signal(signal.SIGTERM, handle_preemption)
    with wandb.init() as run:
        for step in range(1000):
            run.log({"loss": 1 / (step + 1)})
            if stop:
                run.mark_preempting()
                break
    if stop:
        sys.exit(128 + stop)
    ```

    Good:

    ```python
    import signal, sys, wandb

    stop = 0

    def handle_preemption(signum, frame):
        global stop
        stop = signum

    signal.signal(signal.SIGTERM, handle_preemption)
    with wandb.init() as run:
        for step in range(1000):
            run.log({"loss": 1 / (step + 1)})
            if stop:
                run.mark_preempting()
                run.finish(exit_code=128 + stop)
                break
    if stop:
        sys.exit(128 + stop)
    ```

    ## Fix

    Unsafe: finishes the run with the later exit's code, before the `break` or `return`, or in the plain `finish()`.

    ## Leaves alone

    Runs that are finished with a code; exits inside the `with` block, which record 1; ways that can't be followed.

    ## Source

    Measured.
    """

    code = "WBS309"
    name = "exit-after-run-closed"
    severity = Severity.ERROR
    fixes = (Applicability.UNSAFE,)

    def check(self, script: Script) -> Iterator[Diagnostic]:
        """Yield one diagnostic for each exit that comes after the run was closed with 0."""
        seen: set[int] = set()
        for row, end in ends_of_preemptions(script):
            node = end.completion.node
            if node is not None and id(node) not in seen and self._too_late(script, end):
                seen.add(id(node))
                yield self._diagnostic(script, row, end, node)
        for found in script.exits:
            closing = found.state.decided.node if found.state.decided is not None else None
            if id(found.node) not in seen and self._follows_finish(script, found, closing):
                seen.add(id(found.node))
                yield self._after_finish(script, found, closing)

    @staticmethod
    def _follows_finish(script: Script, found: Exit, closing: ast.AST | None) -> bool:
        """Say whether an exit of ordinary code stands behind a plain ``finish()`` of its own block."""
        if not found.completion.seen or not found.completion.status or found.state.recorded != Const(0):
            return False
        return isinstance(closing, ast.Call) and script.stand_together(closing, found.node)

    def _after_finish(self, script: Script, found: Exit, closing: ast.AST | None) -> Diagnostic:
        status = found.completion.status
        related = (Related(script.span(closing), "the run is closed here"),) if closing is not None else ()
        return self.at(
            script.span(found.node),
            f"the run is already closed with exit code 0 when the process leaves with {status}: "
            "W&B takes the failed run for finished",
            outcome=describe_outcome("fails", found.state.marked, 0),
            fix=_in_finish(script, closing, found.node),
            related=related,
            scope=script.span(script.statement(found.node)),
        )

    @staticmethod
    def _too_late(script: Script, end: End) -> bool:
        closed = end.decision.cause in (Cause.WITH, Cause.FINISH) and end.code == 0
        if not closed or end.completion.ending is not Ending.EXIT or not end.status or end.reader is None:
            return False
        function = script.function_of(end.decision.node) if end.decision.node is not None else None
        return function is None or id(function) not in script.handler_functions

    def _diagnostic(self, script: Script, row: str, end: End, node: ast.AST) -> Diagnostic:
        closing = end.decision.node
        related = (Related(script.span(closing), "the run is closed here"),) if closing is not None else ()
        return self.at(
            script.span(node),
            f"the run is already closed with exit code 0 when the process leaves with {end.status}: "
            "W&B takes the preempted run for finished",
            outcome=describe_outcome(row, end.marked, 0),
            fix=self._fix(script, end, node),
            related=related,
            scope=script.span(script.statement(node)),
        )

    @staticmethod
    def _fix(script: Script, end: End, node: ast.AST) -> Fix | None:
        closing, reader = end.decision.node, end.reader
        if end.decision.cause is Cause.FINISH:
            # A finish() that the ordinary way uses as well must go on recording 0 there.
            ordinary = any(other.decision.node is closing for other in play(script, Event.NOTHING).ends)
            return None if ordinary else _in_finish(script, closing, node)
        if not isinstance(reader, ast.If):
            return None
        last = reader.body[-1]
        code = _code(script, node)
        if isinstance(last, ast.Return) and last.value is not None:
            code = script.source(last.value)
        if (
            code is None
            or not isinstance(last, (ast.Break, ast.Return))
            or not script.editor.is_alone(script.span(last))
        ):
            return None
        run = script.run_of_with(closing) or repair.module_name(script, "wandb").name
        edit = script.editor.insert_before(script.span(last), [f"{run}.finish(exit_code={code})"])
        return Fix(f"Finish the run with exit_code={code}", (edit,), Applicability.UNSAFE)


def _code(script: Script, node: ast.AST) -> str | None:
    """Return the source of the status that an exit is given."""
    call = node.exc if isinstance(node, ast.Raise) else node
    return script.source(call.args[0]) if isinstance(call, ast.Call) and len(call.args) == 1 else None


def _in_finish(script: Script, closing: ast.AST | None, node: ast.AST) -> Fix | None:
    """Build the fix that gives a plain ``finish()`` the code of the exit behind it."""
    code = _code(script, node)
    if code is None or not isinstance(closing, ast.Call) or closing.args or closing.keywords:
        return None
    edit = Edit(script.span(closing), f"{script.source(closing.func)}(exit_code={code})")
    return Fix(f"Finish the run with exit_code={code}", (edit,), Applicability.UNSAFE)
