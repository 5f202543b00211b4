"""Binding names and calling functions: what a call passes, which frame it opens, what comes back."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from wbsignal_lint.script.evaluator import Evaluated, Evaluator
from wbsignal_lint.script.scopes import Frame, Scope, last_identifier, scope_of
from wbsignal_lint.script.state import Completion, Ending, Path, State
from wbsignal_lint.script.values import (
    NONE,
    UNKNOWN,
    BoundMethod,
    Class,
    Const,
    Coroutine,
    Function,
    Generator,
    Instance,
    Items,
    Namespace,
    Partial,
    Run,
    Value,
)

__all__ = ["CallArguments", "Caller", "without_star"]

_MAX_DEPTH = 24


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


class Caller(Evaluator):
    """An evaluator that binds names and follows calls into functions of the program."""

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[Frame] = [self.frame]
        self.executed: set[int] = set()
        """``id()`` of the function nodes whose bodies were followed."""
        self._numbers = itertools.count(1)

    # -- to be defined by those that know more --------------------------------------------------------------------

    def run_block(self, statements: Sequence[ast.stmt], state: State) -> list[Path]:
        """Execute statements in order and return every way out of them."""
        raise NotImplementedError

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
        nodes = [
            node.func,
            *(without_star(argument) for argument in node.args),
            *(word.value for word in node.keywords),
        ]
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


def is_context_manager(node: ast.AST) -> bool:
    """Say whether a function is decorated as a context manager."""
    return any(last_identifier(item) == "contextmanager" for item in getattr(node, "decorator_list", []))


def without_star(node: ast.expr) -> ast.expr:
    """Return what an argument passes: of ``*values`` the list."""
    return node.value if isinstance(node, ast.Starred) else node
