"""What the end of a process leaves behind: which exit code W&B's hooks have seen, which status the system gets."""

from __future__ import annotations

import ast
import signal
from dataclasses import dataclass

from wbsignal_lint.script.frameworks.commands import ORDINARY_ENDS
from wbsignal_lint.script.state import Cause, Completion, Decision, Ending, RunState, State, Swallowed
from wbsignal_lint.script.values import UNKNOWN, Const, Value

__all__ = ["End", "end_of"]


@dataclass(frozen=True)
class End:
    """One way in which the process comes to its end."""

    marked: bool
    recorded: Value | None
    """The exit code that W&B records: a constant, unknown, or ``None`` if it records none."""
    status: int | None
    """What the process returns, minus the signal that ended it; ``None`` if it can't be known."""
    decision: Decision
    """What decided the code on record."""
    completion: Completion
    """How the script is left."""
    has_run: bool = True
    swallowed: Swallowed | None = None
    """What stopped the handler's exit or exception on the way, if something did."""
    reader: ast.stmt | None = None
    """The first ``if`` or ``while`` that read the handler's flag."""

    @property
    def is_ordinary(self) -> bool:
        """Whether the script runs to its end, and nothing in it says with which status."""
        return self.completion.ending is Ending.NORMAL or self.completion.how in ORDINARY_ENDS

    @property
    def code(self) -> int | None:
        """The exit code on record as a number; ``None`` if there is none or it is not known."""
        known = self.recorded.value if isinstance(self.recorded, Const) else None
        return int(known) if isinstance(known, int) else None


def end_of(state: State, completion: Completion) -> End:
    """Say what a path leaves behind when nothing more will run, but for W&B's own hooks."""
    recorded, decision = state.recorded, state.decided
    if decision is None:
        if state.run is RunState.NONE:
            decision = _left(completion)
        elif state.run is RunState.MAYBE:
            node = completion.node
            recorded, decision = UNKNOWN, Decision(Cause.END, "whether a run is active is not known", node)
        elif completion.ending is Ending.DEAD:
            decision = _left(completion)
        else:
            recorded, decision = _recorded(state, completion)
    has_run = state.run is not RunState.NONE
    status = _status(completion)
    return End(state.marked, recorded, status, decision, completion, has_run, state.swallowed, state.reader)


def _recorded(state: State, completion: Completion) -> tuple[Value | None, Decision]:
    """Return the exit code that W&B's hooks have seen when Python ends, and what decided it."""
    node = completion.node
    if completion.ending is Ending.RAISE:
        if state.hook_replaced is not None:
            why = "sys.excepthook was replaced after wandb.init(): W&B does not see the exception"
            return Const(0), Decision(Cause.HOOK_REPLACED, why, state.hook_replaced)
        interrupted = completion.exception == "builtins.KeyboardInterrupt"
        return Const(255 if interrupted else 1), _left(completion)
    called = state.exit_called
    if called is None:
        if completion.ending is Ending.EXIT:
            why = f"it leaves by {_spelled(completion)} past W&B's sys.exit: it records 0"
            return Const(0), Decision(Cause.PAST_EXIT, why, node)
        return Const(0), _left(completion)
    if not isinstance(called, Const):
        return UNKNOWN, Decision(Cause.EXIT, "the exit status is not known", node)
    if isinstance(called.value, bool):
        why = "W&B's client fails on an exit status that is a bool: no exit code is recorded"
        return None, Decision(Cause.BOOL_STATUS, why, node)
    code = 0 if called.value is None else int(called.value) if isinstance(called.value, int) else 1
    if completion.ending is not Ending.EXIT:
        return Const(code), Decision(Cause.EXIT, "sys.exit was called, though its SystemExit was caught", node)
    return Const(code), _left(completion)


def _status(completion: Completion) -> int | None:
    if completion.ending is Ending.RAISE:
        return -int(signal.SIGINT) if completion.exception == "builtins.KeyboardInterrupt" else 1
    if completion.ending is Ending.DEAD and isinstance(completion.value, Const):
        number = completion.value.value
        if isinstance(number, int) and completion.how in ("re-kill", "SIGKILL", "os.abort"):
            return 128 - number
        if isinstance(number, int) and number < 0 and completion.how != "os._exit":
            return number
    if completion.ending in (Ending.EXIT, Ending.DEAD):
        return completion.status
    return 0


def _left(completion: Completion) -> Decision:
    """Say how the script is left, where that decides the code on record."""
    node = completion.node
    if completion.ending is Ending.RAISE:
        interrupted = completion.exception == "builtins.KeyboardInterrupt"
        what = "the KeyboardInterrupt" if interrupted else "the exception"
        return Decision(Cause.EXCEPTION, f"{what} is not caught", node)
    if completion.ending is Ending.EXIT:
        return Decision(Cause.EXIT, f"it leaves by {_spelled(completion)}", node)
    if completion.ending is Ending.DEAD:
        return Decision(Cause.DEATH, _DEATHS.get(completion.how, completion.how), node)
    return Decision(Cause.END, "the script comes to its end", None)


def _spelled(completion: Completion) -> str:
    status = completion.status
    return completion.how if status is None else f"{completion.how}({status})"


_DEATHS = {
    "os._exit": "os._exit() ends the process past W&B's exit hook",
    "os.abort": "os.abort() ends the process at once",
    "re-kill": "the process sends itself the signal again, unhandled",
    "SIGKILL": "the process sends itself SIGKILL",
}
