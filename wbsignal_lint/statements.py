"""On which rows the statement around a finding stands: a ``noqa`` comment on any of them is meant for it."""

from __future__ import annotations

import ast

from wbsignal_lint.diagnostics import LineIndex

__all__ = ["continued_rows", "statement_rows"]


def statement_rows(tree: ast.Module, row: int) -> range:
    """Return the rows of the innermost Python statement on a row: all of a simple one, the header of a compound one."""
    found = range(row, row + 1)
    bodies: list[ast.AST] = [tree]
    while bodies:
        node = bodies.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.stmt, ast.excepthandler)):
                decorators = getattr(child, "decorator_list", [])
                first = min([child.lineno, *(decorator.lineno for decorator in decorators)])
                last = child.end_lineno or first
                if first <= row <= last:
                    header_end = _header_end(child, last)
                    if row <= header_end:
                        found = range(first, header_end + 1)
                    bodies.append(child)
            elif isinstance(child, ast.match_case):
                bodies.append(child)
    return found


def _header_end(statement: ast.stmt | ast.excepthandler, last: int) -> int:
    """Return the last row of a statement's header, which of a simple statement is all of it."""
    body = getattr(statement, "body", None)
    if not isinstance(body, list) or not body:
        return last
    blocks = {
        id(inner) for name in ("body", "orelse", "handlers", "finalbody") for inner in getattr(statement, name, ())
    }
    header = [child for child in ast.iter_child_nodes(statement) if id(child) not in blocks]
    ends: list[int | None] = [getattr(child, "end_lineno", None) for child in header]
    before_body: int = body[0].lineno - 1
    # The body may begin on the row on which the header ends.
    return max(before_body, statement.lineno, *(end for end in ends if end is not None))


def continued_rows(lines: LineIndex, row: int) -> range:
    """Return the rows that backslashes at line ends join to a row of shell."""
    first = last = row
    while first > 1 and lines.line(first - 1).endswith("\\"):
        first -= 1
    while last < len(lines) and lines.line(last).endswith("\\"):
        last += 1
    return range(first, last + 1)
