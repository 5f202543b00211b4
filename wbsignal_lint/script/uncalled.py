"""Expressions that name `mark_preempting` and throw it away instead of calling it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

__all__ = ["uncalled_marks"]

_NAME = "mark_preempting"


def uncalled_marks(tree: ast.Module) -> list[ast.Attribute | ast.Name]:
    """Return the places where ``run.mark_preempting`` is a statement of its own, without a call.

    They are mistakes wherever they stand, reached or not: an expression without a call does nothing. A file that
    defines the name itself may mean something of its own by it, a property that marks.
    """
    nodes = list(ast.walk(tree))
    if any(_defines(node) for node in nodes):
        return []
    found: list[ast.Attribute | ast.Name] = []
    for node in nodes:
        if isinstance(node, ast.Expr):
            found += _thrown_away(node.value)
        elif isinstance(node, ast.Lambda) and isinstance(node.body, (ast.Tuple, ast.BoolOp)):
            found += _thrown_away(node.body)
    return found


def _thrown_away(node: ast.expr) -> Iterator[ast.Attribute | ast.Name]:
    if isinstance(node, ast.Attribute):
        if node.attr == _NAME:
            yield node
    elif isinstance(node, ast.Name):
        if node.id == _NAME:
            yield node
    elif isinstance(node, ast.BoolOp):
        yield from _thrown_away(node.values[-1])
    elif isinstance(node, ast.IfExp):
        yield from _thrown_away(node.body)
        yield from _thrown_away(node.orelse)
    elif isinstance(node, ast.Tuple):
        for element in node.elts:
            yield from _thrown_away(element)


def _defines(node: ast.AST) -> bool:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return node.name == _NAME
    if isinstance(node, ast.Name):
        return node.id == _NAME and isinstance(node.ctx, ast.Store)
    return isinstance(node, ast.Attribute) and node.attr == _NAME and isinstance(node.ctx, ast.Store)
