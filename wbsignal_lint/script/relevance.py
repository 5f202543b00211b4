"""Which functions of a file are worth following: those through which a run, a signal, an exit or training is reached.

Following every function of a large file along every path costs time and brings nothing: most of them build models and
load data.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Sequence

from wbsignal_lint.script.vocabulary import TRAIN_FUNCTIONS, is_run_name, is_training_step

__all__ = ["DECISIVE", "Mentions", "identifiers"]

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
            "ProcessPoolExecutor",
            "DataLoader",
            "fork",
            "Thread",
            "Pool",
        }
    )
    | TRAIN_FUNCTIONS
)
_STEP, _LOG = "optimizer.step", "run.log"
DECISIVE = _NAMES - {
    "log",
    "step",
    "train",
    "getpid",
    "agent",
    "Process",
    "Thread",
    "Pool",
    "ProcessPoolExecutor",
    "DataLoader",
    "fork",
} | {_STEP, _LOG}
"""The names for which functions of other files are followed; models and data sets have methods named as the rest."""
_SMALL = 4
"""Functions of so few statements are always followed: they compute the constants that others use."""


class Mentions:
    """Which names the functions of a file mention."""

    def __init__(self, tree: ast.Module) -> None:
        self._found: dict[int, set[str]] = {}
        self._names: dict[int, str] = {}
        self.functions: list[ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda] = []
        self.small: set[int] = set()
        """``id()`` of the functions that are so small that they are always followed."""
        self._members: dict[str, set[int]] = {}
        """The methods of each class."""
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                self._add_class(node)
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                self.functions.append(node)
                self._found[id(node)] = identifiers(node)
                self._names[id(node)] = "" if isinstance(node, ast.Lambda) else node.name
                if isinstance(node, ast.Lambda) or _is_small(node):
                    self.small.add(id(node))

    def _add_class(self, node: ast.ClassDef) -> None:
        members = self._members.setdefault(node.name, set())
        for child in node.body:
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                members.add(id(child))
                if child.name == "__init__":
                    self._found[id(node)] = {node.name, "__init__"} | identifiers(child)
                    self._names[id(node)] = node.name

    def relevant(
        self, training_calls: Sequence[str] = (), imported: Collection[str] = (), names: Collection[str] = _NAMES
    ) -> frozenset[int]:
        """Return ``id()`` of the function nodes that matter, the small ones aside.

        A function does, if it mentions one of ``names`` (those that rules speak of), a name in ``imported`` (under
        which the file has a function of another file that matters), or the name of a function or class of the file that
        does.
        """
        topics = {*names} | {name.rsplit(".", 1)[-1] for name in training_calls} | set(imported)
        relevant = {number for number, found in self._found.items() if found & topics}
        while True:
            reached = {self._names[number] for number in relevant} - {""}
            more = {number for number, found in self._found.items() if found & reached} - relevant
            if not more:
                return frozenset(relevant)
            relevant |= more

    def exported(self, relevant: Collection[int]) -> dict[str, set[str]]:
        """Return the names of the functions and classes that matter, each with the methods that come with it."""
        names: dict[str, set[str]] = {self._names[number]: set() for number in relevant if self._names[number]}
        for name, members in self._members.items():
            found = {self._names[number] for number in members if number in relevant} - {"__init__"}
            if found or name in names:
                names[name] = found
        return names


def identifiers(node: ast.AST) -> set[str]:
    """Return the names and attributes that are mentioned somewhere below a node."""
    found: set[str] = set()
    for child in ast.walk(node):
        if isinstance(child, ast.Name):
            found.add(child.id)
        elif isinstance(child, ast.Attribute):
            found.add(child.attr)
            base = getattr(child.value, "attr", getattr(child.value, "id", ""))
            if child.attr == "step" and is_training_step(base, "step"):
                found.add(_STEP)
            elif child.attr == "log" and is_run_name(base):
                found.add(_LOG)
    return found


def _is_small(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    statements = [child for child in ast.walk(node) if isinstance(child, ast.stmt)]
    loops = any(isinstance(child, (ast.For, ast.While, ast.AsyncFor)) for child in statements)
    return len(statements) <= _SMALL + 1 and not loops
