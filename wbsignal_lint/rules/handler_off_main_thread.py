"""WBS105."""

from __future__ import annotations

from collections.abc import Iterator

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Applicability, Diagnostic, Related, Severity
from wbsignal_lint.rules.base import ScriptRule
from wbsignal_lint.script.facts import Disposition, Registration, Script
from wbsignal_lint.script.moving import move_before_start


class HandlerOffMainThread(ScriptRule):
    """A signal handler can be registered in the main thread only, and wandb.agent() does not train there.

    ## What it finds

    `signal.signal` or `loop.add_signal_handler` in a function that runs in another thread: the function given to
    `wandb.agent(…, function=…)`, the target of a `threading.Thread` or `Timer`, what a `ThreadPoolExecutor`,
    `asyncio.to_thread` or `run_in_executor(None, …)` calls; through local functions too.

    ## Why it matters

    Python raises `ValueError: signal only works in main thread of the main interpreter`. Under the Python agent every
    run of the sweep fails on it; a thread dies with it, and what trains elsewhere goes on without a handler: a
    preemption kills the run unmarked. Measured with wandb 0.31.0: exit code 1 under the agent, an empty record and
    status -15 beside a thread.

    ## Example

    Bad:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        if wandb.run is not None:
            wandb.run.mark_preempting()
            wandb.finish(exit_code=128 + signum)
        sys.exit(128 + signum)

    def train():
        signal.signal(signal.SIGTERM, handle_preemption)
        run = wandb.init()
        for step in range(1000):
            run.log({"loss": 1 / (step + 1)})

    wandb.agent("team/project/a1b2c3d4", function=train)
    ```

    Good:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        if wandb.run is not None:
            wandb.run.mark_preempting()
            wandb.finish(exit_code=128 + signum)
        sys.exit(128 + signum)

    def train():
        run = wandb.init()
        for step in range(1000):
            run.log({"loss": 1 / (step + 1)})

    signal.signal(signal.SIGTERM, handle_preemption)
    wandb.agent("team/project/a1b2c3d4", function=train)
    ```

    ## Fix

    Unsafe: moves the registration in front of the call that starts the thread. None where the registration uses
    something that only the function has, such as a handler that is defined in it.

    ## Leaves alone

    Functions that are called in the main thread as well; registrations under `if threading.current_thread() is
    threading.main_thread()`, or in a `try` that stops the ValueError; pools and executors of unknown kind, such as
    those of submitit or Dask, which run functions in processes of their own; registrations that restore a handler.

    ## Source

    Python's documentation of `signal`, "Signals and threads"; W&B documentation: the Python agent "runs your training
    function in a thread"; measured.
    """

    code = "WBS105"
    name = "handler-off-main-thread"
    severity = Severity.ERROR
    fixes = (Applicability.UNSAFE,)

    def check(self, script: Script) -> Iterator[Diagnostic]:
        """Yield one diagnostic for each registration that is surely made in another thread."""
        for registration in script.registrations:
            if registration.off_main_thread is None or registration.disposition is Disposition.RESTORE:
                continue
            if not registration.refusal_caught and not registration.depends_on_thread and registration.uses:
                yield self._diagnostic(script, registration)

    def _diagnostic(self, script: Script, registration: Registration) -> Diagnostic:
        starter = registration.off_main_thread
        assert starter is not None
        called = f"{script.source(starter.func)}()"
        return self.at(
            script.span(registration.node),
            f"{script.source(registration.node.func)}() raises a ValueError here: this code runs in a thread of "
            f"{called} ({script.place(starter)}), and handlers can be registered in the main thread only",
            outcome=describe_outcome(registration.uses[0].name, False, None),
            fix=move_before_start(script, registration, starter),
            related=(Related(script.span(starter), "the thread is started here"),),
            scope=script.span(script.statement(registration.node)),
        )
