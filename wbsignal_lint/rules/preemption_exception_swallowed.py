"""WBS312."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Diagnostic, Related, Severity
from wbsignal_lint.rules.base import ScriptRule
from wbsignal_lint.script.facts import Script
from wbsignal_lint.script.scenario import End, ends_of_preemptions
from wbsignal_lint.script.state import Completion, Ending, Swallowed, is_exception


class PreemptionExceptionSwallowed(ScriptRule):
    """An except around the training stops the exception that a preemption handler raises.

    ## What it finds

    A handler of a preemption signal that raises an exception, and an `except` (or `suppress()`) around the code that
    it interrupts, after which the training goes on, or the script ends as if nothing had happened:

    - one that is there for other failures, such as `except Exception` around a bad batch;
    - one that is there for the handler's exception, in a script that marks the run as preempting and then ends
      without a non-zero exit status.

    ## Why it matters

    An exception raised in a handler comes up wherever the training stands. `except Exception` in the loop takes the
    announcement of the preemption for a bad batch and goes on until the machine is gone; around the loop, the script
    comes to its end and W&B records exit code 0: the run is FINISHED and not requeued. Measured with wandb 0.31.0.

    ## Example

    Bad:

    ```python
    import signal, wandb

    class Preempted(Exception):
        pass

    def handle_preemption(signum, frame):
        wandb.run.mark_preempting()
        raise Preempted(signum)

    signal.signal(signal.SIGTERM, handle_preemption)
    run = wandb.init()
    for step in range(1000):
        try:
            run.log({"loss": 1 / (step + 1)})
        except Exception as error:
            print("bad batch", error)
    ```

    Good:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        wandb.run.mark_preempting()
        sys.exit(128 + signum)

    signal.signal(signal.SIGTERM, handle_preemption)
    run = wandb.init()
    for step in range(1000):
        try:
            run.log({"loss": 1 / (step + 1)})
        except Exception as error:
            print("bad batch", error)
    ```

    ## Fix

    None: where the exception is to be let through is the author's to say. `sys.exit(128 + signum)` in the handler
    passes by every `except Exception`; so does an exception that derives from BaseException. An `except` of its own,
    in front of the broad one, can raise it again.

    ## Leaves alone

    Blocks that raise again, or leave with a non-zero status, or finish the run with one; an `except` for the handler's
    own exception where nothing marks the run (the author may mean to stop early and be done, or to save and go on);
    handlers of signals that announce no preemption, such as SIGALRM; code that the signal does not interrupt.

    ## Source

    Measured; Python's documentation of `signal`, "Note on Signal Handlers and Exceptions".
    """

    code = "WBS312"
    name = "preemption-exception-swallowed"
    severity = Severity.ERROR

    def check(self, script: Script) -> Iterator[Diagnostic]:
        """Yield one diagnostic for each place that stops a handler's exception."""
        ends = list(ends_of_preemptions(script))
        # Where some way on ends with another code, the block may well tell the preemption from other failures.
        seen = {id(end.swallowed.by) for _, end in ends if end.swallowed is not None and end.code != 0}
        for row, end in ends:
            swallowed = end.swallowed
            if swallowed is not None and id(swallowed.by) not in seen and self._is_lost(end, swallowed):
                seen.add(id(swallowed.by))
                yield self._diagnostic(script, row, end, swallowed)

    @staticmethod
    def _is_lost(end: End, swallowed: Swallowed) -> bool:
        what = swallowed.what
        if not isinstance(what.node, ast.Raise) or end.status != 0:
            return False
        if end.completion.ending not in (Ending.NORMAL, Ending.EXIT):
            return False
        return end.marked if swallowed.meant else is_exception(what)

    def _diagnostic(self, script: Script, row: str, end: End, swallowed: Swallowed) -> Diagnostic:
        what = {ast.ExceptHandler: "this except", ast.Call: "suppress()"}.get(
            type(swallowed.by), "leaving this finally block"
        )
        name = _exception_name(swallowed.what)
        if swallowed.meant:
            message = (
                f"{what} stops the {name} that the handler of {row} raises, and the script ends without a non-zero "
                "exit status: W&B takes the preempted run for finished"
            )
        else:
            message = (
                f"{what} stops the {name} that the handler of {row} raises: the training goes on, or ends as if "
                "nothing had happened"
            )
        head = script.header(swallowed.by)
        assert swallowed.what.node is not None
        return self.at(
            head,
            message,
            outcome=describe_outcome(row, end.marked, 0),
            related=(Related(script.span(swallowed.what.node), "the handler raises it here"),),
            scope=head,
        )


def _exception_name(end: Completion) -> str:
    return end.exception.removeprefix("builtins.") or "exception"
