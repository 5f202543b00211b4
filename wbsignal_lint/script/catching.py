"""Exceptions and context managers: what is raised, what catches it, and what a ``with`` block makes of its end."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable

from wbsignal_lint.script.calling import CallArguments, Caller, without_star
from wbsignal_lint.script.evaluator import Evaluated, is_pool
from wbsignal_lint.script.state import (
    NORMAL,
    Cause,
    Completion,
    Decision,
    Ending,
    Path,
    RunState,
    State,
    is_exception,
    merge_paths,
)
from wbsignal_lint.script.values import (
    NONE,
    UNKNOWN,
    BoundMethod,
    Class,
    Const,
    External,
    Generator,
    Instance,
    Items,
    Result,
    Run,
    Value,
)

__all__ = ["Catcher"]

_SYSTEM_EXIT = "builtins.SystemExit"
_CATCHES_ALL = frozenset({"builtins.BaseException"})


class Catcher(Caller):
    """Follows what is raised through the code around it."""

    speculates = True
    """Whether ``except`` blocks are followed for exceptions that nothing in the file raises."""

    def __init__(self) -> None:
        super().__init__()
        self._yield: Callable[[State, Value], Evaluated] | None = None

    # -- to be defined by the collector of facts ------------------------------------------------------------------

    def note_swallowed(self, node: ast.AST, end: Completion, state: State, *, meant: bool = False) -> None:
        """Take note of an exit or exception being stopped; ``meant`` by an ``except`` that is there for it."""

    def note_raised_again(self, node: ast.ExceptHandler, end: Completion, state: State) -> None:
        """Take note of an ``except`` that raises what it caught, or another exception in its place."""

    def note_with(self, node: ast.With | ast.AsyncWith, item: ast.withitem, value: Value, state: State) -> None:
        """Take note of a context manager being entered."""

    def note_exit(self, node: ast.AST, completion: Completion, state: State) -> None:
        """Take note of a place where the process is told to end."""

    # -- exceptions -----------------------------------------------------------------------------------------------

    def _run_raise(self, node: ast.Raise, state: State) -> list[Path]:
        if node.exc is None:
            return [(state, Completion(Ending.RAISE, node, how="raise"))]
        target: ast.expr = node.exc
        arguments: list[ast.expr] = []
        if isinstance(target, ast.Call) and isinstance(target.func, (ast.Name, ast.Attribute)):
            if not target.keywords:
                arguments = [without_star(argument) for argument in target.args]
                target = target.func
            elif not target.args and [word.arg for word in target.keywords] == ["code"]:
                # typer.Exit(code=143)
                if isinstance(self.evaluate(target.func, state.fork())[0][1], External):
                    arguments = [target.keywords[0].value]
                    target = target.func
        paths: list[Path] = []
        hooked = state.hooked
        for after, values in self.evaluate_all([target, *arguments], state):
            around_init = after.hooked and not hooked
            paths += self._raised(node, values[0], tuple(values[1:]), after, around_init=around_init)
        return paths

    def _raised(
        self, node: ast.Raise, raised: Value, arguments: tuple[Value, ...], state: State, *, around_init: bool
    ) -> list[Path]:
        """Return the completions of a ``raise`` of a class with arguments, or of an object."""
        instances = [(state, raised)]
        if isinstance(raised, Class):
            instances = self._instantiate(raised, CallArguments(arguments), state)
        elif isinstance(raised, External) and isinstance(node.exc, ast.Call):
            instances = [(state, self._exception_object(raised, arguments, state))]
        paths: list[Path] = []
        for after, value in instances:
            lineage = self.lineage(raised if not isinstance(value, Instance) else value)
            name = lineage[0] if lineage else ""
            if isinstance(value, Instance) and after.heap.get(value.ident, "args") is None:
                after.heap.set(value.ident, "args", Items(arguments))
            if _SYSTEM_EXIT in lineage:
                code = arguments[0] if arguments else NONE
                if isinstance(value, Instance):
                    code = after.heap.get(value.ident, "code") or code
                completion = Completion(Ending.EXIT, node, code, False, "raise SystemExit", around_init, name, lineage)
                self.note_exit(node, completion, after)
            else:
                completion = Completion(Ending.RAISE, node, value, how="raise", exception=name, lineage=lineage)
            paths.append((after, completion))
        return paths

    def _exception_object(self, cls: External, arguments: tuple[Value, ...], state: State) -> Value:
        """Return an object of an exception class of another module, with what its attributes will be."""
        stand_in = Class(ast.ClassDef(cls.path, [], [], [], []), (next(self._numbers),), (cls,))
        instance = Instance(stand_in, next(self._numbers))
        state.heap.set(instance.ident, "args", Items(arguments))
        return instance

    def lineage(self, value: Value, depth: int = 0) -> tuple[str, ...]:
        """Return the names of an exception's class and its bases, as far as they are known."""
        if isinstance(value, External):
            return _builtin_lineage(value.path) or (value.path,)
        if isinstance(value, Instance):
            value = value.cls
        if not isinstance(value, Class) or depth > 8:
            return ()
        bases = tuple(name for base in value.bases for name in self.lineage(base, depth + 1))
        return bases if value.node.name in bases else (value.node.name, *bases)

    # -- definitions and imports ----------------------------------------------------------------------------------

    def _run_try(self, node: ast.Try, state: State) -> list[Path]:
        before = state.fork()
        body = self.run_block(node.body, state)
        pending: list[Path] = []
        caught: list[tuple[State, Completion | None, ast.ExceptHandler]] = []
        for after, end in body:
            handler = self._catching(node.handlers, end, after)
            if handler is not None:
                self.note_swallowed(handler, end, after, meant=self._is_meant(handler, end, after))
                caught.append((after, end, handler))
            elif end.ending is Ending.NORMAL:
                pending += self.run_block(node.orelse, after)
            else:
                pending.append((after, end))
        if self.speculates:
            # Anything in the body may raise what these handlers catch, though nothing here says so.
            taken = {id(handler) for _, _, handler in caught}
            caught += [(before.fork(), None, handler) for handler in node.handlers if id(handler) not in taken]
        went_on = [path for path in pending if path[1].ending is Ending.NORMAL]
        for after, raised, handler in caught:
            guards = after.guards
            after.guards = self.guarded(guards, handler)
            if handler.name:
                self.bind(handler.name, self._caught_value(raised, after), after)
            for final, completion in self.run_block(handler.body, after):
                if completion.ending is Ending.RAISE and completion.how == "raise" and not completion.exception:
                    completion = raised or completion
                if completion.ending is Ending.RAISE or completion is raised:
                    self.note_raised_again(handler, completion, final)
                if completion.ending is Ending.NORMAL and (went_on or raised is not None):
                    final.guards = guards
                pending.append((final, completion))
        if not node.finalbody:
            return pending
        out: list[Path] = []
        for after, end in merge_paths(pending):
            if end.ending is Ending.DEAD:
                out.append((after, end))
                continue
            for final, completion in self.run_block(node.finalbody, after):
                if completion.ending in (Ending.RETURN, Ending.BREAK, Ending.CONTINUE):
                    self.note_swallowed(node, end, final)
                out.append((final, end if completion.ending is Ending.NORMAL else completion))
        return out

    _run_trystar = _run_try

    def _caught_value(self, raised: Completion | None, state: State) -> Value:
        """Return what ``except … as name`` binds."""
        if raised is None:
            return UNKNOWN
        if raised.ending is Ending.RAISE:
            return raised.value or UNKNOWN
        exit_ = self._exception_object(External(_SYSTEM_EXIT), (raised.value or NONE,), state)
        assert isinstance(exit_, Instance)
        state.heap.set(exit_.ident, "code", raised.value or NONE)
        return exit_

    def _catching(self, handlers: list[ast.ExceptHandler], end: Completion, state: State) -> ast.ExceptHandler | None:
        if end.ending not in (Ending.EXIT, Ending.RAISE):
            return None
        for handler in handlers:
            if handler.type is None or self.catches(handler.type, end, state):
                return handler
        return None

    def _is_meant(self, handler: ast.ExceptHandler, end: Completion, state: State) -> bool:
        """Say whether an ``except`` names the very class of what it stops, or one that is not Python's own."""
        expression = handler.type
        names = expression.elts if isinstance(expression, ast.Tuple) else [expression] if expression is not None else []
        values = [self.evaluate(name, state.fork())[0][1] for name in names if not isinstance(name, ast.Call)]
        classes = {next(iter(self.lineage(value)), "") for value in values} & {end.exception, *end.lineage}
        return any(name == end.exception or not name.startswith("builtins.") for name in classes)

    def catches(self, expression: ast.expr, end: Completion, state: State) -> bool:
        """Say whether an ``except`` with this class expression stops an exception or exit."""
        names = expression.elts if isinstance(expression, ast.Tuple) else [expression]
        for name in names:
            value = self.evaluate(name, state.fork())[0][1] if not isinstance(name, ast.Call) else UNKNOWN
            caught = next(iter(self.lineage(value)), "")
            if caught in _CATCHES_ALL or (caught and caught in (end.exception, *end.lineage)):
                return True
            if caught == "builtins.Exception" and end.ending is Ending.RAISE:
                return is_exception(end)
        return False

    def _run_with(self, node: ast.With | ast.AsyncWith, state: State) -> list[Path]:
        return self._enter(node, 0, state)

    _run_asyncwith = _run_with

    def _enter(self, node: ast.With | ast.AsyncWith, position: int, state: State) -> list[Path]:
        if position == len(node.items):
            return self.run_block(node.body, state)
        item = node.items[position]
        out: list[Path] = []
        for after, value in self.evaluate(item.context_expr, state):
            self.note_with(node, item, value, after)
            if isinstance(value, Generator):
                out += self._around(node, position, value, after)
                continue
            for inside, entered in self._entered(value, after):
                if item.optional_vars is not None:
                    self.assign(item.optional_vars, entered, inside)
                for end, completion in self._enter(node, position + 1, inside):
                    out += self._left(item, value, end, completion)
        return out

    def _entered(self, value: Value, state: State) -> Evaluated:
        """Return what ``__enter__`` returns."""
        if isinstance(value, Instance):
            method = self.attribute(value, "__enter__", state)
            if isinstance(method, BoundMethod):
                return self.call_value(method, None, CallArguments(), state)
        return [(state, value if isinstance(value, (Run, Instance)) or is_pool(value) else UNKNOWN)]

    def _left(self, item: ast.withitem, value: Value, state: State, end: Completion) -> list[Path]:
        """Call ``__exit__``; it is run for every way out but the sudden end of the process."""
        method = self.attribute(value, "__exit__", state) if isinstance(value, Instance) else None
        if not isinstance(method, BoundMethod) or end.ending is Ending.DEAD:
            return [self._leave(item, value, state, end)]
        found = self.call_value(method, None, CallArguments((UNKNOWN, UNKNOWN, UNKNOWN)), state)
        swallowed = end.ending in (Ending.EXIT, Ending.RAISE)
        return [(after, NORMAL if swallowed and self.truth(result) is True else end) for after, result in found]

    def _around(self, node: ast.With | ast.AsyncWith, position: int, value: Generator, state: State) -> list[Path]:
        """Run the body of a context manager function, and the ``with`` block where it yields."""
        item = node.items[position]
        caller = self.frame
        paths: list[Path] = []

        def block(inside: State, entered: Value) -> Evaluated:
            generator, self.frame = self.frame, caller
            going_on: Evaluated = []
            try:
                if item.optional_vars is not None:
                    self.assign(item.optional_vars, entered, inside)
                for end, completion in self._enter(node, position + 1, inside):
                    if completion.ending is Ending.NORMAL:
                        going_on.append((end, UNKNOWN))
                    else:
                        self.escapes.append((end, completion))
            finally:
                self.frame = generator
            return going_on

        outer, self._yield = self._yield, block
        escapes, self.escapes = self.escapes, []
        try:
            assert isinstance(value.arguments, CallArguments)
            found = self._call_function(value.function, value.arguments, state)
            paths += [(after, NORMAL) for after, _ in found]
            return paths + self.escapes
        finally:
            self._yield = outer
            self.escapes = escapes

    def yielded(self, node: ast.Yield, state: State) -> Evaluated:
        """Evaluate ``yield``: in a context manager function the ``with`` block runs here."""
        results: Evaluated = []
        for after, value in self.evaluate(node.value, state) if node.value is not None else [(state, NONE)]:
            block = self._yield
            if block is None:
                results.append((after, UNKNOWN))
                continue
            self._yield = None
            try:
                results += block(after, value)
            finally:
                self._yield = block
        return results

    def _leave(self, item: ast.withitem, value: Value, state: State, end: Completion) -> Path:
        if end.ending is Ending.DEAD:
            return state, end
        if isinstance(value, Run) and state.run is RunState.ACTIVE:
            # Run.__exit__ finishes with 1 for every exception, SystemExit included, and with 0 otherwise.
            state.run = RunState.FINISHED
            by_exception = end.ending in (Ending.EXIT, Ending.RAISE)
            state.recorded = Const(1 if by_exception else 0)
            how = "by an exception: it records 1" if by_exception else "in the ordinary way: it records 0"
            state.decided = Decision(Cause.WITH, f"the with block of the run is left {how}", item.context_expr)
        if (
            isinstance(value, Result)
            and value.path == "contextlib.suppress"
            and isinstance(item.context_expr, ast.Call)
        ):
            if end.ending in (Ending.EXIT, Ending.RAISE):
                if any(self.catches(argument, end, state) for argument in item.context_expr.args):
                    self.note_swallowed(item.context_expr, end, state)
                    return state, NORMAL
        return state, end


def _builtin_lineage(path: str) -> tuple[str, ...]:
    """Return the names of one of Python's own exceptions and its bases below BaseException."""
    found = getattr(builtins, path.removeprefix("builtins."), None) if path.startswith("builtins.") else None
    if not isinstance(found, type) or not issubclass(found, BaseException) or found is BaseException:
        return ()
    return tuple(f"builtins.{base.__name__}" for base in found.__mro__ if base not in (BaseException, object))
