"""WBS203."""

from __future__ import annotations

from collections.abc import Iterator

from wbsignal_lint.diagnostics import Applicability, Diagnostic, Fix, Related, Severity
from wbsignal_lint.rules.base import ScriptRule
from wbsignal_lint.script.facts import LateMark, Script
from wbsignal_lint.script.record import describe_end
from wbsignal_lint.script.swapping import swap_neighbours


class MarkAfterFinish(ScriptRule):
    """A mark that comes after finish() or after the exit does not reach W&B.

    ## What it finds

    `mark_preempting()` on a path on which the run was closed before, by `finish()`, by the end of its `with` block or
    in a function that was called; and `mark_preempting()` behind `sys.exit()` or another end of the process. In
    handlers also the mark under `if wandb.run is not None`, which is false by then.

    ## Why it matters

    `finish()` takes the run away: `wandb.run` is `None`, and the call is an AttributeError; a variable that still holds
    the run gives a UsageError. Either way the run is recorded without a mark, FAILED, and is not requeued. Measured
    with wandb 0.10.33 to 0.31.0.

    ## Example

    Bad:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        wandb.finish(exit_code=128 + signum)
        wandb.run.mark_preempting()
        sys.exit(128 + signum)

    run = wandb.init()
    signal.signal(signal.SIGTERM, handle_preemption)
    ```

    Good:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        wandb.run.mark_preempting()
        wandb.finish(exit_code=128 + signum)
        sys.exit(128 + signum)

    run = wandb.init()
    signal.signal(signal.SIGTERM, handle_preemption)
    ```

    ## Fix

    Swaps the two where the mark stands right behind what it should precede; none where they are further apart.

    ## Leaves alone

    Marks that some path reaches in time; a second mark of a run that was marked before; marks after another
    `wandb.init()`; runs that were closed under a condition that is not known.

    ## Source

    Measured.
    """

    code = "WBS203"
    name = "mark-after-finish"
    severity = Severity.ERROR
    fixes = (Applicability.SAFE,)

    def check(self, script: Script) -> Iterator[Diagnostic]:
        """Yield one diagnostic for each mark that always comes too late."""
        handlers = script.preemption_handlers
        for late in script.late_marks:
            if late.handler is None or late.handler in handlers:
                yield self._diagnostic(script, late)

    def _diagnostic(self, script: Script, late: LateMark) -> Diagnostic:
        why = "the run is closed by then" if late.closed else "the process has ended by then"
        edits = swap_neighbours(script, late.after, late.node)
        ends = late.handler.outcomes if late.handler is not None else []
        return self.at(
            script.span(late.node),
            f"mark_preempting() comes too late: {why}, and W&B never hears of the preemption",
            outcome=next(filter(None, (describe_end(script, outcome) for outcome in ends)), ""),
            fix=Fix("Mark the run first", edits) if edits is not None else None,
            related=(Related(script.span(late.after), "the run is closed here" if late.closed else "it ends here"),),
            scope=script.span(script.statement(late.node)),
        )
