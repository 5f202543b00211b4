"""Putting a statement before the one it stands behind."""

from __future__ import annotations

import ast

from wbsignal_lint.diagnostics import Edit
from wbsignal_lint.script.facts import Script

__all__ = ["swap_neighbours"]


def swap_neighbours(script: Script, first: ast.AST, second: ast.AST) -> tuple[Edit, ...] | None:
    """Return the edits that put the statement of ``second`` before that of ``first``.

    ``None`` unless they stand right behind each other in one block: the first as a plain statement, the second plainly
    or as all that an ``if`` holds.
    """
    above, below = script.statement(first), script.statement(second)
    if not isinstance(above, (ast.Expr, ast.Raise)):
        return None
    block = script.parents.get(id(above))
    condition = script.parents.get(id(below))
    if condition is not block and isinstance(condition, ast.If) and not condition.orelse and len(condition.body) == 1:
        below = condition
    if script.parents.get(id(below)) is not block or not _adjacent(block, above, below):
        return None
    spans = script.span(above), script.span(below)
    if not all(script.editor.is_alone(span) for span in spans):
        if not isinstance(below, ast.Expr):
            return None
        return Edit(spans[0], script.source(below)), Edit(spans[1], script.source(above))
    moved = script.editor.move_before([spans[1]], spans[0])
    return moved.edits if moved is not None else None


def _adjacent(block: ast.AST | None, above: ast.stmt, below: ast.stmt) -> bool:
    for field in ("body", "orelse", "finalbody"):
        statements = getattr(block, field, None)
        if isinstance(statements, list) and above in statements and below in statements:
            return bool(statements.index(below) == statements.index(above) + 1)
    return False
