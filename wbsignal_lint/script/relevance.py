"""Which functions of a file are worth following: those through which a run, a signal, an exit or training is reached.

Following every function of a large file along every path costs time and brings nothing: most of them build models and
load data.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from wbsignal_lint.script.vocabulary import TRAIN_FUNCTIONS

__all__ = ["relevant_functions"]

_NAMES = (
    frozenset(
        {
            "signal",
            "add_signal_handler",
            "mark_preempting",
            "exit",
            "_exit",
            "quit",
            "abort",
            "kill",
            "raise_signal",
            "SystemExit",
            "KeyboardInterrupt",
            "getsignal",
            "getpid",
            "finish",
            "teardown",
            "agent",
            "log",
            "step",
            "backward",
            "manual_backward",
            "fit",
            "fit_generator",
            "train",
            "learn",
            "wandb",
            "Process",
            "Thread",
            "Pool",
        }
    )
    | TRAIN_FUNCTIONS
)
_SMALL = 4
"""Functions of so few statements are always followed: they compute the constants that others use."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def relevant_functions(tree: ast.Module, training_calls: Sequence[str] = ()) -> frozenset[int]:
    """Return ``id()`` of the function nodes that are worth following.

    A function is, if it is small or mentions one of the names that rules speak of, or the name of a function or class
    of the file that does.
    """
    topics = _NAMES | {name.rsplit(".", 1)[-1] for name in training_calls}
    mentions: dict[int, set[str]] = {}
    names: dict[int, str] = {}
    small: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for child in node.body:
                if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)) and child.name == "__init__":
                    mentions[id(node)] = {node.name, "__init__"} | _identifiers(child)
                    names[id(node)] = node.name
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            mentions[id(node)] = _identifiers(node)
            names[id(node)] = "" if isinstance(node, ast.Lambda) else node.name
            if isinstance(node, ast.Lambda) or _is_small(node):
                small.add(id(node))
    relevant = {number for number, found in mentions.items() if found & topics}
    while True:
        reached = {names[number] for number in relevant} - {""}
        more = {number for number, found in mentions.items() if found & reached} - relevant
        if not more:
            return frozenset(relevant | small)
        relevant |= more


def _identifiers(node: ast.AST) -> set[str]:
    found: set[str] = set()
    for child in ast.walk(node):
        if isinstance(child, ast.Name):
            found.add(child.id)
        elif isinstance(child, ast.Attribute):
            found.add(child.attr)
    return found


def _is_small(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    statements = [child for child in ast.walk(node) if isinstance(child, ast.stmt)]
    loops = any(isinstance(child, (ast.For, ast.While, ast.AsyncFor)) for child in statements)
    return len(statements) <= _SMALL + 1 and not loops
