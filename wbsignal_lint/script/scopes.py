"""Frames and scopes: which names a function binds itself, and what stands in it."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Sequence

__all__ = ["Frame", "Scope", "arguments_of", "last_identifier", "own_nodes", "scope_of"]


class Frame:
    """One function call in progress: its number on the heap, the frames it closes over, and the statement it is at."""

    def __init__(self, number: int, outer: tuple[int, ...], function: ast.AST | None, names: Scope) -> None:
        self.number = number
        self.frames = (*outer, number)
        self.function = function
        self.names = names
        self.captured = False
        """Whether functions defined in it may outlive the call."""
        self.statement: ast.stmt | None = None


@functools.lru_cache(maxsize=4096)
def scope_of(node: ast.AST | None) -> Scope:
    """Return the scope of a function or class; it is asked for whenever the function is called."""
    return Scope(node)


class Scope:
    """Which names a function declares as global, as nonlocal, or binds itself."""

    def __init__(self, node: ast.AST | None) -> None:
        self.globals: set[str] = set()
        self.nonlocals: set[str] = set()
        self.locals: set[str] = set()
        if node is None or isinstance(node, ast.Lambda):
            if isinstance(node, ast.Lambda):
                self.locals.update(argument.arg for argument in arguments_of(node.args))
            return
        assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        if not isinstance(node, ast.ClassDef):
            self.locals.update(argument.arg for argument in arguments_of(node.args))
        for child in own_nodes(node.body):
            if isinstance(child, ast.Global):
                self.globals.update(child.names)
            elif isinstance(child, ast.Nonlocal):
                self.nonlocals.update(child.names)
            elif isinstance(child, ast.Name) and isinstance(child.ctx, (ast.Store, ast.Del)):
                self.locals.add(child.id)
            elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                self.locals.add(child.name)
            elif isinstance(child, (ast.Import, ast.ImportFrom)):
                self.locals.update(alias.asname or alias.name.split(".")[0] for alias in child.names)
            elif isinstance(child, ast.ExceptHandler) and child.name:
                self.locals.add(child.name)
        self.locals -= self.globals | self.nonlocals


def arguments_of(arguments: ast.arguments) -> Iterable[ast.arg]:
    """Yield every parameter of a function, the starred ones included."""
    yield from arguments.posonlyargs
    yield from arguments.args
    yield from arguments.kwonlyargs
    if arguments.vararg:
        yield arguments.vararg
    if arguments.kwarg:
        yield arguments.kwarg


def own_nodes(body: Sequence[ast.AST]) -> Iterable[ast.AST]:
    """Yield the nodes below ``body`` without going into nested functions and classes (which are yielded themselves)."""
    todo = list(reversed(body))
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            todo.extend(reversed(list(ast.iter_child_nodes(node))))


def last_identifier(node: ast.AST) -> str:
    """Return the last identifier of a name, attribute or call: ``experiment`` for ``self.logger.experiment``."""
    while isinstance(node, (ast.Call, ast.Subscript, ast.Await)):
        node = node.func if isinstance(node, ast.Call) else node.value
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
