"""WBS201."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Applicability, Diagnostic, Edit, Fix, Severity, Span
from wbsignal_lint.rules.base import ScriptRule
from wbsignal_lint.script.facts import Context, Init, Mark, Script
from wbsignal_lint.script.kernel import is_in_notebook
from wbsignal_lint.script.repair import standard_handler
from wbsignal_lint.script.state import RunState


class UnconditionalMarkPreempting(ScriptRule):
    """A run that is marked as preempting from the start is requeued for every bug.

    ## What it finds

    `mark_preempting()` reached unconditionally after `wandb.init()` on the ordinary path: chained on `init()`, inside
    `with wandb.init()`, some statements later, through an alias of the run, or in each pass of the training loop.

    ## Why it matters

    The mark stays: whatever ends the run with a non-zero exit code from then on, a typing error in the data path or a
    bad hyperparameter as well, is taken for a preemption, and the sweep hands the run out again for ever. Measured with
    wandb 0.10.33 to 0.31.0: an exception leaves a preempting record and exit code 1. (The page on resuming sweeps
    recommends the unconditional mark, the page on signals warns of it; the client does what the second one says.)

    ## Example

    Bad:

    ```python
    import wandb

    run = wandb.init()
    run.mark_preempting()
    ```

    Good:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        wandb.run.mark_preempting()
        sys.exit(128 + signum)

    signal.signal(signal.SIGTERM, handle_preemption)
    run = wandb.init()
    ```

    ## Fix

    Removes the mark where a registered handler marks the run; else puts the standard handler in its place, registered
    before `init()`. A fix that would delete a comment is unsafe.

    ## Leaves alone

    Marks in handlers and what they call; marks under any condition that does not hold for the run itself as well; marks
    after the training; marks of runs that were opened elsewhere. In a notebook an error leaves the kernel alive: there
    the mark only counts when something kills the kernel.

    ## Source

    W&B documentation, "Reference: mark_preempting() and final run state"; measured.
    """

    code = "WBS201"
    name = "unconditional-mark-preempting"
    severity = Severity.ERROR
    fixes = (Applicability.SAFE,)

    def check(self, script: Script) -> Iterator[Diagnostic]:
        """Yield one diagnostic for each mark that the ordinary path always reaches."""
        found: dict[ast.Call, Mark] = {}
        for mark in script.marks:
            if self._unconditional(script, mark):
                found.setdefault(mark.node, mark)
        inits = [init.node for mark in found.values() if (init := self._init_of(script, mark)) is not None]
        first = min(inits, key=script.span, default=None)
        for mark in found.values():
            yield self._diagnostic(script, mark, first)

    @staticmethod
    def _unconditional(script: Script, mark: Mark) -> bool:
        state = mark.state
        if state.init_guards is None or state.run is not RunState.ACTIVE or mark.context is Context.WORKER:
            return False
        if state.trained is not None and not mark.in_loop:
            return False
        if _is_last_in_with(script, mark):
            return False
        held_for_init = {ast.dump(guard) for guard in state.init_guards}
        return all(ast.dump(guard) in held_for_init for guard in state.guards)

    def _diagnostic(self, script: Script, mark: Mark, first: ast.Call | None) -> Diagnostic:
        function = mark.node.func
        span = script.span(mark.node)
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Call):
            span = Span(script.offset(function.value, end=True), span.end)
        taken = "any failure of this run, a bug as well,"
        outcome = describe_outcome("fails", True, 1)
        if is_in_notebook(script):
            taken = "whatever kills the kernel, such as running out of memory,"
            outcome = describe_outcome("SIGKILL", True, None)
        return self.at(
            span,
            f"mark_preempting() is called on every path after wandb.init(): {taken} is taken for a preemption "
            "and requeued",
            outcome=outcome,
            fix=self._fix(script, mark, first),
            scope=script.span(script.statement(mark.node)),
        )

    def _fix(self, script: Script, mark: Mark, first: ast.Call | None) -> Fix | None:
        removed = self._remove(script, mark)
        if removed is None:
            return None
        edits, loses_comment = removed
        applicability = Applicability.UNSAFE if loses_comment else Applicability.SAFE
        if any(handler.marks for handler in script.preemption_handlers):
            return Fix("Remove the mark: a signal handler marks the run", edits, applicability)
        init = self._init_of(script, mark)
        inserted = standard_handler(script, init, first) if init is not None else None
        if inserted is None:
            return None
        return Fix("Mark the run in a signal handler instead", (*inserted, *edits), applicability)

    @staticmethod
    def _remove(script: Script, mark: Mark) -> tuple[tuple[Edit, ...], bool] | None:
        node = mark.node
        if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Call):
            # wandb.init(…).mark_preempting(): the run itself stays.
            return (Edit(Span(script.offset(node.func.value, end=True), script.offset(node, end=True)), ""),), False
        statement = script.statement(node)
        if not isinstance(statement, ast.Expr) or statement.value is not node:
            return None
        removal = script.editor.remove_statement(script.span(statement))
        return removal.edits, removal.loses_comment

    @staticmethod
    def _init_of(script: Script, mark: Mark) -> Init | None:
        """Return the one ``wandb.init()`` that the mark can belong to, if it is in the main thread."""
        function = script.function_of(mark.node)
        near = [init for init in script.inits if script.function_of(init.node) is function] or script.inits
        usable = len(near) == 1 and near[0].context in (Context.MAIN, Context.LIBRARY)
        return near[0] if usable else None


def _is_last_in_with(script: Script, mark: Mark) -> bool:
    """Say whether the run is closed right after the mark, so that nothing can fail in between."""
    statement = script.statement(mark.node)
    block = script.parents.get(id(statement))
    opened = {id(init.node) for init in script.inits}
    return (
        isinstance(block, (ast.With, ast.AsyncWith))
        and block.body[-1] is statement
        and any(id(item.context_expr) in opened for item in block.items)
    )
