"""WBS204."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from wbsignal_lint.diagnostics import Applicability, Diagnostic, Fix, Related, Severity
from wbsignal_lint.rules.base import ScriptRule
from wbsignal_lint.script.circumstances import Gap, Window
from wbsignal_lint.script.facts import Handler, Script


class UnguardedRun(ScriptRule):
    """A handler that takes wandb.run for granted fails where no run is active.

    ## What it finds

    `wandb.run.x` in a handler of a preemption signal, without a condition or `except`, where the signal may well come
    while there is no run:

    - something that takes its time, such as loading data or building a model, stands between the registration and
      `wandb.init()`;
    - something that takes its time follows after the run was finished;
    - the handler is registered on every rank of a distributed training, and only some ranks open a run.

    ## Why it matters

    `wandb.run` is `None` while no run is active, and the handler ends in an AttributeError: the process returns 1, as
    after a bug, and not `128 + signum`. Job scripts that requeue what was preempted then give up; on other ranks this
    happens at every preemption. Measured with wandb 0.31.0: status 1 with an empty record before the run, with the
    record of a run that finished after it, and on a rank beside that of the run, which is recorded as it should be.

    ## Example

    Bad:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        wandb.run.mark_preempting()
        sys.exit(128 + signum)

    signal.signal(signal.SIGTERM, handle_preemption)
    data = load_dataset("wikitext")
    run = wandb.init()
    ```

    Good:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        if wandb.run is not None:
            wandb.run.mark_preempting()
        sys.exit(128 + signum)

    signal.signal(signal.SIGTERM, handle_preemption)
    data = load_dataset("wikitext")
    run = wandb.init()
    ```

    ## Fix

    Puts the statement, and those behind it that use the run as well, under `if wandb.run is not None:`. None where
    something else in the handler depends on the statement.

    ## Leaves alone

    Registrations that `wandb.init()` follows directly, or after short work such as reading arguments: that a signal
    comes just then is unlikely, and W&B's own examples are written so. Handlers that use a run variable of their own;
    handlers that ask for the rank; what follows a finished run to the end of the script without taking time. What
    takes its time is told by its name (`load_…`, `build_model`, `from_pretrained`, `sleep`, …).

    ## Source

    W&B documentation: "call wandb.run.mark_preempting() if a run is active"; measured.
    """

    code = "WBS204"
    name = "unguarded-run"
    severity = Severity.WARNING
    fixes = (Applicability.SAFE,)

    def check(self, script: Script) -> Iterator[Diagnostic]:
        """Yield one diagnostic for each place in a handler that fails without a run."""
        preemptions = script.settings.preemption_numbers()
        seen: set[int] = set()
        for handler in script.preemption_handlers:
            numbers = handler.numbers & preemptions
            window = next((one for one in script.windows if any(one.reaches(handler, n) for n in numbers)), None)
            for node in handler.fails_without_run:
                if window is not None and id(node) not in seen:
                    seen.add(id(node))
                    yield self._diagnostic(script, handler, node, window)

    def _diagnostic(self, script: Script, handler: Handler, node: ast.Attribute, window: Window) -> Diagnostic:
        where = script.place(window.node)
        what, note = {
            Gap.BEFORE_INIT: (
                f"a signal that comes at {where}, before wandb.init(),",
                "the handler is registered by now",
            ),
            Gap.AFTER_FINISH: (
                f"a signal that comes at {where}, after the run was finished,",
                "there is no run any more",
            ),
            Gap.OTHER_RANKS: (f"a signal on a rank that opens no run ({where})", "only some ranks open a run"),
        }[window.gap]
        return self.at(
            script.span(node),
            f"{script.source(node.value)} is None while no run is active: {what} ends signal handler {handler.name} in "
            "an AttributeError",
            fix=self._fix(script, node),
            related=(Related(script.span(window.node), note),),
            scope=script.span(script.statement(node)),
        )

    @staticmethod
    def _fix(script: Script, node: ast.Attribute) -> Fix | None:
        if isinstance(script.function_of(node), ast.Lambda) or not script.is_here(node):
            return None
        run = script.source(node.value)
        edit = script.editor.wrap(
            [script.span(statement) for statement in script.run_of_statements(script.statement(node), f"{run}.")],
            f"if {run} is not None:",
        )
        return None if edit is None else Fix(f"Ask for {run} first", (edit,))
