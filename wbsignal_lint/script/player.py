"""A collector that lets one event happen: a signal arrives, or an exception, while training goes on.

The event strikes right after the first step of training that is logged while a run is active, as ``drill`` sends its
signals. The handler's paths are composed with the code that it interrupts: ``with``, ``try``, ``finally``, loops that
read flags, ``sys.exit(main())``, atexit functions and replaced exception hooks.
"""

from __future__ import annotations

import ast
import signal
from dataclasses import replace
from enum import Enum

from wbsignal_lint.contract import FINISH_FORGETS_EXIT, KEYBOARD_INTERRUPT_CODE
from wbsignal_lint.script.calling import CallArguments
from wbsignal_lint.script.collector import Collector, is_known_call
from wbsignal_lint.script.ends import End, end_of
from wbsignal_lint.script.evaluator import Evaluated
from wbsignal_lint.script.facts import Context, Script
from wbsignal_lint.script.frameworks.trainers import opens_run
from wbsignal_lint.script.heap import DISPOSITIONS, EVENTS
from wbsignal_lint.script.scopes import arguments_of, last_identifier
from wbsignal_lint.script.starting import Start
from wbsignal_lint.script.state import (
    NORMAL,
    Cause,
    Completion,
    Decision,
    Ending,
    Path,
    RunState,
    State,
    Swallowed,
    merge,
)
from wbsignal_lint.script.training import reports_to_wandb, train_in_framework, trainer_in, words_of
from wbsignal_lint.script.values import (
    NONE,
    UNKNOWN,
    Const,
    External,
    Function,
    Items,
    Result,
    SignalNumber,
    Value,
    function_of,
)

__all__ = ["Event", "Player"]

_UNROLLED_STATEMENTS = 1_500


class Event(Enum):
    """What happens besides signals."""

    NOTHING = "nothing"
    ERROR = "an exception"


class Player(Collector):
    """A collector that lets one event happen."""

    speculates = False

    def __init__(self, script: Script, event: int | Event) -> None:
        super().__init__(Script(script.program, script.settings, script.focus))
        self.event = event
        self.struck = False
        self.unknown = ""
        self.without_run = ""
        """Why nothing can be said if a framework was never seen to train with a run."""
        self.with_run = False
        """A framework was seen to train with a run."""
        self.in_thread = False
        self.in_agent = False
        """Following the function of ``wandb.agent(function=…)``, which runs in a thread; signals reach the main one."""
        self.agent_ends: list[Path] = []
        """How the main thread is left while the agent's function goes on; the state says what became of the run."""
        self.handler_run: bool | None = False
        self.handling = False
        self.flags: set[str] = set()
        self.handler_raises: set[int] = set()
        self.at_exit: list[tuple[Value, ast.Call | None]] = []
        self.reports_to_wandb = reports_to_wandb(script.tree)
        self.words = words_of(script.tree)

    @property
    def happens_nothing(self) -> bool:
        """Whether the scenario is the one in which nothing happens."""
        return self.event is Event.NOTHING

    @property
    def in_handler(self) -> bool:
        """Ranks are those of the process that has the run, in and out of handlers."""
        return True

    def worth_following(self, function: Function) -> bool:
        """Follow everything in the script itself; elsewhere what matters, and what the handler calls."""
        if self.handling or self.is_of_script(function):
            return True
        return self.steps_elsewhere > 0 and id(function.node) in self.relevant

    def note_write(self, name: str, state: State, *, outside: bool) -> None:
        """Remember which flags the handler sets; they are followed by their values here."""
        if self.handling:
            self.flags.add(name)

    def guarded(self, guards: tuple[ast.AST, ...], condition: ast.AST) -> tuple[ast.AST, ...]:
        """Keep paths together that differ in their conditions only."""
        return ()

    def note_swallowed(self, node: ast.AST, end: Completion, state: State, *, meant: bool = False) -> None:
        """Remember what stopped the handler's exit or exception."""
        from_handler = end.ending is Ending.EXIT or id(end.node) in self.handler_raises
        if state.interrupted and from_handler and state.swallowed is None and not self.handling:
            state.swallowed = Swallowed(node, end, meant)

    def note_raised_again(self, node: ast.ExceptHandler, end: Completion, state: State) -> None:
        """Let an exception be on its way again, be it another one by now."""
        if state.swallowed is not None and state.swallowed.by is node:
            state.swallowed = None
            self.handler_raises.add(id(end.node))

    def branch(self, test: ast.expr, state: State) -> list[tuple[State, bool | None]]:
        """Remember the statement that first reads the handler's flag."""
        results = super().branch(test, state)
        if self.flags and not self.handling:
            read = {
                node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "") for node in ast.walk(test)
            }
            statement = self.frame.statement
            for after, truth in results:
                if after.interrupted and truth is not None and after.reader is None and read & self.flags:
                    after.reader = statement
        return results

    def note_attribute(self, target: ast.Attribute, value: Value, state: State) -> None:
        """Notice an exception hook that takes the place of W&B's."""
        if target.attr != "excepthook" or self.evaluate(target.value, state)[0][1] != External("sys"):
            return
        if value == External("sys.excepthook"):
            state.hook_replaced = None
        elif state.hooked and not self._passes_on(value):
            state.hook_replaced = target

    @staticmethod
    def _passes_on(value: Value) -> bool:
        """Say whether an exception hook may hand the exception on to the one before, or finishes the run itself."""
        function = function_of(value)
        if function is None:
            return not isinstance(value, External)
        parameters = {argument.arg for argument in arguments_of(function.node.args)}
        for call in ast.walk(function.node):
            if not isinstance(call, ast.Call):
                continue
            if last_identifier(call.func) in ("finish", "exit", "_exit"):
                return True
            given = {node.id for argument in call.args for node in ast.walk(argument) if isinstance(node, ast.Name)}
            whole = len(given & parameters) >= 3 or any(isinstance(argument, ast.Starred) for argument in call.args)
            if whole and last_identifier(call.func) not in _SHOWS_TRACEBACK:
                return True
        return False

    def unrolls(self, node: ast.For | ast.AsyncFor, iterable: Value) -> bool:
        """Follow more passes one by one than rules need: what happens in the tenth may decide."""
        assert isinstance(iterable, Items)
        statements = sum(isinstance(child, ast.stmt) for child in ast.walk(node))
        return len(iterable.values) * statements <= _UNROLLED_STATEMENTS

    # -- the event --------------------------------------------------------------------------------------------------

    def train(self, node: ast.Call, state: State, *, blocking: bool) -> list[State]:
        """Let the event happen at the first step of training with an active run."""
        self.trainings += 1
        if self.in_thread:
            self.unknown = f"{self.script.place(node)}: the training runs in a thread"
            return [state]
        if state.run is RunState.FINISHED and not state.interrupted and self.event is Event.NOTHING:
            return [state]
        if state.run is RunState.FINISHED and isinstance(node.func, ast.Attribute) and node.func.attr == "log":
            self.escapes.append(
                (state, Completion(Ending.RAISE, node, how="log after finish", exception="wandb.Error"))
            )
            return []
        if blocking:
            trainer = trainer_in(self, node, state)
            if trainer is None:
                self.unknown = (
                    f"{self.script.place(node)}: what {ast.unparse(node.func)}() does with signals is not known"
                )
                return [state]
            return train_in_framework(self, trainer, node, state)
        if self.event is Event.NOTHING or state.interrupted:
            return [state]
        if state.run is RunState.MAYBE:
            self.unknown = f"{self.script.place(node)}: whether a run is active here is not known"
            return [state]
        if state.run is not RunState.ACTIVE:
            return [state]
        self.struck = True
        state.interrupted = True
        if isinstance(self.event, Event):
            self.escapes.append((state, Completion(Ending.RAISE, node, how="error", exception="Error")))
            return []
        return self.deliver(node, self.event, state)

    def deliver(self, node: ast.Call, number: int, state: State) -> list[State]:
        """Let a signal arrive: return the states in which the program goes on."""
        bound = state.heap.get(DISPOSITIONS, str(number))
        default = External("signal.default_int_handler" if number == signal.SIGINT else "signal.SIG_DFL")
        bound = default if bound is None else bound
        name = signal.Signals(number).name
        if number == signal.SIGKILL:
            return self._dies(node, number, "SIGKILL can't be caught: the process is gone at once", state)
        if bound == External("signal.SIG_IGN"):
            return [state]
        if bound == External("signal.SIG_DFL"):
            return self._dies(node, number, f"no handler: {name} ends the process at once", state)
        by_loop = str(number) in self.by_loop
        if (by_loop or number == signal.SIGINT) and self._never_awaits():
            self.unknown = (
                f"the event loop gets to {name} only when the coroutine awaits something, which this one doesn't"
            )
            return [state]
        if bound == External("signal.default_int_handler") and self.in_agent:
            # The agent stops, and the exception it raises in its thread ends the run.
            state.recorded, state.run = Const(1), RunState.FINISHED
            state.decided = Decision(Cause.AGENT_THREAD, "the agent ends the run with an exception: it records 1", node)
            self.agent_ends.append((state, NORMAL))
            return []
        if bound == External("signal.default_int_handler"):
            interrupt = "builtins.KeyboardInterrupt"
            self.escapes.append((state, Completion(Ending.RAISE, node, how=name, exception=interrupt)))
            return []
        function = function_of(bound)
        if function is None and not is_known_call(bound):
            self.unknown = f"what handles {name} is not known"
            return [state]
        self.handler_run = True
        if function is not None and (isinstance(function.node, ast.AsyncFunctionDef) or never_runs(function)):
            return [state]
        return self._handle(node, bound, number, state, by_loop=by_loop)

    def _dies(self, node: ast.Call, number: int, why: str, state: State) -> list[State]:
        ends = self.agent_ends if self.in_agent else self.escapes
        ends.append((state, Completion(Ending.DEAD, node, Const(-number), how=why)))
        return []

    def _handle(self, node: ast.Call, bound: Value, number: int, state: State, *, by_loop: bool) -> list[State]:
        """Run the handler where the signal struck."""
        passed: tuple[Value, ...] = () if by_loop else (SignalNumber(number), UNKNOWN)
        loops, self.loops = self.loops, []
        escapes, self.escapes = self.escapes, []
        in_agent, self.in_agent = self.in_agent, False
        self.handling = True
        try:
            going_on = [after for after, _ in self.call_value(bound, node, CallArguments(passed), state)]
            for after, end in self.escapes:
                if end.ending is Ending.RAISE:
                    self.handler_raises.add(id(end.node))
                if by_loop and end.ending is Ending.RAISE and end.exception != "builtins.KeyboardInterrupt":
                    going_on.append(after)  # the event loop prints the exception of a callback and goes on
                elif in_agent:
                    self._leave_agent(after, end)
                else:
                    escapes.append((after, end))
            return merge(going_on)
        finally:
            self.loops = loops
            self.escapes = escapes
            self.in_agent = in_agent
            self.handling = False

    def _never_awaits(self) -> bool:
        """Say whether the training goes on in a coroutine that never gives the event loop a chance."""
        coroutines = [frame.function for frame in self.stack if isinstance(frame.function, ast.AsyncFunctionDef)]
        if not coroutines:
            return False
        awaiting = (ast.Await, ast.AsyncFor, ast.AsyncWith)
        return not any(isinstance(node, awaiting) for coroutine in coroutines for node in ast.walk(coroutine))

    def redeliver(self, node: ast.Call, number: int, state: State) -> Evaluated:
        """Run the handler of a signal that the process sends to itself."""
        return [(after, NONE) for after in self.deliver(node, number, state)]

    def previous(self, target: Value | None, node: ast.Call, path: str, state: State) -> Value:
        """Return what the signal is bound to so far."""
        number = self._number(target) if target is not None else None
        if number is None:
            return UNKNOWN
        default = "signal.default_int_handler" if number == signal.SIGINT else "signal.SIG_DFL"
        return state.heap.get(DISPOSITIONS, str(number)) or External(default)

    def is_set(self, event: Value, state: State) -> Value:
        """Return whether an event object is set."""
        assert isinstance(event, Result)
        return state.heap.get(EVENTS, str(event.site)) or Const(False)

    def start(self, start: Start, state: State) -> None:
        """Give up where a thread is started by the handler: it may end the process at any time."""
        if start.context is not Context.THREAD:
            return
        if state.interrupted:
            self.unknown = "what the thread does that is started after the event is not known"
            return
        self._run_thread(start.value, state)

    def _run_thread(self, value: Value, state: State) -> None:
        """Follow a thread's function: an exit in it ends the thread only, but W&B's hook has seen it."""
        escapes, self.escapes = self.escapes, []
        self.in_thread, outer = True, self.in_thread
        try:
            ends = [after for after, _ in self.call_value(value, None, CallArguments(starred=True), state.fork())]
            called = {after.exit_called for after in (*ends, *(after for after, _ in self.escapes))}
            if called != {state.exit_called}:
                state.exit_called = called.pop() if len(called) == 1 else UNKNOWN
        finally:
            self.escapes = escapes
            self.in_thread = outer

    # -- calls that matter only here --------------------------------------------------------------------------------

    def call_external(self, callee: Value, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
        """Add what matters at the end of the process."""
        path = callee.path if isinstance(callee, External) else ""
        if path in ("signal.SIG_DFL", "signal.SIG_IGN"):
            # 'Handlers' object is not callable.
            self.escapes.append((state, Completion(Ending.RAISE, node, how="call", exception="builtins.TypeError")))
            return []
        if state.interrupted and last_identifier(node.func) == "cancel":
            self.unknown = f"{self.script.place(node)}: what {ast.unparse(node.func)}() stops is not known"
        if path == "atexit.register" and arguments.positional:
            self._register_at_exit(arguments.positional[0], node, state)
            return [(state, arguments.positional[0])]
        if path == "rich.traceback.install":
            state.hook_replaced = state.hook_replaced or (node if state.hooked else None)
        if path == "faulthandler.register" and not _is_true(arguments.get(3, "chain")):
            number = self._number(arguments.get(0) or UNKNOWN)
            if number is not None:
                # The traceback is printed by C code, and Python's handler is never run.
                state.heap.set(DISPOSITIONS, str(number), External("signal.SIG_IGN"))
            return [(state, NONE)]
        if path == "signal.signal" and self.in_agent:
            self.escapes.append((state, Completion(Ending.RAISE, node, how="call", exception="builtins.ValueError")))
            return []
        function = arguments.get(1, "function")
        if path == "wandb.agent" and function is not None and function_of(function) is not None:
            return self._run_agent(function, node, state)
        if opens_run(path) and state.run is RunState.NONE:
            state.run, state.hooked, state.init_guards = RunState.ACTIVE, True, state.guards
        if path == "wandb.agent":
            self.unknown = f"{self.script.place(node)}: {path}() runs the training in its own way"
        return super().call_external(callee, node, arguments, state)

    # -- wandb.agent(function=…), measured with wandb 0.31.0 -----------------------------------------------------------

    def _run_agent(self, function: Value, node: ast.Call, state: State) -> Evaluated:
        """Follow the function that the agent runs in a thread, for one run."""
        escapes, self.escapes = self.escapes, []
        loops, self.loops = self.loops, []
        self.in_agent = True
        try:
            paths: list[Path] = [
                (after, NORMAL) for after, _ in self.call_value(function, None, CallArguments(), state)
            ]
            paths += self.escapes
        finally:
            self.in_agent = False
            self.escapes = escapes
            self.loops = loops
        results: Evaluated = []
        for after, end in paths:
            if end.ending is Ending.DEAD:
                self.escapes.append((after, end))
                continue
            if after.run is RunState.ACTIVE:
                failed = end.ending is Ending.RAISE
                how = "an exception ends the run: it records 1" if failed else "the agent's thread ends: it records 0"
                after.recorded, after.run = Const(int(failed)), RunState.FINISHED
                after.decided = Decision(Cause.AGENT_THREAD, how, end.node, end)
            after.exit_called = None
            results.append((after, NONE))
        for after, end in self.agent_ends:
            if end.ending is Ending.NORMAL:
                results.append((after, NONE))
            else:
                self.escapes.append((after, end))
        self.agent_ends = []
        return results

    def _leave_agent(self, state: State, end: Completion) -> None:
        """Leave the main thread by a handler, while the run's thread goes on."""
        if end.ending is not Ending.DEAD and state.run is RunState.ACTIVE:
            # Python waits for the thread: the training comes to its end, and its run is finished as usual.
            state.recorded, state.run = Const(0), RunState.FINISHED
            why = "the process waits for the agent's thread, which trains to its end: it records 0"
            state.decided = Decision(Cause.AGENT_THREAD, why, end.node, end)
        self.agent_ends.append((state, end))

    # -- the end ----------------------------------------------------------------------------------------------------

    def end(self, state: State, completion: Completion) -> list[End]:
        """Say what the end of a path leaves behind: what atexit functions do, what W&B's hooks record."""
        states = [state]
        uncaught = completion.ending is Ending.RAISE and state.hook_replaced is None and state.exit_called is None
        if uncaught and self.at_exit and self.is_older_than(FINISH_FORGETS_EXIT):
            # An old finish() keeps what W&B's exception hook has seen.
            interrupted = completion.exception == "builtins.KeyboardInterrupt"
            state.exit_called = Const(KEYBOARD_INTERRUPT_CODE if interrupted else 1)
        if completion.ending is not Ending.DEAD:
            states = self._run_at_exit(state)
        return [end_of(after, completion) for after in states]

    def _register_at_exit(self, value: Value, node: ast.Call | None, state: State) -> None:
        # The last registered runs first, and W&B's own, which finishes the run, is registered by init().
        if state.hooked and not any(known == value for known, _ in self.at_exit):
            self.at_exit.append((value, node))

    def _decorated(self, decorator: Value, value: Value, state: State) -> Evaluated:
        """Notice functions that are decorated with ``@atexit.register``."""
        if decorator == External("atexit.register"):
            self._register_at_exit(value, None, state)
        return super()._decorated(decorator, value, state)

    def _run_at_exit(self, state: State) -> list[State]:
        states = [state]
        decided = state.decided
        for value, node in reversed(self.at_exit):
            after: list[State] = []
            for before in states:
                escapes, self.escapes = self.escapes, []
                after += [end for end, _ in self.call_value(value, node, CallArguments(), before)]
                after += [end for end, _ in self.escapes]
                self.escapes = escapes
            states = merge(after)
        for after_all in states:
            if decided is None and after_all.decided is not None and after_all.decided.cause is Cause.FINISH:
                after_all.decided = replace(after_all.decided, cause=Cause.AT_EXIT)
        return states


def never_runs(function: Function) -> bool:
    """Say whether calling a function executes nothing: generators."""
    body = getattr(function.node, "body", [])
    return isinstance(body, list) and any(
        isinstance(node, (ast.Yield, ast.YieldFrom)) for statement in body for node in ast.walk(statement)
    )


def _is_true(value: Value | None) -> bool:
    return isinstance(value, Const) and bool(value.value)


_SHOWS_TRACEBACK = frozenset(
    {
        "print",
        "print_exception",
        "format_exception",
        "print_tb",
        "format_tb",
        "error",
        "exception",
        "critical",
        "__excepthook__",
    }
)
