"""The outcome interpreter: follows statements along every path and says in which ways a piece of code can be left.

It runs nothing. It follows branches, loops, ``try/finally``, ``with``, local functions, methods, constants and
parameters; what it cannot follow is unknown. Everything that W&B, signals or exits are concerned with is done by
`wbsignal_lint.script.effects`, which says what calls of objects that the file does not define do.
"""

from __future__ import annotations

import ast
import builtins
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from wbsignal_lint.script.evaluator import (
    Evaluated,
    Evaluator,
    Frame,
    Scope,
    external,
    is_pool,
    last_identifier,
    own_nodes,
    scope_of,
)
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
    merge,
)
from wbsignal_lint.script.values import (
    NONE,
    UNKNOWN,
    BoundMethod,
    Class,
    Const,
    Coroutine,
    External,
    Function,
    Generator,
    Instance,
    Items,
    Namespace,
    Partial,
    Result,
    Run,
    Value,
)

__all__ = ["Budget", "Interpreter"]

_MAX_DEPTH = 24
_MAX_UNROLLED = 32
_FEW = 4
"""So many passes of a loop over a range are followed one by one; a longer one is a loop like any other."""
_SYSTEM_EXIT = "builtins.SystemExit"
_CATCHES_ALL = frozenset({"builtins.BaseException"})


class Budget(Exception):
    """The file is too large or too branched to be followed to the end; what was not reached stays unknown."""


class Interpreter(Evaluator):
    """Executes statements over abstract states."""

    speculates = True
    """Whether ``except`` blocks are followed for exceptions that nothing in the file raises."""

    def __init__(self) -> None:
        super().__init__()
        self._yield: Callable[[State, Value], Evaluated] | None = None
        self.steps = 0
        """How many more statements may be followed."""
        self.stack: list[Frame] = [self.frame]
        self.loops: list[ast.stmt] = []
        self.executed: set[int] = set()
        """``id()`` of the function nodes whose bodies were followed."""
        self._numbers = itertools.count(1)

    # -- to be defined by the collector of facts ------------------------------------------------------------------

    def call_external(self, callee: Value, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
        """Say what a call of something that is not defined in this file does."""
        raise NotImplementedError

    def worth_following(self, function: Function) -> bool:
        """Say whether a function can do anything that matters; one that can't returns something unknown."""
        return True

    def note_write(self, name: str, state: State, *, outside: bool) -> None:
        """Take note that code set a variable or attribute that outlives it; ``outside`` if a library owns it."""

    def note_attribute(self, target: ast.Attribute, value: Value, state: State) -> None:
        """Take note of an attribute being set."""

    def note_swallowed(self, node: ast.AST, end: Completion, state: State, *, meant: bool = False) -> None:
        """Take note of an exit or exception being stopped; ``meant`` by an ``except`` that is there for it."""

    def note_raised_again(self, node: ast.ExceptHandler, end: Completion, state: State) -> None:
        """Take note of an ``except`` that raises what it caught, or another exception in its place."""

    def note_exit(self, node: ast.AST, completion: Completion, state: State) -> None:
        """Take note of a place where the process is told to end."""

    def note_unreached(self, statements: Sequence[ast.stmt], paths: list[Path]) -> None:
        """Take note of the rest of a block that nothing gets to, and of the ways in which the block was left."""

    def note_skipped(self, statements: Sequence[ast.stmt], state: State) -> None:
        """Take note of the branch that a condition of known truth leaves out."""

    def note_with(self, node: ast.With | ast.AsyncWith, item: ast.withitem, value: Value, state: State) -> None:
        """Take note of a context manager being entered."""

    @property
    def trail(self) -> tuple[ast.stmt, ...]:
        """The statement that each frame is at, outermost first."""
        return tuple(frame.statement for frame in self.stack if frame.statement is not None)

    # -- blocks and statements ------------------------------------------------------------------------------------

    def run_block(self, statements: Sequence[ast.stmt], state: State) -> list[Path]:
        """Execute statements in order and return every way out of them."""
        out: list[Path] = []
        states = [state]
        for position, statement in enumerate(statements):
            going_on: list[State] = []
            for before in states:
                for after, completion in self.run_statement(statement, before):
                    if completion.ending is Ending.NORMAL:
                        going_on.append(after)
                    else:
                        out.append((after, completion))
            states = merge(going_on)
            if not states:
                self.note_unreached(statements[position + 1 :], out)
                break
        return [(after, NORMAL) for after in states] + _merge_paths(out)

    def run_statement(self, node: ast.stmt, state: State) -> list[Path]:
        """Execute one statement and return every way out of it."""
        self.steps -= 1
        if self.steps < 0:
            raise Budget
        outer, self.frame.statement = self.frame.statement, node
        escapes, self.escapes = self.escapes, []
        try:
            paths = self._dispatch(node, state)
            return paths + self.escapes
        finally:
            self.escapes = escapes
            self.frame.statement = outer

    def _dispatch(self, node: ast.stmt, state: State) -> list[Path]:
        method = getattr(self, f"_run_{type(node).__name__.lower()}", None)
        if method is not None:
            paths: list[Path] = method(node, state)
            return paths
        # Statements without a meaning for us (assert, del, global …): their expressions are still evaluated.
        states = [state]
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr) and not isinstance(getattr(child, "ctx", None), (ast.Store, ast.Del)):
                states = [after for before in states for after, _ in self.evaluate(child, before)]
        return [(after, NORMAL) for after in states]

    def _run_expr(self, node: ast.Expr, state: State) -> list[Path]:
        return [(after, NORMAL) for after, _ in self.evaluate(node.value, state)]

    def _run_assign(self, node: ast.Assign, state: State) -> list[Path]:
        paths: list[Path] = []
        for after, value in self.evaluate(node.value, state):
            for target in node.targets:
                self.assign(target, value, after)
            paths.append((after, NORMAL))
        return paths

    def _run_annassign(self, node: ast.AnnAssign, state: State) -> list[Path]:
        if node.value is None:
            return [(state, NORMAL)]
        paths: list[Path] = []
        for after, value in self.evaluate(node.value, state):
            self.assign(node.target, value, after)
            paths.append((after, NORMAL))
        return paths

    def _run_augassign(self, node: ast.AugAssign, state: State) -> list[Path]:
        paths: list[Path] = []
        for after, value in self.evaluate(node.value, state):
            old = self.lookup(node.target.id, after) if isinstance(node.target, ast.Name) else UNKNOWN
            self.assign(node.target, self._binary(node.op, old, value), after)
            paths.append((after, NORMAL))
        return paths

    def _run_return(self, node: ast.Return, state: State) -> list[Path]:
        if node.value is None:
            return [(state, Completion(Ending.RETURN, node, NONE))]
        return [(after, Completion(Ending.RETURN, node, value)) for after, value in self.evaluate(node.value, state)]

    def _run_break(self, node: ast.Break, state: State) -> list[Path]:
        return [(state, Completion(Ending.BREAK, node))]

    def _run_continue(self, node: ast.Continue, state: State) -> list[Path]:
        return [(state, Completion(Ending.CONTINUE, node))]

    def _run_raise(self, node: ast.Raise, state: State) -> list[Path]:
        if node.exc is None:
            return [(state, Completion(Ending.RAISE, node, how="raise"))]
        target: ast.expr = node.exc
        arguments: list[ast.expr] = []
        if isinstance(target, ast.Call) and isinstance(target.func, (ast.Name, ast.Attribute)):
            if not target.keywords:
                arguments = [_argument(argument) for argument in target.args]
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

    def _run_functiondef(self, node: ast.FunctionDef | ast.AsyncFunctionDef, state: State) -> list[Path]:
        paths: list[Path] = []
        self.frame.captured = True
        defaults = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
        for after, values in self.evaluate_all([*defaults, *node.decorator_list], state):
            decorated: Evaluated = [(after, Function(node, self.frame.frames))]
            for decorator in reversed(values[len(defaults) :]):
                decorated = [pair for before, value in decorated for pair in self._decorated(decorator, value, before)]
            for end, value in decorated:
                self.bind(node.name, value, end)
                paths.append((end, NORMAL))
        return paths

    def _decorated(self, decorator: Value, value: Value, state: State) -> Evaluated:
        """Return what a decorator of this file makes of a function; those of other modules are taken to keep it."""
        if not isinstance(decorator, (Function, BoundMethod, Class)):
            return [(state, value)]
        results = self.call_value(decorator, None, CallArguments((value,)), state)
        return [(after, result if result != UNKNOWN else value) for after, result in results]

    _run_asyncfunctiondef = _run_functiondef

    def _run_classdef(self, node: ast.ClassDef, state: State) -> list[Path]:
        paths: list[Path] = []
        for after, bases in self.evaluate_all(node.bases, state):
            self.frame.captured = True
            with self._frame(self.frame.frames, node) as frame:
                ends = self.run_block(node.body, after)
            cls = Class(node, frame.frames, tuple(bases))
            for end, completion in ends:
                for statement in node.body:
                    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                        # Methods see the enclosing function's names, not the class body's.
                        end.heap.set(frame.number, statement.name, Function(statement, frame.frames[:-1], cls))
                self.bind(node.name, cls, end)
                paths.append((end, completion))
        return paths

    def _run_import(self, node: ast.Import, state: State) -> list[Path]:
        for alias in node.names:
            name = alias.asname or alias.name.split(".")[0]
            self.bind(name, External(alias.name if alias.asname else name), state)
        return [(state, NORMAL)]

    def _run_importfrom(self, node: ast.ImportFrom, state: State) -> list[Path]:
        for alias in node.names:
            if alias.name == "*":
                continue
            path = f"{'.' * node.level}{node.module or ''}.{alias.name}"
            early = path == "sys.exit" and not state.hooked
            self.bind(alias.asname or alias.name, external(path, early), state)
        return [(state, NORMAL)]

    # -- branches and loops ---------------------------------------------------------------------------------------

    def _run_if(self, node: ast.If, state: State) -> list[Path]:
        out: list[Path] = []
        for after, truth in self.branch(node.test, state):
            if truth is not None:
                self.note_skipped(node.orelse if truth else node.body, after)
                out += self.run_block(node.body if truth else node.orelse, after)
                continue
            before = after.guards
            halves: list[list[Path]] = []
            for body in (node.body, node.orelse):
                guarded = after.fork()
                guarded.guards = self.guarded(before, node.test)
                halves.append(self.run_block(body, guarded))
            out += self._after_branches(halves, before)
        return out

    @staticmethod
    def _after_branches(halves: list[list[Path]], before: tuple[ast.AST, ...]) -> list[Path]:
        """Drop the guard where every branch goes on; where one left for good, what follows stays conditional."""
        all_go_on = all(any(end.ending is Ending.NORMAL for _, end in half) for half in halves)
        for half in halves:
            for state, end in half:
                if end.ending is Ending.NORMAL and all_go_on:
                    state.guards = before
        return [path for half in halves for path in half]

    def _run_match(self, node: ast.Match, state: State) -> list[Path]:
        out: list[Path] = []
        for after, _ in self.evaluate(node.subject, state):
            before = after.guards
            halves: list[list[Path]] = []
            for case in node.cases:
                guarded = after.fork()
                guarded.guards = self.guarded(before, node.subject)
                for name in own_nodes([case.pattern]):
                    if isinstance(name, (ast.MatchAs, ast.MatchStar)) and name.name:
                        self.bind(name.name, UNKNOWN, guarded)
                halves.append(self.run_block(case.body, guarded))
            if not any(isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None for case in node.cases):
                halves.append([(after.fork(), NORMAL)])
            out += self._after_branches(halves, before)
        return out

    def _run_for(self, node: ast.For | ast.AsyncFor, state: State) -> list[Path]:
        out: list[Path] = []
        for after, iterable in self.evaluate(node.iter, state):
            items = self.elements(iterable)
            if items is not None and self.unrolls(node, iterable):
                out += self._unrolled(node, items, after)
            else:
                known = bool(items) or (isinstance(iterable, Result) and iterable.path == "builtins.range")
                out += self._loop(node, after, runs=known)
        return out

    def unrolls(self, node: ast.For | ast.AsyncFor, iterable: Value) -> bool:
        """Say whether each pass of a loop over known items is followed by itself."""
        assert isinstance(iterable, Items)
        written = bool(iterable.nodes or iterable.key_nodes)
        return len(iterable.values) <= (_MAX_UNROLLED if written else _FEW)

    _run_asyncfor = _run_for

    def elements(self, iterable: Value) -> list[tuple[Value, ast.expr | None]] | None:
        """Return the values that iterating yields with the expressions that write them, ``None`` if unknown."""
        if not isinstance(iterable, Items):
            return None
        if iterable.keys is not None:
            written: Sequence[ast.expr | None] = iterable.key_nodes or [None] * len(iterable.keys)
            return list(zip(iterable.keys, written, strict=True)) if len(written) == len(iterable.keys) else None
        nodes: Sequence[ast.expr | None] = iterable.nodes or [None] * len(iterable.values)
        return list(zip(iterable.values, nodes, strict=True))

    def _unrolled(
        self, node: ast.For | ast.AsyncFor, items: list[tuple[Value, ast.expr | None]], state: State
    ) -> list[Path]:
        out: list[Path] = []
        states = [state]
        self.loops.append(node)
        for value, written in items:
            going_on: list[State] = []
            for before in states:
                self.assign(node.target, value, before)
                with self.writing(node.target, value, written):
                    for after, end in self.run_block(node.body, before):
                        if end.ending in (Ending.NORMAL, Ending.CONTINUE):
                            going_on.append(after)
                        else:
                            out.append((after, NORMAL if end.ending is Ending.BREAK else end))
            states = merge(going_on)
        self.loops.pop()
        for after in states:
            out += self.run_block(node.orelse, after)
        return out

    @contextmanager
    def writing(self, target: ast.expr, value: Value, written: ast.expr | None) -> Iterator[None]:
        """Remember, while a loop body runs, which expression wrote the element it is at."""
        yield

    def _run_while(self, node: ast.While, state: State) -> list[Path]:
        return self._loop(node, state)

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While, state: State, *, runs: bool = False) -> list[Path]:
        out: list[Path] = []
        before = state.guards
        entry = [state]
        left: list[State] = []
        ended: list[State] = []
        self.loops.append(node)
        # Twice, so that the second pass sees what the first one left behind. A loop that is known to run, or any loop
        # of a scenario, has both passes.
        stays = runs or not self.speculates
        for _ in range(2):
            going_on: list[State] = []
            for start in entry:
                for inside in self._enter_loop(node, start, ended, stays=stays):
                    for after, end in self.run_block(node.body, inside):
                        if end.ending in (Ending.NORMAL, Ending.CONTINUE):
                            after.guards = before
                            going_on.append(after)
                        elif end.ending is Ending.BREAK:
                            left.append(after)
                        else:
                            out.append((after, end))
            entry = merge(going_on)
        for start in entry:
            if not (isinstance(node, ast.While) and isinstance(node.test, ast.Constant)):
                self._enter_loop(node, start, ended, last=True)
        self.loops.pop()
        for after in merge(ended):
            if isinstance(node, ast.While):
                # Whoever comes out of `while not stop:` knows that it stopped.
                after.guards = self.guarded(before, node.test)
            out += self.run_block(node.orelse, after)
        return out + [(after, NORMAL) for after in merge(left)]

    def _enter_loop(
        self,
        node: ast.For | ast.AsyncFor | ast.While,
        state: State,
        ended: list[State],
        *,
        stays: bool = False,
        last: bool = False,
    ) -> list[State]:
        """Return the states in which the body is entered once more; those in which it isn't join ``ended``."""
        if not isinstance(node, ast.While):
            if last or not stays:
                ended.append(state.fork())
            self.assign(node.target, UNKNOWN, state)
            return [state]
        inside: list[State] = []
        for after, truth in self.branch(node.test, state):
            if truth is False or last or (truth is None and not stays):
                ended.append(after.fork())
            if truth is not False:
                inside.append(after)
        return inside

    def comprehension(self, node: ast.expr, state: State) -> Evaluated:
        """Evaluate a comprehension: its element once for each known item, or once for an unknown number of them."""
        assert isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp))
        elements = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        first = node.generators[0]
        results: Evaluated = []
        for after, iterable in self.evaluate(first.iter, state):
            items = self.elements(iterable) if len(node.generators) == 1 and not first.ifs else None
            if items is None or len(items) > _MAX_UNROLLED:
                for generator in node.generators:
                    self.assign(generator.target, UNKNOWN, after)
                self.loops.append(self.frame.statement or ast.Pass())
                conditions = [test for generator in node.generators for test in generator.ifs]
                results += [(end, UNKNOWN) for end, _ in self.evaluate_all([*conditions, *elements], after)]
                self.loops.pop()
                continue
            states: list[tuple[State, list[Value]]] = [(after, [])]
            for value, written in items:
                step: list[tuple[State, list[Value]]] = []
                for before, values in states:
                    self.assign(first.target, value, before)
                    with self.writing(first.target, value, written):
                        step += [(end, [*values, found[-1]]) for end, found in self.evaluate_all(elements, before)]
                states = step
            nodes = tuple(written for _, written in items if written is not None)
            results += [
                (end, Items(tuple(values), nodes if len(nodes) == len(values) else ()))
                if not isinstance(node, ast.DictComp)
                else (end, UNKNOWN)
                for end, values in states
            ]
        return results

    # -- try and with ---------------------------------------------------------------------------------------------

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
        for after, end in _merge_paths(pending):
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

    # -- binding --------------------------------------------------------------------------------------------------

    def bind(self, name: str, value: Value, state: State) -> None:
        """Bind a name in the scope that owns it."""
        frame = self.frame
        number = frame.number
        if name in frame.names.globals:
            number = frame.frames[0]
        elif name in frame.names.nonlocals:
            owners = [outer for outer in reversed(frame.frames[:-1]) if state.heap.get(outer, name) is not None]
            number = owners[0] if owners else number
        state.heap.set(number, name, value)
        if number != frame.number:
            self.note_write(name, state, outside=False)

    def assign(self, target: ast.expr, value: Value, state: State) -> None:
        """Bind a target: a name, an attribute, an element, or several at once."""
        if isinstance(target, ast.Name):
            self.bind(target.id, value, state)
        elif isinstance(target, (ast.Tuple, ast.List)):
            values = value.values if isinstance(value, Items) and len(value.values) == len(target.elts) else None
            for position, child in enumerate(target.elts):
                self.assign(child, values[position] if values is not None else UNKNOWN, state)
        elif isinstance(target, ast.Starred):
            self.assign(target.value, UNKNOWN, state)
        elif isinstance(target, ast.Attribute):
            self.note_attribute(target, value, state)
            for _, base in self.evaluate(target.value, state)[:1]:
                if isinstance(base, Instance):
                    state.heap.set(base.ident, target.attr, value)
                elif isinstance(base, Class):
                    state.heap.set(base.frames[-1], target.attr, value)
                elif isinstance(base, Namespace):
                    state.heap.set(base.frame, target.attr, value)
                elif isinstance(base, Function):
                    state.heap.set(-id(base.node), target.attr, value)
                inside = isinstance(base, (Instance, Class, Function, Namespace))
                self.note_write(target.attr, state, outside=not inside)
        elif isinstance(target, ast.Subscript):
            container = target.value
            if isinstance(container, (ast.Name, ast.Attribute)):
                known = self.evaluate(container, state)[0][1]
                index = self.evaluate(target.slice, state)[0][1] if not isinstance(target.slice, ast.Call) else UNKNOWN
                if isinstance(known, Items):
                    self.replace(container, _with_item(known, index, value), state)
            self.note_write(last_identifier(container), state, outside=False)

    def replace(self, place: ast.Name | ast.Attribute, value: Value, state: State) -> None:
        """Put a changed container in the place of the old one, wherever the name is bound."""
        if isinstance(place, ast.Attribute):
            for _, base in self.evaluate(place.value, state)[:1]:
                if isinstance(base, Instance):
                    state.heap.set(base.ident, place.attr, value)
            return
        name = place.id
        for number in reversed(self.frame.frames):
            if state.heap.get(number, name) is not None:
                state.heap.set(number, name, value)
                return

    # -- calls ----------------------------------------------------------------------------------------------------

    @contextmanager
    def _frame(self, outer: tuple[int, ...], node: ast.AST | None) -> Iterator[Frame]:
        caller = self.frame
        frame = Frame(next(self._numbers), outer, node, scope_of(node))
        self.frame = frame
        self.stack.append(frame)
        try:
            yield frame
        finally:
            self.stack.pop()
            self.frame = caller

    def new_instance(self, cls: Class) -> Instance:
        """Return a fresh object of a class."""
        return Instance(cls, next(self._numbers))

    def call(self, node: ast.Call, state: State) -> Evaluated:
        """Evaluate the callee and the arguments of a call, then the call itself."""
        nodes = [node.func, *(_argument(argument) for argument in node.args), *(word.value for word in node.keywords)]
        results: Evaluated = []
        for after, values in self.evaluate_all(nodes, state):
            positional = values[1 : 1 + len(node.args)]
            arguments = CallArguments(
                tuple(positional),
                tuple(
                    (word.arg or "**", value)
                    for word, value in zip(node.keywords, values[1 + len(node.args) :], strict=True)
                ),
                starred=any(isinstance(argument, ast.Starred) for argument in node.args)
                or any(word.arg is None for word in node.keywords),
            )
            results += self.call_value(values[0], node, arguments, after)
        return results

    def call_value(self, callee: Value, node: ast.Call | None, arguments: CallArguments, state: State) -> Evaluated:
        """Call a value: go into functions of this file, ask for the effect of everything else."""
        if isinstance(callee, Partial):
            arguments = CallArguments(
                (*callee.arguments, *arguments.positional),
                (*callee.keywords, *arguments.keywords),
                arguments.starred,
            )
            return self.call_value(callee.callee, node, arguments, state)
        if isinstance(callee, BoundMethod):
            arguments = CallArguments((callee.receiver, *arguments.positional), arguments.keywords, arguments.starred)
            callee = callee.function
        if isinstance(callee, Function):
            if isinstance(callee.node, ast.AsyncFunctionDef):
                return [(state, Coroutine(callee, arguments))]
            if is_context_manager(callee.node):
                return [(state, Generator(callee, arguments))]
            return self._call_function(callee, arguments, state)
        if isinstance(callee, Class):
            return self._instantiate(callee, arguments, state)
        if isinstance(callee, Instance):
            method = self.attribute(callee, "__call__", state)
            if method != UNKNOWN:
                return self.call_value(method, node, arguments, state)
        if node is None:
            return [(state, UNKNOWN)]
        return self.call_external(callee, node, arguments, state)

    def wait_for(self, value: Value, state: State) -> Evaluated:
        """Run a coroutine to its end; anything else that is awaited yields something unknown."""
        if isinstance(value, Coroutine):
            assert isinstance(value.arguments, CallArguments)
            return self._call_function(value.function, value.arguments, state)
        if isinstance(value, Items) and any(isinstance(item, Coroutine) for item in value.values):
            states = [state]
            for item in value.values:
                states = [after for before in states for after, _ in self.wait_for(item, before)]
            return [(after, UNKNOWN) for after in states]
        return [(state, value if isinstance(value, Run) else UNKNOWN)]

    def _call_function(self, function: Function, arguments: CallArguments, state: State) -> Evaluated:
        recursive = any(frame.function is function.node for frame in self.stack)
        if recursive or len(self.stack) > _MAX_DEPTH or not self.worth_following(function):
            return [(state, UNKNOWN)]
        node = function.node
        self.executed.add(id(node))
        with self._frame(function.frames, node) as frame:
            if not self._bind_parameters(function, arguments, frame, state):
                self.escapes.append((state, Completion(Ending.RAISE, node, how="call", exception="builtins.TypeError")))
                return []
            if isinstance(node, ast.Lambda):
                return self.evaluate(node.body, state)
            paths = self.run_block(node.body, state)
        if not frame.captured:
            for after, _ in paths:
                after.heap.drop(frame.number)
        results: Evaluated = []
        for after, end in paths:
            if end.ending is Ending.NORMAL:
                results.append((after, NONE))
            elif end.ending is Ending.RETURN:
                results.append((after, end.value or NONE))
            else:
                self.escapes.append((after, end))
        return results

    def _bind_parameters(self, function: Function, arguments: CallArguments, frame: Frame, state: State) -> bool:
        """Bind the arguments of a call; return ``False`` if the function can't take them."""
        parameters = function.node.args
        names = [parameter.arg for parameter in (*parameters.posonlyargs, *parameters.args)]
        defaults: dict[str, ast.expr] = dict(zip(reversed(names), reversed(parameters.defaults), strict=False))
        defaults |= {
            parameter.arg: default
            for parameter, default in zip(parameters.kwonlyargs, parameters.kw_defaults, strict=True)
            if default is not None
        }
        given = dict(zip(names, arguments.positional, strict=False)) | dict(arguments.keywords)
        if not arguments.starred:
            if len(arguments.positional) > len(names) and parameters.vararg is None:
                return False
            # A decorator of another module may pass what the call doesn't: hydra.main, pyrallis.wrap, click.command.
            decorated = bool(getattr(function.node, "decorator_list", ()))
            if not decorated and any(name not in given and name not in defaults for name in names):
                return False
        for name in (*names, *(parameter.arg for parameter in parameters.kwonlyargs)):
            if name in given:
                value = given[name]
            elif name in defaults and not arguments.starred:
                value = self._default(defaults[name], function, state)
            else:
                value = UNKNOWN
            state.heap.set(frame.number, name, value)
        if parameters.vararg is not None:
            extra = arguments.positional[len(names) :]
            state.heap.set(frame.number, parameters.vararg.arg, UNKNOWN if arguments.starred else Items(extra))
        if parameters.kwarg is not None:
            state.heap.set(frame.number, parameters.kwarg.arg, UNKNOWN)
        return True

    def _default(self, expression: ast.expr, function: Function, state: State) -> Value:
        """Return a parameter's default, looked up where the function was defined."""
        current = self.frame
        self.frame = Frame(function.frames[-1], function.frames[:-1], None, Scope(None))
        try:
            found = self.evaluate(expression, state) if not isinstance(expression, ast.Call) else []
            return found[0][1] if found else UNKNOWN
        finally:
            self.frame = current

    def _instantiate(self, cls: Class, arguments: CallArguments, state: State) -> Evaluated:
        instance = self.new_instance(cls)
        initializer = self.member(cls, "__init__", state)
        if not isinstance(initializer, Function):
            return [(state, instance)]
        with_self = CallArguments((instance, *arguments.positional), arguments.keywords, arguments.starred)
        return [(after, instance) for after, _ in self._call_function(initializer, with_self, state)]


class CallArguments:
    """The values that a call passes."""

    def __init__(
        self,
        positional: tuple[Value, ...] = (),
        keywords: tuple[tuple[str, Value], ...] = (),
        starred: bool = False,
    ) -> None:
        self.positional = positional
        self.keywords = keywords
        self.starred = starred
        """True if ``*args`` or ``**kwargs`` pass more than can be seen."""

    def get(self, position: int, *names: str) -> Value | None:
        """Return the argument at a position or under one of the names; ``None`` if it isn't given."""
        if position < len(self.positional):
            return self.positional[position]
        return next((value for name, value in self.keywords if name in names), None)

    def __iter__(self) -> Iterator[Value]:
        """Iterate over all values passed."""
        yield from self.positional
        yield from (value for _, value in self.keywords)


def _with_item(items: Items, index: Value, value: Value) -> Value:
    """Return a list or dict with one element replaced, if it is known which."""
    if not isinstance(index, Const):
        return UNKNOWN
    if items.keys is not None:
        if not all(isinstance(key, Const) for key in items.keys):
            return UNKNOWN
        pairs = dict(zip(items.keys, items.values, strict=True)) | {index: value}
        return Items(tuple(pairs.values()), (), tuple(pairs))
    if isinstance(index.value, int) and -len(items.values) <= index.value < len(items.values):
        values = list(items.values)
        values[index.value] = value
        return Items(tuple(values))
    return UNKNOWN


def _builtin_lineage(path: str) -> tuple[str, ...]:
    """Return the names of one of Python's own exceptions and its bases below BaseException."""
    found = getattr(builtins, path.removeprefix("builtins."), None) if path.startswith("builtins.") else None
    if not isinstance(found, type) or not issubclass(found, BaseException) or found is BaseException:
        return ()
    return tuple(f"builtins.{base.__name__}" for base in found.__mro__ if base not in (BaseException, object))


def is_context_manager(node: ast.AST) -> bool:
    """Say whether a function is decorated as a context manager."""
    return any(last_identifier(item) == "contextmanager" for item in getattr(node, "decorator_list", []))


def _argument(node: ast.expr) -> ast.expr:
    return node.value if isinstance(node, ast.Starred) else node


def _merge_paths(paths: list[Path]) -> list[Path]:
    """Merge the states of paths that end the same way."""
    if len(paths) <= 1:
        return paths
    groups: dict[Completion, list[State]] = {}
    for state, end in paths:
        groups.setdefault(end, []).append(state)
    return [(state, end) for end, states in groups.items() for state in merge(states)]
