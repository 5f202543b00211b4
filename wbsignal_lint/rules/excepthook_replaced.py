"""WBS310."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Applicability, Diagnostic, Fix, Severity
from wbsignal_lint.rules.base import ScriptRule
from wbsignal_lint.script.facts import Script
from wbsignal_lint.script.kernel import is_in_notebook
from wbsignal_lint.script.moving import move_before_init
from wbsignal_lint.script.scenario import End, ends_of_failures
from wbsignal_lint.script.state import Cause


class ExcepthookReplaced(ScriptRule):
    """An exception hook set after wandb.init() keeps crashes from W&B.

    ## What it finds

    `sys.excepthook = f` after `wandb.init()`, where `f` does not call the hook that was there before;
    `rich.traceback.install()` after `wandb.init()`; a typer app that is called after `wandb.init()`, where the project
    pins typer 0.9.4 or newer: it sets a hook that passes on to the one from before its import.

    ## Why it matters

    W&B learns of a crash from the `sys.excepthook` that `wandb.init()` sets. Replaced afterwards, the crash is
    recorded with exit code 0: the run is FINISHED. Set before `init()`, the new hook is called by W&B's. Measured
    with wandb 0.10.33 to 0.31.0; typer's with 0.29.2.

    ## Example

    Bad:

    ```python
    import sys, wandb

    run = wandb.init()
    sys.excepthook = lambda kind, error, traceback: print("crash:", error)
    for step in range(1000):
        run.log({"loss": 1 / (step + 1)})
    ```

    Good:

    ```python
    import sys, wandb

    sys.excepthook = lambda kind, error, traceback: print("crash:", error)
    run = wandb.init()
    for step in range(1000):
        run.log({"loss": 1 / (step + 1)})
    ```

    ## Fix

    Moves the statement in front of `wandb.init()`, where both stand in one block and everything it names is defined
    before. None for a typer app: open the run in its command.

    ## Leaves alone

    Hooks set before `init()`; hooks that call the previous one; runs opened by `with`, which sees the exception itself;
    notebooks, whose kernel calls no hook.

    ## Source

    Measured; `wandb/sdk/lib/exit_hooks.py`.
    """

    code = "WBS310"
    name = "excepthook-replaced"
    severity = Severity.WARNING
    fixes = (Applicability.SAFE,)

    def check(self, script: Script) -> Iterator[Diagnostic]:
        """Yield one diagnostic for each replacement that hides a crash."""
        if is_in_notebook(script):
            return  # the kernel catches what leaves a cell, and calls no hook
        seen: set[int] = set()
        for row, end in ends_of_failures(script):
            node = end.decision.node
            if end.decision.cause is Cause.HOOK_REPLACED and node is not None and id(node) not in seen:
                seen.add(id(node))
                yield self._diagnostic(script, row, end, node)

    def _diagnostic(self, script: Script, row: str, end: End, node: ast.AST) -> Diagnostic:
        statement = script.statement(node)
        # A program's main function, run by a framework: to move it would run the training before its run is opened.
        is_main = isinstance(node, ast.Call) and not script.source(node.func).endswith("install")
        message = "this takes the place of the exception hook that wandb.init() has set: a crash is recorded as success"
        if is_main:
            message = f"the framework behind this call sets a hook of its own, and {message}"
        return self.at(
            script.span(statement),
            message,
            outcome=describe_outcome(row, end.marked, 0),
            fix=None if is_main else self._fix(script, statement),
            scope=script.span(statement),
        )

    @staticmethod
    def _fix(script: Script, statement: ast.stmt) -> Fix | None:
        return move_before_init(script, statement)
