"""WBS305."""

from __future__ import annotations

import ast
import signal
from collections.abc import Iterator

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Applicability, Diagnostic, Severity
from wbsignal_lint.rules.base import ScriptRule
from wbsignal_lint.script import leaving
from wbsignal_lint.script.facts import Handler, Outcome, Script
from wbsignal_lint.script.scenario import End, ends_of_preemptions
from wbsignal_lint.script.state import Ending


class HandlerFallsThrough(ScriptRule):
    """A handler that marks the run and returns lets the training go on as if nothing had happened.

    ## What it finds

    A handler of a preemption signal that calls `mark_preempting()` and then simply returns: it neither exits nor raises
    nor sets anything that other code reads.

    ## Why it matters

    The training loop goes on until the machine is taken away; if it comes to its end first, the run is recorded with
    exit code 0: FINISHED, though it was marked. Measured with wandb 0.10.33 to 0.31.0. The time that the cluster gives
    for saving a checkpoint passes unused.

    ## Example

    Bad:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        wandb.run.mark_preempting()

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

    Appends `sys.exit(128 + signum)` to the handler. None for handlers that return early. Where a flag is read, unsafe:
    the `break` or `return` becomes `sys.exit(…)`.

    ## Leaves alone

    Handlers that never mark (they may checkpoint and go on by intent); handlers that set a flag, an event or an
    attribute that is read elsewhere; handlers that call something that can't be followed and may end the process, such
    as the previous handler.

    ## Source

    W&B documentation, "Catchable signals and preemption"; measured.
    """

    code = "WBS305"
    name = "handler-falls-through"
    severity = Severity.ERROR
    fixes = (Applicability.SAFE, Applicability.UNSAFE)

    def check(self, script: Script) -> Iterator[Diagnostic]:
        """Yield one diagnostic for each handler that marks and returns."""
        numbers = script.settings.preemption_numbers()
        for handler in script.preemption_handlers:
            for number in sorted(handler.numbers & numbers):
                marked = [outcome for outcome in handler.outcomes if outcome.marked and outcome.signum == number]
                if marked and all(self._falls_through(script, handler, outcome) for outcome in marked):
                    yield self._diagnostic(script, handler, number)
                    break
        seen: set[int] = set()
        for row, end in ends_of_preemptions(script):
            if end.reader is not None and id(end.reader) not in seen and self._ends_well(end):
                seen.add(id(end.reader))
                yield self._reader(script, row, end.reader)

    @staticmethod
    def _ends_well(end: End) -> bool:
        """Say whether a run that was marked because of a flag ends as if it had come to its end."""
        if end.decision.left is not None and end.decision.left.ending is Ending.EXIT:
            return False  # an exit of the agent's thread (WBS313)
        return end.marked and end.code == 0 and end.status == 0 and end.is_ordinary

    def _reader(self, script: Script, row: str, reader: ast.stmt) -> Diagnostic:
        assert isinstance(reader, (ast.If, ast.While))
        return self.at(
            script.span(reader.test),
            f"what reads the flag that the handler of {row} sets ends without a non-zero exit status: "
            "W&B takes the preempted run for finished",
            outcome=describe_outcome(row, True, 0),
            fix=leaving.leave_in(script, row, reader),
            scope=script.span(reader.test),
        )

    @staticmethod
    def _falls_through(script: Script, handler: Handler, outcome: Outcome) -> bool:
        if outcome.completion.ending is not Ending.NORMAL or outcome.state.recorded is not None:
            return False
        return not any(
            effect.startswith("?") or script.is_read_outside(effect, handler.reached)
            for effect in outcome.state.effects
        )

    def _diagnostic(self, script: Script, handler: Handler, number: int) -> Diagnostic:
        node = handler.function.node
        return self.at(
            script.header(node),
            f"signal handler {handler.name} marks the run as preempting and then returns: the training goes on, "
            "and when it ends W&B records it as finished",
            outcome=describe_outcome(signal.Signals(number).name, True, 0),
            fix=leaving.leave_at_end(script, handler),
            scope=script.header(node),
        )
