"""What is otherwise for Python in a notebook: a kernel runs it, and does not end with a cell.

Measured with ipykernel 7.4, IPython 9.18, nbconvert 7.17 and wandb 0.31.0; docs/notebooks.md has it in full.

- A SystemExit that leaves a cell ends the cell; the kernel goes on, and so does the run. The exit code that wandb
  noted in ``sys.exit`` is recorded when the kernel ends.
- An error that leaves a cell ends the cell, too: ``sys.excepthook`` is not called, and the run gets exit code 0 in
  the end.
- While a cell runs, SIGINT has Python's own handler: the kernel puts it there before each cell, and takes back behind
  it what the cell has set.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from wbsignal_lint.cells import cells_of

if TYPE_CHECKING:
    from wbsignal_lint.script.facts import Script

__all__ = ["is_in_notebook", "keeps_sigint"]

_RUNS = (ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try)


def is_in_notebook(script: Script) -> bool:
    """Whether a script is made of the cells of a notebook."""
    return next(cells_of(script.text), None) is not None


def keeps_sigint(script: Script, registration: ast.AST) -> bool:
    """Whether a handler of SIGINT is still there when the training runs: in a notebook, only within one cell."""
    cells = list(cells_of(script.text))
    place = script.span(registration).start
    cell = next((one for one in cells if one.start <= place < one.end), None)
    if cell is None or script.function_of(registration) is not None:
        return True
    later = (node for node in script.tree.body if place < script.span(node).start < cell.end)
    return any(isinstance(node, _RUNS) or _calls(node) for node in later)


def _calls(node: ast.stmt) -> bool:
    """Whether a statement is a call that may train: ``trainer.fit(model)``; none of ``signal.signal(…)``."""
    value = node.value if isinstance(node, (ast.Expr, ast.Assign)) else None
    name = value.func.attr if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) else ""
    return isinstance(value, ast.Call) and name not in ("signal", "init")
