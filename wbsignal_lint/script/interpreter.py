"""The outcome interpreter: follows statements along every path and says in which ways a piece of code can be left.

It runs nothing. It follows branches, loops, ``try/finally``, ``with``, local functions, methods, constants and
parameters; what it cannot follow is unknown. Everything that W&B, signals or exits are concerned with is done by
`wbsignal_lint.script.effects`, which says what calls of objects that the file does not define do.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from wbsignal_lint.script.calling import CallArguments
from wbsignal_lint.script.catching import Catcher
from wbsignal_lint.script.evaluator import Evaluated, external
from wbsignal_lint.script.scopes import own_nodes
from wbsignal_lint.script.state import (
    NORMAL,
    Completion,
    Ending,
    Path,
    State,
    merge,
    merge_paths,
)
from wbsignal_lint.script.values import (
    NONE,
    UNKNOWN,
    BoundMethod,
    Class,
    External,
    Function,
    Items,
    Result,
    Value,
)

__all__ = ["Budget", "Interpreter"]

_MAX_UNROLLED = 32
_FEW = 4
"""So many passes of a loop over a range are followed one by one; a longer one is a loop like any other."""


class Budget(Exception):
    """The file is too large or too branched to be followed to the end; what was not reached stays unknown."""


class Interpreter(Catcher):
    """Executes statements over abstract states."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0
        """How many more statements may be followed."""
        self.loops: list[ast.stmt] = []

    # -- to be defined by the collector of facts ------------------------------------------------------------------

    def note_unreached(self, statements: Sequence[ast.stmt], paths: list[Path]) -> None:
        """Take note of the rest of a block that nothing gets to, and of the ways in which the block was left."""

    def note_skipped(self, statements: Sequence[ast.stmt], state: State) -> None:
        """Take note of the branch that a condition of known truth leaves out."""

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
        return [(after, NORMAL) for after in states] + merge_paths(out)

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
