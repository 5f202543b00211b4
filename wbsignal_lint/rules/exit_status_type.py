"""WBS311."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Applicability, Diagnostic, Edit, Fix, Severity
from wbsignal_lint.rules.base import ScriptRule
from wbsignal_lint.script.facts import Exit, Finish, Script
from wbsignal_lint.script.values import Const


class ExitStatusType(ScriptRule):
    """An exit status that is no number makes W&B's client fail at the end.

    ## What it finds

    `sys.exit(True)` while a run is active, in ordinary code also `sys.exit(False)`; and `finish()` with a text as exit
    code.

    ## Why it matters

    The client writes the status into a record that takes whole numbers only. From wandb 0.28.2 on a bool raises
    TypeError while Python shuts down, and no exit code is recorded at all: the run looks as if it had crashed. A text
    given to `finish()` raises TypeError on the spot.

    ## Example

    Bad:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        wandb.run.mark_preempting()
        sys.exit(True)

    signal.signal(signal.SIGTERM, handle_preemption)
    run = wandb.init()
    ```

    Good:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        wandb.run.mark_preempting()
        sys.exit(1)

    signal.signal(signal.SIGTERM, handle_preemption)
    run = wandb.init()
    ```

    ## Fix

    Writes the number that was meant: `True` becomes 1, `"143"` becomes 143.

    ## Leaves alone

    `sys.exit("message")`, which Python prints and W&B records as 1; values that are not known; a bool where the project
    pins a wandb before 0.28.2, the first measured that fails on it (0.25.1 recorded its number).

    ## Source

    Measured with wandb 0.28.2 to 0.31.0.
    """

    code = "WBS311"
    name = "exit-status-type"
    severity = Severity.ERROR
    fixes = (Applicability.SAFE,)

    def check(self, script: Script) -> Iterator[Diagnostic]:
        """Yield one diagnostic for each status of the wrong type."""
        seen: set[int] = set()
        # A handler that exits with False exits with 0, which is WBS301's subject.
        in_handlers = (found for handler in script.handlers for found in handler.exits if found.completion.status)
        for found in (*script.exits, *in_handlers):
            value = found.completion.value
            is_bool = isinstance(value, Const) and isinstance(value.value, bool)
            if is_bool and found.completion.seen and found.state.recorded is None and id(found.node) not in seen:
                seen.add(id(found.node))
                yield self._exit(script, found)
        for finish in (*script.finishes, *(call for handler in script.handlers for call in handler.finishes)):
            is_text = isinstance(finish.code, Const) and isinstance(finish.code.value, str)
            if is_text and id(finish.node) not in seen:
                seen.add(id(finish.node))
                yield self._finish(script, finish)

    def _exit(self, script: Script, found: Exit) -> Diagnostic:
        assert isinstance(found.completion.value, Const)
        value = found.completion.value.value
        argument = found.node.args[0] if isinstance(found.node, ast.Call) and len(found.node.args) == 1 else None
        return self.at(
            script.span(found.node),
            f"the exit status {value} is a bool, which W&B's client can't record: it fails while Python shuts down",
            outcome=describe_outcome(found.row, found.state.marked, None),
            fix=_number(script, argument, value),
            scope=script.span(script.statement(found.node)),
        )

    def _finish(self, script: Script, found: Finish) -> Diagnostic:
        assert isinstance(found.code, Const)
        return self.at(
            script.span(found.argument or found.node),
            f"the exit code {found.code.value!r} is a text: finish() raises TypeError",
            outcome=describe_outcome(found.row, found.state.marked, 1),
            fix=_number(script, found.argument, found.code.value),
            scope=script.span(script.statement(found.node)),
        )


def _number(script: Script, argument: ast.expr | None, value: object) -> Fix | None:
    """Build the fix that writes a literal as the number that it stands for."""
    if not isinstance(argument, ast.Constant):
        return None
    if isinstance(value, str) and not value.strip().isdecimal():
        return None
    number = int(value) if isinstance(value, (bool, str)) else None
    return None if number is None else Fix(f"Pass {number}", (Edit(script.span(argument), str(number)),))
