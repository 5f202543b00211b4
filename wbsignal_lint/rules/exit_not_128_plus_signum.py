"""WBS307."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from wbsignal_lint.contract import describe_outcome, exit_code_for
from wbsignal_lint.diagnostics import Applicability, Diagnostic, Fix, Severity
from wbsignal_lint.rules.base import ScriptRule
from wbsignal_lint.script import repair
from wbsignal_lint.script.facts import Exit, Handler, Script
from wbsignal_lint.script.state import Ending
from wbsignal_lint.script.values import Const


class ExitNot128PlusSignum(ScriptRule):
    """A handler that exits with another code than 128 + signum hides which signal ended the run.

    ## What it finds

    A handler of a preemption signal, or a function that it calls, that exits with a known status which is neither 0 nor
    `128 + signum`: `sys.exit(1)`, `sys.exit("preempted")`, or one signal's code for another signal.

    ## Why it matters

    W&B requeues a marked run for any non-zero exit code, so nothing is lost. But 1 is also what every exception leaves
    behind: neither the run's page nor the cluster's accounting can tell a preemption from a bug, nor SIGTERM from
    SIGUSR1. This rule is off unless it is selected.

    ## Example

    Bad:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        wandb.run.mark_preempting()
        sys.exit(1)

    run = wandb.init()
    signal.signal(signal.SIGTERM, handle_preemption)
    ```

    Good:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        wandb.run.mark_preempting()
        sys.exit(128 + signum)

    run = wandb.init()
    signal.signal(signal.SIGTERM, handle_preemption)
    ```

    ## Fix

    Exits with `128 + signum`, using the handler's own parameter; where none is in reach, with a constant. Unsafe in a
    function that ordinary code calls as well, and where a message would be dropped.

    ## Leaves alone

    Exits whose status is not known; exits with 0, and exits past W&B's hook, which have rules of their own; exits
    outside handlers.

    ## Source

    W&B documentation, "Exit status and signals"; measured.
    """

    code = "WBS307"
    name = "exit-not-128-plus-signum"
    severity = Severity.INFO
    fixes = (Applicability.SAFE, Applicability.UNSAFE)

    def check(self, script: Script) -> Iterator[Diagnostic]:
        """Yield one diagnostic for each exit of a preemption handler with an unusual status."""
        seen: set[int] = set()
        for handler in script.preemption_handlers:
            for found in handler.exits:
                if id(found.node) not in seen and self._is_unusual(script, found):
                    seen.add(id(found.node))
                    yield self._diagnostic(script, handler, found)

    @staticmethod
    def _is_unusual(script: Script, found: Exit) -> bool:
        status, signum = found.completion.status, found.signum
        if not status or signum is None or signum not in script.settings.preemption_numbers():
            return False
        if found.completion.ending is not Ending.EXIT or not found.completion.seen:
            return False
        return status != exit_code_for(signum)

    def _diagnostic(self, script: Script, handler: Handler, found: Exit) -> Diagnostic:
        assert found.signum is not None
        status = found.completion.status
        recorded = found.state.recorded
        known = recorded.value if isinstance(recorded, Const) else None
        code = 1 if script.runs_are_managed else status
        return self.at(
            script.span(found.node),
            f"signal handler {handler.name} exits with {status} on {found.row}, not with {exit_code_for(found.signum)} "
            "(128 + signum): the exit code does not tell the preemption from a failure",
            outcome=describe_outcome(found.row, found.state.marked, known if isinstance(known, int) else code),
            fix=self._fix(script, handler, found),
            scope=script.span(script.statement(found.node)),
        )

    @staticmethod
    def _fix(script: Script, handler: Handler, found: Exit) -> Fix | None:
        value = found.completion.value
        fix = repair.exit_with_signal(script, handler, found)
        if fix is not None and isinstance(value, Const) and isinstance(value.value, str):
            return replace(fix, applicability=Applicability.UNSAFE)
        return fix
