"""WBS308."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Applicability, Diagnostic, Edit, Fix, Severity
from wbsignal_lint.rules.base import ScriptRule
from wbsignal_lint.script import repair
from wbsignal_lint.script.facts import Exit, Script
from wbsignal_lint.script.scenario import ends_of_failures, ends_of_preemptions
from wbsignal_lint.script.state import Cause, Completion, RunState


class SysExitAroundInit(ScriptRule):
    """sys.exit(main()) hides the exit code from W&B when the run is opened inside main().

    ## What it finds

    `sys.exit(f())`, `raise SystemExit(f())`, `sys.exit(asyncio.run(f()))` or absl's `app.run(f)`, where `f` opens the
    run, leaves it open and can return a status other than 0.

    ## Why it matters

    Python looks `sys.exit` up before it evaluates the argument, so it calls the function that was there before
    `wandb.init()` put its own in its place. The process returns the status, but W&B records exit code 0: the run is
    FINISHED. Measured with 16 client versions from 0.10.33 to 0.31.0.

    ## Example

    Bad:

    ```python
    import sys, wandb

    def main():
        run = wandb.init()
        run.log({"loss": 1.0})
        return 1

    sys.exit(main())
    ```

    Good:

    ```python
    import sys, wandb

    def main():
        run = wandb.init()
        run.log({"loss": 1.0})
        return 1

    status = main()
    sys.exit(status)
    ```

    ## Fix

    Evaluates the status first: `status = main()`, then `sys.exit(status)`. Unsafe for `raise SystemExit`. None for
    absl's `app.run`.

    ## Leaves alone

    Functions that return `None` or 0, or something that is not known; runs that are finished or left by `with` before
    the exit.

    ## Source

    Measured; `wandb/sdk/lib/exit_hooks.py`.
    """

    code = "WBS308"
    name = "sys-exit-around-init"
    severity = Severity.ERROR
    fixes = (Applicability.SAFE, Applicability.UNSAFE)

    def check(self, script: Script) -> Iterator[Diagnostic]:
        """Yield one diagnostic for each exit whose argument opens the run."""
        exits = [(found.row, found.completion, found.state.marked) for found in script.exits if _loses(found)]
        ends = (*ends_of_failures(script), *ends_of_preemptions(script))
        exits += [(row, end.completion, end.marked) for row, end in ends if end.decision.cause is Cause.PAST_EXIT]
        seen: set[int] = set()
        for row, completion, marked in exits:
            node = completion.node
            if node is not None and completion.around_init and completion.status and id(node) not in seen:
                seen.add(id(node))
                yield self._diagnostic(script, row, completion, node, marked)

    def _diagnostic(self, script: Script, row: str, completion: Completion, node: ast.AST, marked: bool) -> Diagnostic:
        return self.at(
            script.span(node),
            f"{completion.how} was looked up before wandb.init() ran inside its argument, so W&B does not see "
            f"the exit: it records 0 where the process returns {completion.status}",
            outcome=describe_outcome(row, marked, 0),
            fix=self._fix(script, completion, node),
            scope=script.span(script.statement(node)),
        )

    @staticmethod
    def _fix(script: Script, completion: Completion, node: ast.AST) -> Fix | None:
        statement = script.statement(node)
        raised = isinstance(statement, ast.Raise)
        call = statement.exc if isinstance(statement, ast.Raise) else node
        whole = isinstance(statement, ast.Raise) or (isinstance(statement, ast.Expr) and statement.value is call)
        if completion.how == "app.run" or not whole or not isinstance(call, ast.Call) or len(call.args) != 1:
            return None
        span = script.span(statement)
        reference = repair.module_name(script, "sys")
        exit_name = f"{reference.name}.exit" if raised else script.source(call.func)
        name = "exit_status" if script.is_bound("status") else "status"
        first = script.editor.insert_before(span, [f"{name} = {script.source(call.args[0])}"])
        if not script.editor.is_alone(span) or "\n" in script.source(call.args[0]):
            return None
        edits = (*reference.edits, first, Edit(span, f"{exit_name}({name})"))
        applicability = Applicability.UNSAFE if raised else Applicability.SAFE
        return Fix(f"Evaluate the status before {exit_name} is looked up", edits, applicability)


def _loses(found: Exit) -> bool:
    """Say whether an exit leaves a run open that has no exit code yet."""
    return found.state.run is RunState.ACTIVE and found.state.recorded is None
