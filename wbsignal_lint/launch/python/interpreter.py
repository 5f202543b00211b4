"""Goes through a Python file as it would run, once through every branch, and notes the calls that launch something.

Branches are joined, loops gone through once, functions of the file entered where they are called, with what they are
called with; those that nobody calls are read with unknown arguments.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from wbsignal_lint.launch.python.combining import combined, joined_values
from wbsignal_lint.launch.python.expressions import Expressions, each_of, last_name
from wbsignal_lint.launch.python.launchers import DECORATED
from wbsignal_lint.launch.python.literals import Source
from wbsignal_lint.launch.python.values import (
    NOTHING,
    UNKNOWN,
    Element,
    Function,
    Instance,
    Items,
    Named,
    Table,
    Text,
    Value,
    alternatives,
)
from wbsignal_lint.launch.recording import MODE_VARIABLES

__all__ = ["OWN_ENVIRONMENT", "Interpreter"]

_MAX_DEPTH = 8
"""Calls of functions of the file that are followed into one another."""
_MAX_STATEMENTS = 20_000
"""Statements that are gone through in one file, repeated ones included."""
OWN_ENVIRONMENT = "os.environ"
"""Its name, which is also the place in the module's scope where it is kept: no variable can be called so."""
_COPIES = frozenset({"os.environ.copy()", "copy.copy()", "copy.deepcopy()"})
_CLEAN_UP = frozenset({"__exit__", "__aexit__", "__del__"})
_GROWS = frozenset({"append", "extend", "insert"})


class Interpreter(Expressions):
    """Statements and functions; what calls of other modules do is defined by a subclass."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._returned: list[list[Value]] = []
        self._entered: list[ast.AST] = []
        self._functions: list[Function] = []
        self._called: set[ast.AST] = set()
        self._globals: set[str] = set()
        """Names that some function declares as global; hardly anybody has a local of the same name."""
        self._statements = 0
        self._module: ast.Module | None = None
        self.cleans_up = False
        """Whether what is read runs when all is over: ``finally``, ``__exit__``, ``__del__``."""

    def run(self, tree: ast.Module) -> None:
        """Go through a file: its body, then the functions that nothing in it calls."""
        self.scopes[0][OWN_ENVIRONMENT] = Table()
        self._module = tree
        self.block(tree.body)
        self._module = None
        done = 0
        while done < len(self._functions):
            function = self._functions[done]
            done += 1
            if function.node not in self._called:
                self.enter(function, [], {})

    @property
    def within(self) -> tuple[ast.AST, ...]:
        """The module, while its own statements run, and the functions that are being read, the outermost first."""
        return (*(() if self._module is None else (self._module,)), *self._entered)

    # Functions

    def enter(self, function: Function, arguments: Sequence[Element], keywords: dict[str, Value]) -> Value:
        """Run a function of the file; return what it returns."""
        node = function.node
        if node in self._entered or len(self._entered) >= _MAX_DEPTH:
            return UNKNOWN
        self._called.add(node)
        outer = self.scopes
        scope: dict[str, Value] = {}
        self.scopes = (*function.scopes, scope)
        self._bind_parameters(function, [*map(Element, function.bound), *arguments], keywords, scope)
        self._entered.append(node)
        self._returned.append([])
        cleaned_up, self.cleans_up = self.cleans_up, self.cleans_up or getattr(node, "name", "") in _CLEAN_UP
        try:
            if isinstance(node, ast.Lambda):
                return self.value(node.body)
            self.block(node.body)
            returned = self._returned[-1]
            return combined(returned) if returned else NOTHING
        finally:
            self.cleans_up = cleaned_up
            self._returned.pop()
            self._entered.pop()
            self.scopes = outer

    def _bind_parameters(
        self, function: Function, arguments: list[Element], keywords: dict[str, Value], scope: dict[str, Value]
    ) -> None:
        parameters = function.node.args
        positional = [*parameters.posonlyargs, *parameters.args]
        defaults = [None] * (len(positional) - len(parameters.defaults)) + list(parameters.defaults)
        is_called = bool(arguments or keywords)
        if function.owner is not None and not function.bound and positional:
            arguments = arguments if is_called else [Element(function.owner)]
        for parameter, default in [
            *zip(positional, defaults, strict=True),
            *zip(parameters.kwonlyargs, parameters.kw_defaults, strict=True),
        ]:
            if arguments and parameter in positional:
                given = arguments[0]
                scope[parameter.arg] = UNKNOWN if given.is_list else given.value
                if not given.is_list:  # else it can be any number of them
                    del arguments[0]
            elif parameter.arg in keywords:
                scope[parameter.arg] = keywords[parameter.arg]
            else:
                worth = UNKNOWN if default is None else self.value(default)
                # A default is what some caller relies on; a switch of a function nobody calls may be either.
                scope[parameter.arg] = worth if is_called or isinstance(worth, (Text, Items)) else UNKNOWN
        if parameters.vararg:
            scope[parameters.vararg.arg] = (
                Items(tuple(arguments)) if is_called else Items((Element(UNKNOWN, is_list=True),))
            )
        if parameters.kwarg:
            named = {parameter.arg for parameter in (*positional, *parameters.kwonlyargs)}
            more = Table({name: value for name, value in keywords.items() if name not in named})
            scope[parameters.kwarg.arg] = more if is_called else UNKNOWN
        self._bind_decorated(function, positional, scope)

    def _bind_decorated(self, function: Function, parameters: Sequence[ast.arg], scope: dict[str, Value]) -> None:
        """``@task def sweep(c): c.run(…)``: the library fills in the first parameter."""
        if isinstance(function.node, ast.Lambda) or not parameters:
            return
        for decorator in function.node.decorator_list:
            found = self.value(decorator.func if isinstance(decorator, ast.Call) else decorator)
            if isinstance(found, Named) and found.path in DECORATED:
                scope[parameters[0].arg] = Named(DECORATED[found.path])

    def _on_Lambda(self, node: ast.Lambda) -> Value:
        function = Function(node, self.scopes)
        self._functions.append(function)
        return function

    # Statements

    def block(self, statements: Iterable[ast.stmt]) -> None:
        """Go through statements in order."""
        for statement in statements:
            self._statements += 1
            if self._statements > _MAX_STATEMENTS:
                return
            method = getattr(self, f"_do_{type(statement).__name__}", None)
            if method is not None:
                method(statement)
            else:
                for child in ast.iter_child_nodes(statement):
                    if isinstance(child, ast.expr):
                        self.value(child)

    def _do_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            name = alias.asname or alias.name.split(".")[0]
            self.scopes[-1][name] = Named(alias.name if alias.asname else name)

    def _do_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            if node.level == 0 and node.module:
                self.scopes[-1][alias.asname or alias.name] = Named(f"{node.module}.{alias.name}")
            else:
                self.scopes[-1][alias.asname or alias.name] = UNKNOWN

    def _do_Assign(self, node: ast.Assign) -> None:
        value = self.value(node.value)
        for target in node.targets:
            self.bind(target, value)

    def _do_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.bind(node.target, self.value(node.value))

    def _do_AugAssign(self, node: ast.AugAssign) -> None:
        added = self.value(node.value)
        if isinstance(node.op, ast.Add):
            self.bind(node.target, self.sum(self.value(node.target), added, node.target, node.value))
        else:
            self.bind(node.target, UNKNOWN)

    def bind(self, target: ast.expr, value: Value) -> None:
        """Bind a name, an attribute of an object of the file, or the names of a tuple."""
        if isinstance(target, ast.Name):
            is_global = target.id in self._globals and len(self.scopes) > 1
            self.scopes[0 if is_global else -1][target.id] = value
        elif isinstance(target, (ast.Tuple, ast.List)):
            parts: list[Value] = [UNKNOWN] * len(target.elts)
            if isinstance(value, Items) and len(value.elements) == len(parts):
                parts = [UNKNOWN if element.is_list else element.value for element in value.elements]
            for inner, part in zip(target.elts, parts, strict=True):
                self.bind(inner.value if isinstance(inner, ast.Starred) else inner, part)
        elif isinstance(target, ast.Attribute):
            base = self.value(target.value)
            if isinstance(base, Instance):
                base.attributes[target.attr] = value
        elif isinstance(target, ast.Subscript):
            key = self.value(target.slice)
            if isinstance(key, Text) and key.value in MODE_VARIABLES:
                self.set_variable(target.value, key.value, value)
        else:
            for child in ast.iter_child_nodes(target):
                if isinstance(child, ast.expr):
                    self.value(child)

    def set_variable(self, environment: ast.expr, name: str, value: Value) -> None:
        """Set a variable of the own environment, or of one that is made to be handed on: ``env = dict(os.environ)``."""
        held = self.value(environment)
        if isinstance(held, Named) and held.path == OWN_ENVIRONMENT:
            self.scopes[0][OWN_ENVIRONMENT] = Table({**self.own_environment.entries, name: value})
        elif isinstance(environment, ast.Name) and (
            isinstance(held, Table) or (isinstance(held, Named) and held.path in _COPIES)
        ):
            entries = held.entries if isinstance(held, Table) else {}
            self.rebind(environment.id, Table({**entries, name: value}))

    @property
    def own_environment(self) -> Table:
        """What the file itself has put into ``os.environ`` up to here."""
        held = self.scopes[0].get(OWN_ENVIRONMENT)
        return held if isinstance(held, Table) else Table()

    def rebind(self, place: str, value: Value) -> None:
        """Give a variable that a method has changed its new value, in the scope it lives in."""
        name, _, attribute = place.partition(".")
        for scope in reversed(self.scopes):
            if name in scope:
                holder = scope[name]
                if attribute and isinstance(holder, Instance):
                    holder.attributes[attribute] = value
                elif not attribute:
                    scope[name] = value
                return

    def _do_Return(self, node: ast.Return) -> None:
        value = NOTHING if node.value is None else self.value(node.value)
        if self._returned:
            self._returned[-1].append(value)

    def _do_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, (ast.Yield, ast.YieldFrom)):
            if node.value.value is not None:
                value = self.value(node.value.value)
                if self._returned:
                    self._returned[-1].append(Items((Element(value),)) if isinstance(node.value, ast.Yield) else value)
        elif not isinstance(node.value, ast.Constant):
            self.value(node.value)

    def _do_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        owner = self.scopes[-1].get("__class__")
        is_method = isinstance(owner, Instance)
        static = any(last_name(decorator) == "staticmethod" for decorator in node.decorator_list)
        function = Function(
            node,
            self.scopes[:-1] if is_method else self.scopes,
            owner=owner if isinstance(owner, Instance) and not static else None,
        )
        self._functions.append(function)
        self.scopes[-1][node.name] = function
        if isinstance(owner, Instance):
            owner.attributes[node.name] = function

    _do_AsyncFunctionDef = _do_FunctionDef

    def _do_ClassDef(self, node: ast.ClassDef) -> None:
        owner = Instance({})
        outer = self.scopes
        scope: dict[str, Value] = {"__class__": owner}
        self.scopes = (*outer, scope)
        self.block(node.body)
        self.scopes = outer
        owner.attributes.update({name: value for name, value in scope.items() if name != "__class__"})
        self.scopes[-1][node.name] = owner

    def _do_If(self, node: ast.If) -> None:
        truth = self.truth(node.test)
        if truth is None:
            self._either([node.body, node.orelse])
        else:
            self.block(node.body if truth else node.orelse)

    def _do_Match(self, node: ast.Match) -> None:
        self.value(node.subject)
        self._either([case.body for case in node.cases])

    def _do_Try(self, node: ast.Try) -> None:
        self.block(node.body)
        self._either([[], *(handler.body for handler in node.handlers)])
        self.block(node.orelse)
        outer, self.cleans_up = self.cleans_up, True
        self.block(node.finalbody)
        self.cleans_up = outer

    _do_TryStar = _do_Try

    def _either(self, branches: Sequence[Sequence[ast.stmt]]) -> None:
        """Go through branches each from the same start, and join what variables are worth behind them."""
        start = [dict(scope) for scope in self.scopes]
        ends: list[list[dict[str, Value]]] = []
        for branch in branches:
            self._restore(start)
            self.block(branch)
            if not _leaves(branch):
                ends.append([dict(scope) for scope in self.scopes])
        if not ends:
            return
        self._restore(ends[0])
        for end in ends[1:]:
            for scope, other in zip(self.scopes, end, strict=True):
                for name in {*scope, *other}:
                    if name not in scope or name not in other:
                        scope[name] = scope.get(name, other.get(name, UNKNOWN))
                    else:
                        scope[name] = joined_values(scope[name], other[name])

    def _restore(self, saved: Sequence[dict[str, Value]]) -> None:
        for scope, values in zip(self.scopes, saved, strict=True):
            scope.clear()
            scope.update(values)

    def _do_For(self, node: ast.For | ast.AsyncFor) -> None:
        iterated = self.value(node.iter)
        elements = each_of(iterated)
        self._open_lists(node.body)
        for element in alternatives(elements):
            self.bind(node.target, element)
            self.block(node.body)
        self.block(node.orelse)

    _do_AsyncFor = _do_For

    def _do_While(self, node: ast.While) -> None:
        self.value(node.test)
        self._open_lists(node.body)
        self.block(node.body)
        self.block(node.orelse)

    def _open_lists(self, body: Sequence[ast.stmt]) -> None:
        """Note of lists from before a loop that grow in it that they can hold any number of elements."""
        for statement in body:
            for child in ast.walk(statement):
                name: str | None = None
                if isinstance(child, ast.AugAssign) and isinstance(child.target, ast.Name):
                    name = child.target.id
                elif isinstance(child, ast.Attribute) and child.attr in _GROWS and isinstance(child.value, ast.Name):
                    name = child.value.id
                value = None if name is None else self.lookup(name)
                if name is not None and isinstance(value, Items) and value.elements and not value.elements[-1].is_list:
                    self.rebind(name, Items((*value.elements, Element(UNKNOWN, is_list=True))))

    def _do_With(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            value = self.value(item.context_expr)
            if item.optional_vars is not None:
                self.bind(item.optional_vars, value)
        self.block(node.body)

    _do_AsyncWith = _do_With

    def _do_Global(self, node: ast.Global) -> None:
        self._globals.update(node.names)


def _leaves(branch: Sequence[ast.stmt]) -> bool:
    """Whether what stands behind a branch is not reached from it."""
    return bool(branch) and isinstance(branch[-1], (ast.Return, ast.Raise, ast.Continue, ast.Break))
