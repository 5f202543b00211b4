"""WBS313."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Applicability, Diagnostic, Fix, Severity
from wbsignal_lint.rules.base import ScriptRule
from wbsignal_lint.script import repair
from wbsignal_lint.script.facts import Script
from wbsignal_lint.script.scenario import End, ends_of_completion, ends_of_failures, ends_of_preemptions
from wbsignal_lint.script.state import Cause, Completion, Ending


class ExitInAgentThread(ScriptRule):
    """An exit ends one thread only: wandb.agent() runs the training function in another than the main one.

    ## What it finds

    In scripts that train by `wandb.agent(…, function=…)`, without `finish(exit_code=…)` before:

    - a signal handler that leaves by `sys.exit(n)`;
    - a non-zero `sys.exit(n)` in the function that the agent runs.

    ## Why it matters

    Signal handlers run in the main thread, the training in a thread of the agent. A handler's `sys.exit` ends the main
    thread; Python waits for the other, the run trains to its end, and W&B records exit code 0, if the machine is still
    there by then. A `sys.exit` in the function ends its thread as if it had returned: the run has exit code 0, and the
    agent starts the next one. Measured with wandb 0.31.0.

    ## Example

    Bad:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        if wandb.run is not None:
            wandb.run.mark_preempting()
        sys.exit(128 + signum)

    def train():
        run = wandb.init()
        for step in range(1000):
            run.log({"loss": 1 / (step + 1)})

    signal.signal(signal.SIGTERM, handle_preemption)
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

    Unsafe: calls `wandb.finish(exit_code=n)` first, which closes the run with its code at once; the training function
    then fails at its next log. An agent that is left by its function alone goes on with the next run: to stop it too,
    leave in a signal handler.

    ## Leaves alone

    Runs that are finished with a code; runs opened by `with wandb.init()` in the function that exits, which records 1;
    exits with status 0; `os._exit`; agents that run a command instead of a function.

    ## Source

    W&B documentation: the Python agent "runs your training function in a thread"; measured.
    """

    code = "WBS313"
    name = "exit-in-agent-thread"
    severity = Severity.ERROR
    fixes = (Applicability.UNSAFE,)

    def check(self, script: Script) -> Iterator[Diagnostic]:
        """Yield one diagnostic for each exit that ends another thread than it means to."""
        if "agent" not in script.text:
            return  # playing events through a script is what takes time
        seen: set[int] = set()
        for row, end in (*ends_of_preemptions(script), *ends_of_completion(script), *ends_of_failures(script)):
            left = end.decision.left
            if end.decision.cause is not Cause.AGENT_THREAD or left is None or end.code != 0:
                continue
            if id(left.node) not in seen and self._is_lost(script, left):
                seen.add(id(left.node))
                yield self._diagnostic(script, row, end, left)

    @staticmethod
    def _is_lost(script: Script, left: Completion) -> bool:
        # An exit past W&B's hooks is another rule's, but for runs that close themselves.
        seen = left.seen or script.runs_are_managed
        return left.ending is Ending.EXIT and bool(left.status) and seen

    def _diagnostic(self, script: Script, row: str, end: End, left: Completion) -> Diagnostic:
        assert left.node is not None
        if end.completion.node is left.node:
            message = (
                "this exit ends the main thread only: the thread in which wandb.agent() trains goes on to its end, "
                f"and W&B records exit code 0 instead of {left.status}"
            )
        else:
            message = (
                "this exit ends the thread in which wandb.agent() trains, as if its function had returned: W&B records "
                f"exit code 0 instead of {left.status}, and the agent starts the next run"
            )
        return self.at(
            script.span(left.node),
            message,
            outcome=describe_outcome(row, end.marked, 0),
            fix=self._fix(script, left),
            scope=script.span(script.statement(left.node)),
        )

    @staticmethod
    def _fix(script: Script, left: Completion) -> Fix | None:
        node = left.node.exc if isinstance(left.node, ast.Raise) else left.node
        if not isinstance(node, ast.Call) or len(node.args) != 1 or node.keywords:
            return None
        return repair.finish_before(script, script.statement(node), _code(script, node.args[0]))


def _code(script: Script, status: ast.expr) -> str:
    """Return the exit code as it is to be written: a message on leaving means 1."""
    text = isinstance(status, ast.Constant) and isinstance(status.value, str)
    return "1" if text else script.source(status)
