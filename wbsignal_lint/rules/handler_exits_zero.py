"""WBS301."""

from __future__ import annotations

from collections.abc import Iterator

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Applicability, Diagnostic, Severity
from wbsignal_lint.rules.base import ScriptRule
from wbsignal_lint.script import repair
from wbsignal_lint.script.facts import Exit, Handler, Script
from wbsignal_lint.script.state import Ending
from wbsignal_lint.script.values import Const


class HandlerExitsZero(ScriptRule):
    """Exit status 0 in a signal handler tells W&B that the run finished.

    ## What it finds

    A handler of a preemption signal, or a function that it calls, that ends the process with status 0: `sys.exit()`,
    `sys.exit(0)`, `sys.exit(None)`, `sys.exit(False)`, a constant or a parameter's default that is 0, a multiple of
    256, `os._exit(0)`, `raise SystemExit(0)`.

    ## Why it matters

    W&B requeues a run only if it was marked as preempting **and** ended with a non-zero exit code. With 0 the run is
    recorded FINISHED, although its training was cut off, and no agent ever picks it up again. Measured with every wandb
    client from 0.10.33 to 0.31.0: `mark_preempting()` followed by `sys.exit(0)` leaves a preempting record and exit
    code 0.

    ## Example

    Bad:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        wandb.run.mark_preempting()
        sys.exit(0)

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

    Exits with `128 + signum`, the customary status of a process ended by a signal, using the handler's own parameter;
    where none is in reach, a constant. Unsafe in a function that ordinary code calls as well.

    ## Leaves alone

    Exits outside handlers; exits whose status is not known; exits after `finish(exit_code=…)` with a non-zero code;
    forked workers that leave behind a `os.getpid()` check; runs opened by `with wandb.init()`, which records 1 for any
    exit.

    ## Source

    W&B documentation, "Exit status and signals"; measured.
    """

    code = "WBS301"
    name = "handler-exits-zero"
    severity = Severity.ERROR
    fixes = (Applicability.SAFE, Applicability.UNSAFE)

    def check(self, script: Script) -> Iterator[Diagnostic]:
        """Yield one diagnostic for each exit with status 0 that a preemption handler reaches."""
        seen: set[int] = set()
        for handler in script.preemption_handlers:
            for found in handler.exits:
                if id(found.node) not in seen and self._loses(script, found):
                    seen.add(id(found.node))
                    yield self._diagnostic(script, handler, found)

    @staticmethod
    def _loses(script: Script, found: Exit) -> bool:
        if found.signum not in script.settings.preemption_numbers() or found.completion.status != 0:
            return False
        if script.runs_are_managed and found.completion.ending is Ending.EXIT:
            return False
        return found.state.recorded in (None, Const(0))

    def _diagnostic(self, script: Script, handler: Handler, found: Exit) -> Diagnostic:
        code = found.completion.value
        given = code.value if isinstance(code, Const) else 0
        recorded = given if isinstance(given, int) and not isinstance(given, bool) else 0
        status = f"{given} (status 0 modulo 256)" if recorded else "status 0"
        message = (
            f"signal handler {handler.name} exits with {status}: W&B takes the preempted run for finished "
            "and does not requeue it"
        )
        ends_at_once = found.completion.ending is Ending.DEAD
        outcome = describe_outcome(found.row, found.state.marked, None if ends_at_once else recorded)
        return self.at(
            script.span(found.node),
            message if not ends_at_once else f"signal handler {handler.name} exits with status 0, past W&B's exit hook",
            outcome=outcome,
            fix=repair.exit_with_signal(script, handler, found),
            scope=script.span(script.statement(found.node)),
        )
