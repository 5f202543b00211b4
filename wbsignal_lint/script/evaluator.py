"""Expressions: what they come to, and which paths they open.

`Evaluator.evaluate` returns one ``(state, value)`` pair for each way through an expression; ways that leave it (an
exit, an exception) are appended to `Evaluator.escapes` instead.
"""

from __future__ import annotations

import ast
import builtins
import operator
import signal
from collections.abc import Callable, Sequence

from wbsignal_lint.contract import signal_number
from wbsignal_lint.script.scopes import Frame, Scope, last_identifier
from wbsignal_lint.script.state import Completion, Ending, Path, RunState, State
from wbsignal_lint.script.values import (
    NO_RUN,
    NONE,
    UNKNOWN,
    BoundMethod,
    Class,
    Const,
    External,
    Function,
    Instance,
    Items,
    Namespace,
    Partial,
    Result,
    Run,
    Value,
)
from wbsignal_lint.script.vocabulary import is_main_process, is_rank

__all__ = [
    "MAIN_PROCESS",
    "MAIN_THREAD",
    "OTHER_THREAD",
    "WORKER_PROCESS",
    "Evaluated",
    "Evaluator",
    "external",
    "is_pool",
]

Evaluated = list[tuple[State, Value]]

_BINARY: dict[type[ast.operator], Callable[[object, object], object]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
    ast.Mod: operator.mod,
    ast.FloorDiv: operator.floordiv,
}
_COMPARE: dict[type[ast.cmpop], Callable[[object, object], object]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,  # type: ignore[dict-item]
    ast.LtE: operator.le,  # type: ignore[dict-item]
    ast.Gt: operator.gt,  # type: ignore[dict-item]
    ast.GtE: operator.ge,  # type: ignore[dict-item]
}
_EVENTS = frozenset({"threading.Event", "asyncio.Event", "multiprocessing.Event"})
_PID = "os.getpid"
MAIN_THREAD, OTHER_THREAD = "threading.main_thread", "threading.another_thread"
MAIN_PROCESS, WORKER_PROCESS = "multiprocessing.main_process", "multiprocessing.worker"
_THREAD_NAMES = {MAIN_THREAD: "MainThread", OTHER_THREAD: "Thread-1"}
_NAMES = _THREAD_NAMES | {MAIN_PROCESS: "MainProcess", WORKER_PROCESS: "Process-1"}
_POOLS = frozenset(
    {
        "concurrent.futures.ThreadPoolExecutor",
        "concurrent.futures.ProcessPoolExecutor",
        "multiprocessing.pool.ThreadPool",
    }
)
_MODULES_OF_FUNCTIONS = frozenset({"builtins", "signal", "sys", "os", "functools", "threading"})


def external(path: str, early: bool = False) -> Value:
    """Return the value of an object of another module: a number for signals, else its name."""
    module, _, name = path.rpartition(".")
    if module in ("signal", "signal.Signals"):
        number = signal_number(name)
        if number is not None:
            return Const(signal.Signals(number))
    return External(path, early)


class Evaluator:
    """Evaluates expressions over abstract states; calls are left to `call`, which a subclass defines."""

    def __init__(self) -> None:
        self.frame = Frame(0, (), None, Scope(None))
        self.escapes: list[Path] = []
        self.no_run = False
        """Follow a handler where no run is active, on any rank."""
        self.in_worker = False
        """Follow a forked worker and not the main process."""
        self.assume_main_process = False
        """Take ``rank`` for 0 and ``is_main_process`` for true: where the run lives."""

    # -- to be defined by the interpreter -------------------------------------------------------------------------

    def call(self, node: ast.Call, state: State) -> Evaluated:
        """Evaluate a call."""
        raise NotImplementedError

    def wait_for(self, value: Value, state: State) -> Evaluated:
        """Evaluate ``await value``: run a coroutine to its end."""
        raise NotImplementedError

    def yielded(self, node: ast.Yield, state: State) -> Evaluated:
        """Evaluate ``yield``."""
        raise NotImplementedError

    def comprehension(self, node: ast.expr, state: State) -> Evaluated:
        """Evaluate a comprehension or generator expression."""
        raise NotImplementedError

    def assign(self, target: ast.expr, value: Value, state: State) -> None:
        """Bind a target to a value."""
        raise NotImplementedError

    # -- names ----------------------------------------------------------------------------------------------------

    def lookup(self, name: str, state: State) -> Value:
        """Return the value of a name in the current frame, its closures, the module or the builtins."""
        frame = self.frame
        numbers = frame.frames[:1] if name in frame.names.globals else tuple(reversed(frame.frames))
        for number in numbers:
            value = state.heap.get(number, name)
            if value is not None:
                return self.current(value, state)
        if hasattr(builtins, name) and name not in frame.names.locals:
            return External(f"builtins.{name}")
        return UNKNOWN

    def current(self, value: Value, state: State) -> Value:
        """Return what a stored value stands for now."""
        return value

    def attribute(self, base: Value, name: str, state: State) -> Value:
        """Return the value of ``base.name``."""
        if isinstance(base, External):
            path = f"{base.path}.{name}"
            if path == "wandb.run":
                if state.run is RunState.ACTIVE:
                    return Run(state.run_site)
                return External(path) if state.run is RunState.MAYBE else NO_RUN
            return external(path, early=path == "sys.exit" and not state.hooked)
        if isinstance(base, Run):
            stale = base.site and state.run_site and base.site != state.run_site
            return External(f"wandb.StaleRun.{name}" if stale else f"wandb.Run.{name}")
        if isinstance(base, Instance):
            stored = state.heap.get(base.ident, name)
            if stored is not None:
                return self.current(stored, state)
            member = self.member(base.cls, name, state)
            if isinstance(member, Function):
                decorators = {last_identifier(item) for item in getattr(member.node, "decorator_list", [])}
                if "staticmethod" in decorators:
                    return member
                if "property" in decorators or "cached_property" in decorators:
                    return UNKNOWN
                return BoundMethod(member, base.cls if _is_class_method(member) else base)
            return member
        if isinstance(base, Class):
            member = self.member(base, name, state)
            if isinstance(member, Function) and _is_class_method(member):
                return BoundMethod(member, base)
            return member
        if isinstance(base, Items) and base.keys is None and name == "append":
            return Partial(External("builtins.list.append"), (base,), ())
        if isinstance(base, Result) and base.path in _POOLS:
            return External(f"{base.path}.{name}")
        if isinstance(base, Result) and base.path in _NAMES and name == "name":
            return Const(_NAMES[base.path])
        if isinstance(base, Result) and base.path in _EVENTS and name in ("set", "clear", "is_set", "isSet", "wait"):
            return Partial(External(f"event.{name}"), (base,), ())
        if isinstance(base, Items) and base.keys is not None and name in ("items", "keys", "values"):
            return Partial(External(f"builtins.dict.{name}"), (base,), ())
        if isinstance(base, Const) and name == "value" and isinstance(base.value, signal.Signals):
            return Const(int(base.value))
        return UNKNOWN

    def member(self, cls: Class, name: str, state: State, depth: int = 0) -> Value:
        """Return a class attribute, looked for in the bases known here as well."""
        stored = state.heap.get(cls.frames[-1], name)
        if stored is not None:
            return stored
        for base in cls.bases:
            if isinstance(base, Class) and depth < 8:
                found = self.member(base, name, state, depth + 1)
                if found != UNKNOWN:
                    return found
        return UNKNOWN

    # -- truth ----------------------------------------------------------------------------------------------------

    def truth(self, value: Value) -> bool | None:
        """Return the truth of a value, ``None`` if it can't be known."""
        if isinstance(value, Const):
            return bool(value.value)
        if isinstance(value, Items):
            return bool(value.values)
        if isinstance(value, External):
            return True if _is_object(value) else None
        if isinstance(value, (Run, Function, Class, Instance, BoundMethod, Namespace, Partial)):
            return True
        return None

    def compare(self, left: Value, compare: ast.cmpop, right: Value) -> Value:
        """Return the value of a comparison."""
        if isinstance(compare, (ast.Is, ast.IsNot, ast.Eq, ast.NotEq)):
            negate = isinstance(compare, (ast.IsNot, ast.NotEq))
            if _is_pid(left) or _is_pid(right):
                # Forked workers compare their pid with the one the main process kept.
                return Const(self.in_worker == negate)
            if isinstance(left, Result) and isinstance(right, Result) and {left.path, right.path} <= {*_THREAD_NAMES}:
                return Const((left == right) != negate)
            if NONE in (left, right):
                other = right if left == NONE else left
                if other == NONE:
                    return Const(not negate)
                if isinstance(
                    other, (Const, Run, Function, Class, Instance, BoundMethod, Namespace, Partial, Items)
                ) or (isinstance(other, External) and _is_object(other)):
                    return Const(negate)
                return UNKNOWN
        if isinstance(left, Const) and isinstance(right, Const):
            if isinstance(compare, (ast.Is, ast.IsNot)):
                same = left.value == right.value and left.kind == right.kind
                return Const(same != isinstance(compare, ast.IsNot))
            function = _COMPARE.get(type(compare))
            if function is not None:
                try:
                    return Const(bool(function(left.value, right.value)))
                except TypeError:
                    return UNKNOWN
        if isinstance(compare, (ast.In, ast.NotIn)) and isinstance(left, Const) and isinstance(right, Items):
            known = right.keys if right.keys is not None else right.values
            if all(isinstance(item, Const) for item in known):
                found = any(isinstance(item, Const) and item.value == left.value for item in known)
                return Const(found != isinstance(compare, ast.NotIn))
        return UNKNOWN

    def guarded(self, guards: tuple[ast.AST, ...], condition: ast.AST) -> tuple[ast.AST, ...]:
        """Return the guards of a path on which one more condition holds."""
        return guards if condition in guards else (*guards, condition)

    def branch(self, test: ast.expr, state: State) -> list[tuple[State, bool | None]]:
        """Evaluate a condition; the second part is ``None`` where both branches have to be followed."""
        assumed, self.assume_main_process = self.assume_main_process, self.in_handler and not self.no_run
        try:
            return [(after, self.truth(value)) for after, value in self.evaluate(test, state)]
        finally:
            self.assume_main_process = assumed

    @property
    def in_handler(self) -> bool:
        """Whether a signal handler is being run."""
        return False

    # -- expressions ----------------------------------------------------------------------------------------------

    def evaluate(self, node: ast.expr, state: State) -> Evaluated:
        """Evaluate an expression: one pair for each way through it."""
        # The commonest kinds first: this is where most of the time goes.
        if isinstance(node, ast.Name):
            return [(state, self._assumed(node.id, self.lookup(node.id, state)))]
        if isinstance(node, ast.Attribute):
            return self._attributes(node, state)
        if isinstance(node, ast.Constant):
            return [(state, Const(node.value) if not isinstance(node.value, bytes) else UNKNOWN)]
        if isinstance(node, ast.Lambda):
            self.frame.captured = True
            return [(state, Function(node, self.frame.frames))]
        if isinstance(node, ast.Call):
            results = self.call(node, state)
            if self.assume_main_process:
                return [(after, self._assumed(last_identifier(node.func), value)) for after, value in results]
            return results
        if isinstance(node, ast.Await):
            return [pair for after, value in self.evaluate(node.value, state) for pair in self.wait_for(value, after)]
        if isinstance(node, ast.BoolOp):
            return self._boolean(node, state)
        if isinstance(node, ast.IfExp):
            return self._conditional(node, state)
        if isinstance(node, ast.NamedExpr):
            results = self.evaluate(node.value, state)
            for after, value in results:
                self.assign(node.target, value, after)
            return results
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)):
            return self.comprehension(node, state)
        if isinstance(node, ast.Starred):
            return self.evaluate(node.value, state)
        if isinstance(node, ast.Yield):
            return self.yielded(node, state)
        children = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
        return [(after, self._combine(node, values)) for after, values in self.evaluate_all(children, state)]

    def _attributes(self, node: ast.Attribute, state: State) -> Evaluated:
        found = self.evaluate(node.value, state)
        if self.no_run:
            found = [(after, base) for after, base in found if not self._lacks_run(node, after, base)]
        return [(after, self._assumed(node.attr, self.attribute(base, node.attr, after))) for after, base in found]

    def _lacks_run(self, node: ast.Attribute, state: State, base: Value) -> bool:
        """Raise what reading an attribute of ``wandb.run`` raises where no run is active."""
        if base is not NO_RUN:
            return False
        self.escapes.append((state, Completion(Ending.RAISE, node, how="no run", exception="builtins.AttributeError")))
        return True

    def evaluate_all(self, nodes: Sequence[ast.expr], state: State) -> list[tuple[State, list[Value]]]:
        """Evaluate expressions one after another."""
        paths: list[tuple[State, list[Value]]] = [(state, [])]
        for node in nodes:
            found = [(self.evaluate(node, before), values) for before, values in paths]
            if len(found) == 1 and len(found[0][0]) == 1:  # no fork, as nearly always: no copy
                (((after, value),), values) = found[0]
                values.append(value)
                paths = [(after, values)]
            else:
                paths = [(after, [*values, value]) for results, values in found for after, value in results]
        return paths

    def _assumed(self, name: str, value: Value) -> Value:
        if self.assume_main_process and (value == UNKNOWN or isinstance(value, (Result, External))):
            if is_rank(name):
                return Const(True) if is_main_process(name) else Const(0)
        return value

    def _boolean(self, node: ast.BoolOp, state: State) -> Evaluated:
        stop_at = isinstance(node.op, ast.Or)
        results: Evaluated = []
        paths: list[State] = [state]
        for position, child in enumerate(node.values):
            last = position == len(node.values) - 1
            going_on: list[State] = []
            for before in paths:
                for after, value in self.evaluate(child, before):
                    truth = self.truth(value)
                    if last or truth is stop_at:
                        results.append((after, value))
                    elif truth is None:
                        results.append((after.fork(), UNKNOWN))
                        going_on.append(after)
                    else:
                        going_on.append(after)
            paths = going_on
        if len(results) > 1 and all(after.key() == results[0][0].key() for after, _ in results):
            values = {value for _, value in results}
            return [(results[0][0], values.pop() if len(values) == 1 else UNKNOWN)]
        return results

    def _conditional(self, node: ast.IfExp, state: State) -> Evaluated:
        results: Evaluated = []
        for after, truth in self.branch(node.test, state):
            if truth is None:
                for child in (node.body, node.orelse):
                    guarded = after.fork()
                    guarded.guards = self.guarded(guarded.guards, node.test)
                    for end, value in self.evaluate(child, guarded):
                        end.guards = after.guards
                        results.append((end, value))
            else:
                results += self.evaluate(node.body if truth else node.orelse, after)
        if len(results) == 2 and results[0][0].key() == results[1][0].key():
            one, other = results[0][1], results[1][1]
            if one == other or not (isinstance(one, Const) and isinstance(other, Const)):
                return [(results[0][0], one if one == other else UNKNOWN)]
        return results

    def _combine(self, node: ast.expr, values: list[Value]) -> Value:
        if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
            return self._display(node, values)
        if isinstance(node, ast.Dict):
            half = len(node.keys)
            if len(values) == 2 * half:
                written = tuple(key for key in node.keys if key is not None)
                return Items(tuple(values[half:]), tuple(node.values), tuple(values[:half]), written)
            return UNKNOWN
        if isinstance(node, ast.BinOp):
            return self._binary(node.op, *values)
        if isinstance(node, ast.UnaryOp):
            return self._unary(node.op, values[0])
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            return self.compare(values[0], node.ops[0], values[1])
        if isinstance(node, ast.Subscript):
            return self._subscript(values[0], values[1])
        return UNKNOWN

    @staticmethod
    def _display(node: ast.Tuple | ast.List | ast.Set, values: list[Value]) -> Value:
        elements: list[Value] = []
        nodes: list[ast.expr] = []
        for child, value in zip(node.elts, values, strict=True):
            if not isinstance(child, ast.Starred):
                elements.append(value)
                nodes.append(child)
            elif isinstance(value, Items) and value.keys is None and len(value.nodes) == len(value.values):
                elements += value.values
                nodes += value.nodes
            else:
                return UNKNOWN
        return Items(tuple(elements), tuple(nodes))

    @staticmethod
    def _binary(operation: ast.operator, left: Value, right: Value) -> Value:
        if isinstance(left, Items) and isinstance(right, Items) and isinstance(operation, ast.Add):
            return Items(left.values + right.values, left.nodes + right.nodes)
        function = _BINARY.get(type(operation))
        if function is None or not isinstance(left, Const) or not isinstance(right, Const):
            return UNKNOWN
        if not (isinstance(left.value, int) and isinstance(right.value, int)):
            return UNKNOWN
        if abs(left.value) > 1 << 31 or abs(right.value) > 1 << 31:
            return UNKNOWN
        try:
            return Const(int(function(left.value, right.value)))  # type: ignore[call-overload]
        except (ArithmeticError, TypeError, ValueError):
            return UNKNOWN

    def _unary(self, operation: ast.unaryop, value: Value) -> Value:
        if isinstance(operation, ast.Not):
            truth = self.truth(value)
            return UNKNOWN if truth is None else Const(not truth)
        if isinstance(value, Const) and isinstance(value.value, int):
            if isinstance(operation, ast.USub):
                return Const(-value.value)
            if isinstance(operation, ast.UAdd):
                return Const(+value.value)
        return UNKNOWN

    @staticmethod
    def _subscript(base: Value, index: Value) -> Value:
        if not isinstance(index, Const):
            return UNKNOWN
        if isinstance(base, External) and base.path == "signal.Signals" and isinstance(index.value, str):
            return external(f"signal.{index.value}")
        if isinstance(base, Items):
            if base.keys is not None:
                for key, value in zip(base.keys, base.values, strict=True):
                    if key == index:
                        return value
            elif isinstance(index.value, int) and -len(base.values) <= index.value < len(base.values):
                return base.values[index.value]
        return UNKNOWN


def _is_class_method(function: Function) -> bool:
    return any(last_identifier(item) == "classmethod" for item in getattr(function.node, "decorator_list", []))


def _is_object(value: External) -> bool:
    """Say whether a name of another module is surely a module, class or function, not data that may be ``None``."""
    module, _, _ = value.path.partition(".")
    return module == value.path or module in _MODULES_OF_FUNCTIONS


def is_pool(value: Value) -> bool:
    """Say whether a value is a pool of threads or processes, which ``with`` hands on as it is."""
    return isinstance(value, Result) and value.path in _POOLS


def _is_pid(value: Value) -> bool:
    return isinstance(value, Result) and value.path == _PID
