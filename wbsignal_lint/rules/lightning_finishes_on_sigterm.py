"""WBS108."""

from __future__ import annotations

import ast
import signal
from collections.abc import Iterator

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Applicability, Confidence, Diagnostic, Fix, Severity
from wbsignal_lint.rules.base import ScriptRule
from wbsignal_lint.script.ends import End
from wbsignal_lint.script.facts import Context, Init, Script
from wbsignal_lint.script.frameworks.trainers import LIGHTNING_EXIT
from wbsignal_lint.script.repair import standard_handler
from wbsignal_lint.script.scenario import play


class LightningFinishesOnSigterm(ScriptRule):
    """Lightning answers SIGTERM by ending the run as if its training were done.

    ## What it finds

    A call of a Lightning trainer's `fit()` while a run is open, by a `WandbLogger` or by `wandb.init()`, with no
    SIGTERM handler of the script's own before it, and no `except` around it that ends the process with a non-zero
    code.

    ## Why it matters

    `fit()` has a SIGTERM handler of its own. It ends the training with `SIGTERMException`, which is a `SystemExit`
    without a code: the process returns 0, W&B records 0, and the run counts as finished. Nobody requeues it. Measured
    with Lightning 2.6.6 and wandb 0.31.0; the same handler is in every version since 2.0.0. A handler that the script
    registers before `fit()` is called by Lightning's and decides.

    ## Example

    Bad:

    ```python
    import lightning as L
    from lightning.pytorch.loggers import WandbLogger

    trainer = L.Trainer(logger=WandbLogger(project="mnist"))
    trainer.fit(model)
    ```

    Good:

    ```python
    import signal, sys

    import lightning as L
    import wandb
    from lightning.pytorch.loggers import WandbLogger

    def handle_preemption(signum, frame):
        if wandb.run is not None:
            wandb.run.mark_preempting()
        sys.exit(128 + signum)

    for preemption_signal in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(preemption_signal, handle_preemption)

    trainer = L.Trainer(logger=WandbLogger(project="mnist"))
    trainer.fit(model)
    ```

    ## Fix

    Inserts a handler that marks the run, and its registration right before `fit()`. Unsafe: the handler stays in place
    after `fit()`, and a script that saves its work once `fit()` has come back no longer gets there. None where the
    script has a handler for SIGUSR1.

    ## Leaves alone

    Scripts that register a handler for SIGTERM, wherever they do; `except SIGTERMException` and `except SystemExit`
    that leave with a code; callbacks with `on_exception`; scripts for Lightning 1.x, which the project's pins or
    arguments like `gpus=` tell, and which die of SIGTERM at once; functions of `wandb.agent()`, which train in a
    thread, where Lightning binds no signal; trainers and loggers that come from elsewhere (`LightningCLI`,
    `hydra.utils.instantiate`).

    ## Source

    Measured; Lightning's `signal_connector.py` and `exceptions.py` in 2.0.0, 2.0.9, 2.1.4, 2.2.5, 2.3.3, 2.4.0, 2.5.5
    and 2.6.6; https://github.com/Lightning-AI/pytorch-lightning/issues/21787.
    """

    code = "WBS108"
    name = "lightning-finishes-on-sigterm"
    severity = Severity.WARNING
    confidence = Confidence.MEDIUM
    fixes = (Applicability.UNSAFE,)

    def check(self, script: Script) -> Iterator[Diagnostic]:
        """Yield one diagnostic for each ``fit()`` that ends a run as finished."""
        number = int(signal.SIGTERM)
        if "fit" not in script.text or number not in script.settings.preemption_numbers():
            return
        registered = any(number in found.numbers for found in script.registrations)
        if registered or script.binds_unknown_signals or "on_exception" in script.text:
            return
        found: dict[ast.Call, bool] = {}
        for end in play(script, number).ends:
            call = _finished_by(end)
            if call is not None:
                found.setdefault(call, end.marked)
        first = min(found, key=script.span, default=None)
        for call, marked in found.items():
            yield self._diagnostic(script, call, marked, first)

    def _diagnostic(self, script: Script, call: ast.Call, marked: bool, first: ast.Call | None) -> Diagnostic:
        return self.at(
            script.span(call.func),
            "on SIGTERM Lightning ends fit() with a SystemExit without a code, and no handler or except here gives it "
            "one: W&B takes the preempted run for finished",
            outcome=describe_outcome("SIGTERM", marked, 0),
            fix=self._fix(script, call, first),
            scope=script.span(script.statement(call)),
        )

    @staticmethod
    def _fix(script: Script, call: ast.Call, first: ast.Call | None) -> Fix | None:
        edits = standard_handler(script, Init(call, Context.MAIN, (), managed=False), first)
        return None if edits is None else Fix("Mark the run in a signal handler", edits, Applicability.UNSAFE)


def _finished_by(end: End) -> ast.Call | None:
    """Return the ``fit()`` after which the run counts as finished, if that is how a script ends."""
    if end.code != 0:
        return None
    how = end.swallowed.what if end.swallowed is not None else end.completion
    return how.node if how.how == LIGHTNING_EXIT and isinstance(how.node, ast.Call) else None
