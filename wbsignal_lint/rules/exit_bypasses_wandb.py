"""WBS302."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Applicability, Diagnostic, Edit, Fix, Severity
from wbsignal_lint.rules.base import ScriptRule
from wbsignal_lint.script import repair
from wbsignal_lint.script.facts import Exit, Handler, Script
from wbsignal_lint.script.state import Ending, RunState

_REDELIVERED = frozenset({"re-kill", "SIGKILL"})


class ExitBypassesWandb(ScriptRule):
    """A non-zero exit that W&B does not see is recorded as success.

    ## What it finds

    While a run is active, in a signal handler, in what it calls or in ordinary code: `raise SystemExit(n)`, the
    builtins `exit(n)` and `quit(n)`, an `exit` taken from `sys` before `wandb.init()` ran, `os._exit(n)`, `os.abort()`;
    in handlers that mark the run also the signal sent again to the process itself.

    ## Why it matters

    W&B learns the exit code only from the `sys.exit` that `wandb.init()` puts in the place of Python's own (and from
    `sys.excepthook`). Any other way to raise SystemExit is recorded as exit code **0**, whatever the process returns:
    the run is FINISHED and not requeued. `os._exit` and signals leave no exit code at all. Measured with 16 client
    versions from 0.10.33 to 0.31.0.

    ## Example

    Bad:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        wandb.run.mark_preempting()
        raise SystemExit(128 + signum)

    signal.signal(signal.SIGTERM, handle_preemption)
    run = wandb.init()
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

    Calls `sys.exit` instead, importing `sys` if need be. For `os._exit`, `os.abort` and signals sent again, which may
    be meant to skip clean-up, the unsafe fix finishes the run with its exit code first.

    ## Leaves alone

    Exits before a run is opened or after `finish(exit_code=…)`; runs opened by `with wandb.init()`, which records 1 for
    any exception; forked workers; handlers that send the signal again without having marked the run.

    ## Source

    Measured; `wandb/sdk/lib/exit_hooks.py`.
    """

    code = "WBS302"
    name = "exit-bypasses-wandb"
    severity = Severity.ERROR
    fixes = (Applicability.SAFE, Applicability.UNSAFE)

    def check(self, script: Script) -> Iterator[Diagnostic]:
        """Yield one diagnostic for each exit past W&B's hooks."""
        seen: set[int] = set()
        numbers = script.settings.preemption_numbers()
        for handler in script.preemption_handlers:
            for found in handler.exits:
                if id(found.node) in seen or found.signum not in numbers or not self._bypasses(script, found):
                    continue
                if found.completion.how in _REDELIVERED and not found.state.marked:
                    continue
                seen.add(id(found.node))
                yield self._diagnostic(script, found, handler)
        for found in script.exits:
            ends_at_once = found.completion.ending is Ending.DEAD
            if id(found.node) in seen or (found.function and id(found.function) in script.handler_functions):
                continue
            if self._bypasses(script, found) and not (ends_at_once and script.forks_itself):
                seen.add(id(found.node))
                yield self._diagnostic(script, found, None)

    @staticmethod
    def _bypasses(script: Script, found: Exit) -> bool:
        if found.state.run is not RunState.ACTIVE or found.state.recorded is not None:
            return False
        if not found.completion.status:
            return False
        if found.completion.ending is Ending.EXIT:
            past = not found.completion.seen and not found.completion.around_init
            return past and not script.runs_are_managed
        return True

    def _diagnostic(self, script: Script, found: Exit, handler: Handler | None) -> Diagnostic:
        how = found.completion.how
        where = f"signal handler {handler.name} leaves" if handler is not None else "the script leaves"
        if found.completion.ending is Ending.EXIT:
            early = how == "sys.exit"
            way = "an exit() that was taken from sys before wandb.init() replaced it" if early else _spelled(how)
            message = f"{where} by {way}, which W&B does not see: it records exit code 0 instead of {self._code(found)}"
            recorded: int | None = 0
        else:
            message = f"{where} by {_spelled(how)}, which skips W&B's exit hook: no exit code is recorded"
            recorded = None
        return self.at(
            script.span(found.node),
            message,
            outcome=describe_outcome(found.row, found.state.marked, recorded),
            fix=self._fix(script, found, handler),
            scope=script.span(script.statement(found.node)),
        )

    @staticmethod
    def _code(found: Exit) -> str:
        return str(found.completion.status)

    def _fix(self, script: Script, found: Exit, handler: Handler | None) -> Fix | None:
        if found.completion.ending is Ending.DEAD:
            return self._finish_first(script, found, handler)
        node = found.node
        call = node.exc if isinstance(node, ast.Raise) else node
        if not isinstance(call, ast.Call) or len(call.args) != 1 or call.keywords:
            return None
        reference = repair.module_name(script, "sys")
        code = script.source(call.args[0])
        edit = Edit(script.span(node), f"{reference.name}.exit({code})")
        if isinstance(node, ast.Call):
            edit = Edit(script.span(node.func), f"{reference.name}.exit")
        return Fix(f"Leave by {reference.name}.exit({code})", (*reference.edits, edit))

    @staticmethod
    def _finish_first(script: Script, found: Exit, handler: Handler | None) -> Fix | None:
        """Build the fix that puts the exit code on record before the process ends at once."""
        assert isinstance(found.node, ast.Call)
        statement = script.statement(found.node)
        if not isinstance(statement, ast.Expr) or statement.value is not found.node:
            return None
        if found.completion.how == "os._exit":
            code = script.source(found.node.args[0])
        elif handler is not None:
            code = repair.exit_code(script, found, handler)
        else:
            code = str(found.completion.status)
        return repair.finish_before(script, statement, code)


def _spelled(how: str) -> str:
    return {"re-kill": "sending itself the signal again", "SIGKILL": "SIGKILL"}.get(how, f"{how}()").replace(
        "raise SystemExit()", "raise SystemExit"
    )
