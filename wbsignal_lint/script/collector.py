"""Follows a script and collects its facts: what is registered, marked, finished and left, and in which state."""

from __future__ import annotations

import ast
import itertools
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

from wbsignal_lint.contract import FINISH_FORGETS_EXIT, REFUSES_BOOL_STATUS
from wbsignal_lint.script.calling import CallArguments
from wbsignal_lint.script.circumstances import Gap, Window
from wbsignal_lint.script.effects import EFFECTS, add_signal_handler
from wbsignal_lint.script.evaluator import Evaluated
from wbsignal_lint.script.facts import (
    Context,
    Exit,
    Finish,
    Handler,
    HandlerCall,
    LateMark,
    Mark,
    Script,
)
from wbsignal_lint.script.framework_calls import as_command, call_of_framework, group_member
from wbsignal_lint.script.heap import DISPOSITIONS, Heap
from wbsignal_lint.script.registering import PREVIOUS, Registrar
from wbsignal_lint.script.scopes import last_identifier, own_nodes
from wbsignal_lint.script.starting import Start, forks_of, start_of
from wbsignal_lint.script.state import Cause, Completion, Decision, Ending, Path, RunState, State, Training, Wait
from wbsignal_lint.script.values import (
    NONE,
    UNKNOWN,
    Class,
    Const,
    External,
    Function,
    Instance,
    Items,
    Partial,
    Result,
    Run,
    SignalNumber,
    Value,
    function_of,
)
from wbsignal_lint.script.vocabulary import (
    ends_process,
    is_blocking_training,
    is_run_name,
    is_training_step,
    sets_flag,
    takes_time,
)

__all__ = ["Collector", "is_known_call"]


_HARMLESS = sys.stdlib_module_names | {"wandb", "torch", "numpy", "jax", "tensorflow", "tqdm", "loguru"}
"""Modules whose functions mark no run."""
_TASKS = frozenset({"create_task", "ensure_future", "wait_for", "shield"})


class Collector(Registrar):
    """Interprets a script and collects its facts into a `Script`."""

    def __init__(self, script: Script) -> None:
        super().__init__(script)
        self.exhausted = False
        """There was more to follow than there was time for."""
        self.relevant = script.program.relevant()
        self.live_heap: Heap | None = None
        """What is known of every variable while training goes on: when the signal comes."""
        self.started: list[Start] = []
        """Functions handed to threads and workers."""
        self.instances: dict[int, Instance] = {}
        self.by_loop: set[str] = set()
        """Numbers of the signals whose handler an event loop calls, without arguments of its own."""
        self._left_out: list[LateMark] = []
        """Marks that some path comes to too late, or not at all; others may come to them in time."""
        self._handler_calls: dict[int, HandlerCall] = {}
        self._seen: set[tuple[object, ...]] = set()
        self.commands: dict[int, list[Function]] = {}
        """The functions that were added to an app or a group of commands, by its number."""
        self.in_command = 0
        """How many of a framework's commands are being run, one inside the other."""
        self.settings: set[int] = set()
        """Where objects are made whose settings have a framework take a signal."""
        self._sites = itertools.count(1)

    # -- hooks of the interpreter ---------------------------------------------------------------------------------

    def note_write(self, name: str, state: State, *, outside: bool) -> None:
        """Keep what a handler sets: other code may read it."""
        if self.in_handler:
            state.effects |= {f"?{name}" if outside else name}

    def forget(self) -> tuple[set[tuple[object, ...]], list[LateMark]]:
        """Start to note anew what was noted already, and return what that was."""
        noted = self._seen, self._left_out
        self._seen, self._left_out = set(), []
        return noted

    def remember(self, seen: set[tuple[object, ...]], left_out: list[LateMark]) -> None:
        """Go back to what had been noted before."""
        self._seen, self._left_out = seen, left_out

    def note_exit(self, node: ast.AST, completion: Completion, state: State) -> None:
        """Keep an exit, once for each kind of state it is reached in."""
        key = (id(node), self.handler, completion, state.run, state.recorded, state.marked, self._signum(state))
        if key in self._seen:
            return
        self._seen.add(key)
        name, number = self._signal_in_reach(state)
        found = Exit(node, completion, replace(state), self.frame.function, name, number, self.trail)
        (self.handler.exits if self.handler is not None else self.script.exits).append(found)

    def note_unreached(self, statements: Sequence[ast.stmt], paths: list[Path]) -> None:
        """Keep the marks behind an exit."""
        after = next((end.node for _, end in paths), None)
        ended = all(end.ending in (Ending.EXIT, Ending.DEAD) and not state.marked for state, end in paths)
        if ended and after is not None:
            self._left_out += [LateMark(node, after, False, self.handler) for node in _marks_in(statements)]

    def note_skipped(self, statements: Sequence[ast.stmt], state: State) -> None:
        """Keep the marks of a handler that are left out as the run is closed: ``if wandb.run is not None``."""
        if self.handler is not None:
            for node in _marks_in(statements):
                self._note_late(node, state, self.handler)

    def _note_late(self, node: ast.Call, state: State, handler: Handler) -> None:
        closed = state.run is RunState.FINISHED and not state.marked
        if closed and state.decided is not None and state.decided.node is not None:
            self._left_out.append(LateMark(node, state.decided.node, True, handler))

    def late_marks(self) -> list[LateMark]:
        """Return the marks that come too late on every path, in the order of their places."""
        reached: dict[int, list[Mark]] = {}
        for mark in (*self.script.marks, *(mark for handler in self.script.handlers for mark in handler.marks_made)):
            reached.setdefault(id(mark.node), []).append(mark)
        found = {id(late.node): late for late in reversed(self._left_out) if id(late.node) not in reached}
        for number, marks in reached.items():
            decided = marks[0].state.decided
            late = all(mark.state.run is RunState.FINISHED and not mark.state.marked for mark in marks)
            if late and decided is not None and decided.node is not None:
                found[number] = LateMark(marks[0].node, decided.node, True, None)
        return sorted(found.values(), key=lambda late: (late.node.lineno, late.node.col_offset))

    def note_with(self, node: ast.With | ast.AsyncWith, item: ast.withitem, value: Value, state: State) -> None:
        """Note which runs are entered as context managers."""
        if isinstance(value, Run):
            for init in self.script.inits:
                if init.node is item.context_expr or not isinstance(item.context_expr, ast.Call):
                    init.managed = True

    def worth_following(self, function: Function) -> bool:
        """Say whether a function can matter: everything in a handler, else what the relevant names lead to."""
        if self.in_handler or self.is_of_script(function):
            return self.in_handler or id(function.node) in self.relevant
        return self.steps_elsewhere > 0 and id(function.node) in self.relevant

    def new_instance(self, cls: Class) -> Instance:
        """Remember an object of each class, as the receiver of methods that nobody calls."""
        instance = super().new_instance(cls)
        self.instances[id(cls.node)] = instance
        return instance

    # -- frameworks -----------------------------------------------------------------------------------------------

    def attribute(self, base: Value, name: str, state: State) -> Value:
        """Return the value of ``base.name``; some frameworks' objects have methods that matter."""
        return group_member(base, name) or super().attribute(base, name, state)

    def _decorated(self, decorator: Value, value: Value, state: State) -> Evaluated:
        """Let frameworks make commands of functions."""
        command = as_command(self, decorator, value)
        return [(state, command)] if command is not None else super()._decorated(decorator, value, state)

    # -- calls ----------------------------------------------------------------------------------------------------

    def call(self, node: ast.Call, state: State) -> Evaluated:
        """Evaluate a call; take note of one that stands where a handler is to be given."""
        self._expect_handler_call(node, state)
        self._note_wait(node, state)
        results = super().call(node, state)
        found = self._handler_calls.get(id(node))
        if found is not None and results:
            found.leaves = False
            found.returns_handler |= any(not _is_no_handler(value) for _, value in results)
        return results

    def _note_wait(self, node: ast.Call, state: State) -> None:
        """Take note of what takes its time while handlers are registered and no run is active."""
        if self.in_handler or not state.registered or state.run not in (RunState.NONE, RunState.FINISHED):
            return
        base = last_identifier(node.func.value) if isinstance(node.func, ast.Attribute) else ""
        if not takes_time(base, last_identifier(node.func)):
            return
        bound = {name: value for name, value in state.heap.names(DISPOSITIONS) if int(name) in state.registered}
        if state.run is RunState.FINISHED:
            self.note_window(Gap.AFTER_FINISH, node, bound)
        elif state.waited is None:
            state.waited = Wait(node, bound)

    def note_window(self, gap: Gap, node: ast.Call, bound: Mapping[str, Value] | None) -> None:
        """Keep a stretch of the program without a run."""
        if not any(window.node is node and window.gap is gap for window in self.script.windows):
            self.script.windows.append(Window(gap, node, bound))

    def _expect_handler_call(self, node: ast.Call, state: State) -> None:
        """Look whether a registration is given the call of a function of this file instead of the function."""
        method = last_identifier(node.func)
        if method not in ("signal", "add_signal_handler") or len(node.args) < 2 or self.in_handler:
            return
        inner = node.args[1]
        if not isinstance(inner, ast.Call) or id(inner) in self._handler_calls:
            return
        called = self.evaluate(node.func, state.fork())[0][1] if method == "signal" else UNKNOWN
        if method == "signal" and called != External("signal.signal"):
            return
        # An argument that is a call is no name to look up: functools.partial(handle, model), make()().
        if not isinstance(inner.func, (ast.Name, ast.Attribute)):
            return
        function = function_of(self.evaluate(inner.func, state.fork())[0][1])
        if function is not None and self.worth_following(function) and not isinstance(function.node, ast.Lambda):
            self._handler_calls[id(inner)] = found = HandlerCall(node, inner, function)
            self.script.handler_calls.append(found)

    def call_external(self, callee: Value, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
        """Say what a call of something that is not defined in this file does."""
        path = callee.path if isinstance(callee, External) else ""
        effect = EFFECTS.get(path)
        if effect is not None:
            return effect(self, node, arguments, state)
        if path == "sys.exit":
            early = isinstance(callee, External) and callee.early
            # `sys.exit` itself is looked up before its argument is evaluated; an alias was bound long before.
            around = early and state.hooked and isinstance(node.func, ast.Attribute)
            seen = state.hooked and not early
            return self.leave(node, arguments.get(0), state, "sys.exit", seen=seen, around_init=around)
        results = call_of_framework(self, callee, node, arguments, state)
        if results is not None:
            return results
        return self._call_by_name(callee, path, node, arguments, state)

    def _call_by_name(
        self, callee: Value, path: str, node: ast.Call, arguments: CallArguments, state: State
    ) -> Evaluated:
        """Recognise a method by its name where its object can't be known."""
        method = last_identifier(node.func)
        base = last_identifier(node.func.value) if isinstance(node.func, ast.Attribute) else ""
        if method == "mark_preempting":
            return self.mark(node, arguments, state)
        if method == "add_signal_handler" and isinstance(node.func, ast.Attribute):
            return add_signal_handler(self, node, arguments, state)
        if method == "finish" and is_run_name(base):
            return self.finish(node, arguments, state)
        for start in self._starts(node, path, method, arguments):
            self.start(start, state)
        self._note_fork(node, path, method, arguments, state)
        if method in _TASKS and arguments.positional:
            return [(state, arguments.positional[0])]
        if method == "gather":
            return [(state, Items(arguments.positional))]
        if method == "run_until_complete" and arguments.positional:
            return self.wait_for(arguments.positional[0], state)
        if self._is_training(path, base, method, arguments):
            blocking = not is_training_step(base, method) and method != "log"
            states = self.train(node, state, blocking=blocking)
            return [(after, Result(path, id(node)) if path else UNKNOWN) for after in states]
        if self.in_handler:
            self._note_unknown_call(callee, path, base, method, arguments, state)
        return [(state, Result(path, id(node)) if path else UNKNOWN)]

    def called_by_name(self, node: ast.Call, path: str, arguments: CallArguments, results: Evaluated) -> Evaluated:
        """Take a followed function that trains by its name for training, where following it showed none."""
        method = last_identifier(node.func)
        base = last_identifier(node.func.value) if isinstance(node.func, ast.Attribute) else ""
        if not self._is_training(path, base, method, arguments):
            return results
        blocking = not is_training_step(base, method) and method != "log"
        return [(end, value) for after, value in results for end in self.train(node, after, blocking=blocking)]

    def _is_training(self, path: str, base: str, method: str, arguments: CallArguments) -> bool:
        configured = self.script.settings.training_calls
        if path in configured or method in configured:
            return True
        if path and path.split(".")[0] in ("sklearn", "xgboost"):
            return False
        has_arguments = arguments.starred or any(True for _ in arguments)
        if method == "log" and is_run_name(base):
            first = arguments.get(0)
            return not (isinstance(first, Const) and isinstance(first.value, (str, int)))
        return is_training_step(base, method) or is_blocking_training(base, method, has_arguments)

    def _note_unknown_call(
        self, callee: Value, path: str, base: str, method: str, arguments: CallArguments, state: State
    ) -> None:
        if self.handler is not None and isinstance(callee, External) and path.split(".")[0] not in _HARMLESS:
            self.handler.unfollowed = True
        previous = isinstance(callee, Result) and callee.path in PREVIOUS
        takes_signal = any(isinstance(value, SignalNumber) for value in arguments) and not path.startswith(
            ("builtins.", "logging.", "signal.", "os.", "time.")
        )
        logs = base.lower().endswith(("logger", "logging", "log", "console")) or path.startswith("logging.")
        if previous or (takes_signal and not logs) or (ends_process(method) and not logs):
            state.effects |= {f"?{method}()"}
        elif base and sets_flag(method):
            self.note_write(base, state, outside=False)

    @staticmethod
    def _starts(node: ast.Call, path: str, method: str, arguments: CallArguments) -> list[Start]:
        """Return the functions that a call hands to a thread or worker."""
        words = ("target", "function", "func", "initializer", "worker_init_fn")
        given = (*arguments.positional, *(value for name, value in arguments.keywords if name in words))
        functions = [value for value in given if function_of(value) is not None]
        return start_of(node, path, method, arguments, functions)

    def _note_fork(self, node: ast.Call, path: str, method: str, arguments: CallArguments, state: State) -> None:
        if self.in_handler or self.context is Context.WORKER:
            return
        given: dict[str | int, Value] = {**dict(enumerate(arguments.positional)), **dict(arguments.keywords)}
        may_fork, fork = forks_of(node, path, method, given, state)
        self.script.may_fork |= may_fork
        self.script.forks_itself |= path == "os.fork"
        if fork is not None and not arguments.starred and all(known.node is not node for known in self.script.forks):
            self.script.forks.append(fork)

    def start(self, start: Start, state: State) -> None:
        """Take note of a function that is started in a thread or worker."""
        if self.in_handler:
            self.note_write("started", state, outside=True)
        self.started.append(start)

    # -- what the effects do --------------------------------------------------------------------------------------

    def leave(
        self,
        node: ast.AST,
        code: Value | None,
        state: State,
        how: str,
        *,
        seen: bool,
        around_init: bool = False,
    ) -> Evaluated:
        """End the process by ``SystemExit``."""
        if isinstance(code, Const) and isinstance(code.value, bool) and self.is_older_than(REFUSES_BOOL_STATUS):
            code = Const(int(code.value))
        completion = Completion(Ending.EXIT, node, code or NONE, seen, how, around_init, "builtins.SystemExit")
        if seen:
            state.exit_called = code or NONE
        self.note_exit(node, completion, state)
        self.escapes.append((state, completion))
        return []

    def die(self, node: ast.Call, code: Value | None, state: State, how: str) -> Evaluated:
        """End the process at once, past every hook."""
        completion = Completion(Ending.DEAD, node, code, how=how)
        self.note_exit(node, completion, state)
        self.escapes.append((state, completion))
        return []

    def mark(self, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
        """Mark the active run as preempting; without one the client raises."""
        if state.run in (RunState.FINISHED, RunState.NONE) and self.in_handler:
            if self.handler is not None:
                self._note_late(node, state, self.handler)
            self.escapes.append(
                (state, Completion(Ending.RAISE, node, how="call", exception="builtins.AttributeError"))
            )
            return []
        made = Mark(node, replace(state, heap=state.heap.fork()), self.context, self.trail, bool(self.loops))
        (self.handler.marks_made if self.handler is not None else self.script.marks).append(made)
        state.marked = True
        return [(state, NONE)]

    def finish(self, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
        """End the run with the exit code given, or with 0."""
        code = arguments.get(0, "exit_code")
        if arguments.starred and code is None:
            code = UNKNOWN
        argument = next((word.value for word in node.keywords if word.arg == "exit_code"), None)
        if argument is None and node.args:
            argument = node.args[0]
        name, number = self._signal_in_reach(state)
        key = (id(node), self.handler, number, state.run, code)
        if key not in self._seen:
            self._seen.add(key)
            before = replace(state, heap=state.heap.fork())
            found = Finish(node, code, argument, before, self.frame.function, name, number, self.trail)
            (self.handler.finishes if self.handler is not None else self.script.finishes).append(found)
        if isinstance(code, Const) and isinstance(code.value, (str, float)):
            self.escapes.append((state, Completion(Ending.RAISE, node, how="call", exception="builtins.TypeError")))
            return []
        if state.several_runs:
            state.run = RunState.MAYBE
        elif state.run is not RunState.FINISHED:
            state.recorded = Const(0) if code is None or code == NONE else code
            if code is None and state.exit_called is not None and self.is_older_than(FINISH_FORGETS_EXIT):
                state.recorded = state.exit_called
            state.run = RunState.FINISHED
            given = f"records {state.recorded.value}" if isinstance(state.recorded, Const) else "records its exit code"
            state.decided = Decision(Cause.FINISH, f"{last_identifier(node.func)}() {given}", node)
        return [(state, NONE)]

    def is_older_than(self, version: str) -> bool:
        """Say whether the project surely has a wandb from before a version."""
        pin = self.script.pins.get("wandb")
        return pin is not None and pin.surely_below(version)

    def train(self, node: ast.Call, state: State, *, blocking: bool) -> list[State]:
        """Take note of a step of training, or of a call that trains to its end; return the states it leads to."""
        self.trainings += 1
        if self.in_handler:
            return [state]
        place: ast.AST | None = node if blocking and not self.loops else (self.loops[0] if self.loops else None)
        if place is None:
            return [state]
        live = state.heap.fork()
        self.live_heap = live if self.live_heap is None else self.live_heap.join(live)
        if state.trained is None:
            state.trained = Training(place, self.trail)
        return [state]

    def redeliver(self, node: ast.Call, number: int, state: State) -> Evaluated:
        """Say what the process's own handler does when the process sends itself a signal: anything, for rules."""
        state.effects |= {"?kill()"} if self.in_handler else set()
        return [(state, NONE)]

    def is_set(self, event: Value, state: State) -> Value:
        """Return whether an event object is set: rules must allow for both."""
        return UNKNOWN


def _marks_in(statements: Sequence[ast.stmt]) -> list[ast.Call]:
    """Return the calls of ``mark_preempting()`` that stand in statements, but for nested functions."""
    return [
        node
        for node in own_nodes(statements)
        if isinstance(node, ast.Call) and last_identifier(node.func) == "mark_preempting"
    ]


def _is_no_handler(value: Value) -> bool:
    """Say whether a value surely is no handler; Python takes 0 and 1 for ``SIG_DFL`` and ``SIG_IGN``."""
    return isinstance(value, (Items, Run)) or (
        isinstance(value, Const) and (value.value is None or isinstance(value.value, str))
    )


def is_known_call(bound: Value) -> bool:
    """Say whether it is known what calling an object of another module does: ``sys.exit``, ``event.set``."""
    callee = bound.callee if isinstance(bound, Partial) else bound
    return isinstance(callee, External) and (callee.path in EFFECTS or callee.path == "sys.exit")
