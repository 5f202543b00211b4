"""How deep a Python module is nested, measured without recursion.

LibCST's native parser and its tree call themselves for every level: on a stack of 8 MiB a chain of some 8,000 ``and``
ends the process with a segmentation fault, which no ``except`` sees (measured with LibCST 1.9.0).
"""

from __future__ import annotations

import ast

__all__ = ["depth_of"]


def depth_of(tree: ast.Module) -> int:
    """Return the greatest number of nodes on the way from the module down to one of its leaves.

    A chain such as ``a and b and c``, which `ast` keeps as one flat node, counts one level for every operand, as LibCST
    nests it.
    """
    # Written out, as every file that passes the gates is walked: ast.iter_child_nodes takes three times as long.
    deepest = 0
    stack: list[tuple[ast.AST, int]] = [(tree, 0)]
    while stack:
        node, depth = stack.pop()
        if isinstance(node, ast.BoolOp):
            depth += len(node.values)
        if depth > deepest:
            deepest = depth
        below = depth + 1
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                for child in value:
                    if isinstance(child, ast.AST):
                        if child._fields:
                            stack.append((child, below))
                        elif below > deepest:
                            deepest = below
            elif isinstance(value, ast.AST):
                if value._fields:
                    stack.append((value, below))
                elif below > deepest:
                    deepest = below
    return deepest
