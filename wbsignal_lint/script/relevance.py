"""Which functions of a file are worth following: those through which a run, a signal, an exit or training is reached.

Following every function of a large file along every path costs time and brings nothing: most of them build models and
load data.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Sequence

from wbsignal_lint.script.vocabulary import TRAIN_FUNCTIONS, is_run_name, is_training_step

__all__ = ["DECISIVE", "SIGNAL_ATTRIBUTE", "Mentions", "identifiers"]

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
SIGNAL_ATTRIBUTE = ".signal"
"""Stands for ``signal.signal``, which the name ``signal`` alone does not."""
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


class _Function:
    """What stands in a function, decorators and inner functions included."""

    __slots__ = ("loops", "names", "statements")

    def __init__(self, *, statements: int) -> None:
        self.names: set[str] = set()
        self.statements = statements
        self.loops = False


class Mentions:
    """Which names the functions of a file mention."""

    def __init__(self, tree: ast.Module) -> None:
        self.functions: list[ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda] = []
        self.imports: list[ast.Import | ast.ImportFrom] = []
        """The import statements of the file, wherever they stand."""
        self.small: set[int] = set()
        """``id()`` of the functions that are so small that they are always followed: few statements, no loop."""
        self.outside: set[str] = set()
        """What is mentioned outside functions."""
        self._names: dict[int, str] = {}
        self._members: dict[str, set[int]] = {}
        """The methods of each class."""
        self._settled: dict[tuple[frozenset[str], frozenset[str]], frozenset[int]] = {}
        classes: list[ast.ClassDef] = []
        found = self._survey(tree, classes)
        self._found = {number: function.names for number, function in found.items()}
        for node in self.functions:
            function = found[id(node)]
            if isinstance(node, ast.Lambda) or (function.statements <= _SMALL + 1 and not function.loops):
                self.small.add(id(node))
        for cls in classes:
            self._add_class(cls)

    def _survey(self, tree: ast.Module, classes: list[ast.ClassDef]) -> dict[int, _Function]:
        """Walk the tree once, as large files are what takes time, and return what stands in each function."""
        found: dict[int, _Function] = {}
        top = _Function(statements=0)
        self.outside = top.names
        stack: list[tuple[ast.AST, tuple[_Function, ...]]] = [(tree, (top,))]
        while stack:
            node, around = stack.pop()
            if isinstance(node, ast.Name):
                for function in around:
                    function.names.add(node.id)
                continue
            if isinstance(node, ast.Attribute):
                for function in around:
                    function.names.update(_attribute(node))
                stack.append((node.value, around))
                continue
            if isinstance(node, ast.stmt):
                loops = isinstance(node, (ast.For, ast.While, ast.AsyncFor))
                for function in around:
                    function.statements += 1
                    function.loops = function.loops or loops
                if isinstance(node, ast.ClassDef):
                    classes.append(node)
                elif isinstance(node, (ast.Import, ast.ImportFrom)):
                    self.imports.append(node)
                    continue
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                own = found[id(node)] = _Function(statements=0 if isinstance(node, ast.Lambda) else 1)
                around = (own,) if around[0] is top else (*around, own)
                self.functions.append(node)
                self._names[id(node)] = "" if isinstance(node, ast.Lambda) else node.name
            for name in node._fields:
                value = getattr(node, name, None)
                if isinstance(value, list):
                    stack.extend((child, around) for child in value if isinstance(child, ast.AST))
                elif isinstance(value, ast.AST) and value._fields:
                    stack.append((value, around))
        return found

    def _add_class(self, node: ast.ClassDef) -> None:
        members = self._members.setdefault(node.name, set())
        for child in node.body:
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                members.add(id(child))
                if child.name == "__init__":
                    self._found[id(node)] = {node.name, "__init__"} | self._found[id(child)]
                    self._names[id(node)] = node.name

    def relevant(
        self, training_calls: Sequence[str] = (), imported: Collection[str] = (), names: frozenset[str] = _NAMES
    ) -> frozenset[int]:
        """Return ``id()`` of the function nodes that matter, the small ones aside.

        A function does, if it mentions one of ``names`` (those that rules speak of), a name in ``imported`` (under
        which the file has a function of another file that matters), or the name of a function or class of the file that
        does.
        """
        further = frozenset({name.rsplit(".", 1)[-1] for name in training_calls}.union(imported))
        known = self._settled.get((names, further))
        if known is None:
            known = self._settled[names, further] = self._reaching(further.union(names))
        return known

    def _reaching(self, topics: frozenset[str]) -> frozenset[int]:
        relevant: set[int] = set()
        reached: Collection[str] = topics
        while reached:
            more = {
                number
                for number, found in self._found.items()
                if number not in relevant and not found.isdisjoint(reached)
            }
            relevant |= more
            reached = {self._names[number] for number in more} - {""}
        return frozenset(relevant)

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
            found.update(_attribute(child))
    return found


def _attribute(node: ast.Attribute) -> tuple[str, ...]:
    """Return the names under which an attribute is mentioned."""
    name = node.attr
    if name in ("step", "log"):
        base = getattr(node.value, "attr", getattr(node.value, "id", ""))
        if name == "step" and is_training_step(base, "step"):
            return name, _STEP
        if name == "log" and is_run_name(base):
            return name, _LOG
    if name == "signal":
        return name, SIGNAL_ATTRIBUTE
    return (name,)
