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
    deepest = 0
    stack: list[tuple[ast.AST, int]] = [(tree, 0)]
    while stack:
        node, depth = stack.pop()
        if isinstance(node, ast.BoolOp):
            depth += len(node.values)
        deepest = max(deepest, depth)
        stack.extend((child, depth + 1) for child in ast.iter_child_nodes(node))
    return deepest
