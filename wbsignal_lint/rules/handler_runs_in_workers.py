"""WBS109."""

from __future__ import annotations

from collections.abc import Iterator

from wbsignal_lint.diagnostics import Applicability, Diagnostic, Related, Severity
from wbsignal_lint.rules.base import ScriptRule
from wbsignal_lint.script import repair
from wbsignal_lint.script.circumstances import Fork
from wbsignal_lint.script.facts import Finish, Handler, Script
from wbsignal_lint.script.state import RunState


class HandlerRunsInWorkers(ScriptRule):
    """Forked workers inherit the handler, and finish a run that is not theirs.

    ## What it finds

    A handler of a preemption signal that calls `finish()` in whatever process it runs, in a script that forks workers
    while the handler is registered and a run is active: `multiprocessing.Process` and `Pool`,
    `ProcessPoolExecutor`, `os.fork()`, and a `DataLoader` with `num_workers` above 0.

    ## Why it matters

    A worker gets the signal where a scheduler tells every process, and also when the training is done with it:
    `Process.terminate()`, `Pool.terminate()` and the end of `with Pool()` send SIGTERM. The handler runs in the worker,
    where `wandb.run` is the run of the training process. Measured with wandb 0.31.0: the worker marks the run and ends
    it. What the training logs from then on is lost, the run counts as preempted whatever becomes of the training, and
    `finish()` in the training process waits for an answer that does not come. Only when the training process has ended
    its run before does the worker fail with an error and do no harm; which of the two is first is chance. Workers
    of a DataLoader handle SIGTERM in a way of their own, but no other signal.

    ## Example

    Bad:

    ```python
    import multiprocessing, signal, sys, wandb

    def handle_preemption(signum, frame):
        if wandb.run is not None:
            wandb.run.mark_preempting()
            wandb.finish(exit_code=128 + signum)
        sys.exit(128 + signum)

    def square(number):
        return number * number

    signal.signal(signal.SIGTERM, handle_preemption)
    run = wandb.init()
    pool = multiprocessing.Pool(4)
    for step in range(1000):
        run.log({"sum": sum(pool.map(square, range(step)))})
    ```

    Good:

    ```python
    import multiprocessing, os, signal, sys, wandb

    MAIN_PID = os.getpid()

    def handle_preemption(signum, frame):
        if os.getpid() != MAIN_PID:
            os._exit(0)
        if wandb.run is not None:
            wandb.run.mark_preempting()
            wandb.finish(exit_code=128 + signum)
        sys.exit(128 + signum)

    def square(number):
        return number * number

    signal.signal(signal.SIGTERM, handle_preemption)
    run = wandb.init()
    pool = multiprocessing.Pool(4)
    for step in range(1000):
        run.log({"sum": sum(pool.map(square, range(step)))})
    ```

    ## Fix

    Unsafe: remembers the process's id and leaves at once in every other process. None for lambdas, and where the name
    `MAIN_PID` is taken. A `Pool` may hang when its workers end in the middle of something, whatever ends them; workers
    that ignore the signal (an `initializer` can see to that) leave it to the training process.

    ## Leaves alone

    Handlers that ask for their process (`os.getpid()`, `multiprocessing.parent_process()`, `current_process().name`,
    `get_worker_info()`); workers that are started before the handler is registered or the run is opened, that bind
    the signal anew, or that run a function which can't be followed; the start methods spawn and forkserver (the latter
    is the default on Linux from Python 3.14 on, which a script does not say); a `num_workers` that is not known;
    handlers that never call `finish()`.

    ## Source

    Python's documentation of `multiprocessing`, "Contexts and start methods"; measured.
    """

    code = "WBS109"
    name = "handler-runs-in-workers"
    severity = Severity.WARNING
    fixes = (Applicability.UNSAFE,)

    def check(self, script: Script) -> Iterator[Diagnostic]:
        """Yield one diagnostic for each handler that finishes the run in workers."""
        preemptions = script.settings.preemption_numbers()
        for handler in script.preemption_handlers:
            numbers = (handler.numbers & preemptions) - script.reset
            finish = next((found for found in handler.finishes_in_workers if self._is_reached(found)), None)
            fork = next((fork for fork in script.forks if any(fork.inherits(handler, one) for one in numbers)), None)
            if finish is not None and fork is not None:
                yield self._diagnostic(script, handler, finish, fork)

    @staticmethod
    def _is_reached(found: Finish) -> bool:
        """Say whether a worker surely comes to the call with the run of the training process."""
        return found.state.run is RunState.ACTIVE and not found.state.guards

    def _diagnostic(self, script: Script, handler: Handler, finish: Finish, fork: Fork) -> Diagnostic:
        head = script.header(handler.function.node)
        return self.at(
            head,
            f"signal handler {handler.name} runs in the workers that are forked at {script.place(fork.node)}, too: "
            f"there {script.source(finish.node.func)}() ends the run of the training process",
            fix=repair.guard_process(script, handler),
            related=(
                Related(script.span(fork.node), "workers are forked here"),
                Related(script.span(finish.node), "the run is finished here"),
            ),
            scope=head,
        )
