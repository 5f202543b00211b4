"""Which functions of a file are worth following: those through which a run, a signal, an exit or training is reached.

Following every function of a large file along every path costs time and brings nothing: most of them build models and
load data.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from wbsignal_lint.script.vocabulary import TRAIN_FUNCTIONS, is_run_name, is_training_step

__all__ = ["DECISIVE", "RUN_CALLS", "SIGNAL_ATTRIBUTE", "Mentions", "identifiers"]

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
RUN_CALLS = {name: f"run.{name}" for name in ("init", "finish", "teardown", "join")}
"""What opens or finishes runs, and what stands for it where it is an attribute of what may be W&B or a run."""
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
_WANDB = re.compile("wandb|^_?wb$", re.IGNORECASE)
_SMALL = 4
"""Functions of so few statements are always followed: they compute the constants that others use."""


class _Function:
    """What stands in a function, decorators and inner functions included."""

    __slots__ = ("loops", "names", "statements")

    def __init__(self, *, statements: int) -> None:
        self.names: set[str] = set()
        self.statements = statements
        self.loops = False


class Entry(NamedTuple):
    """A function that other code can call by name: it stands in no other function."""

    name: str
    cls: str | None
    """The class that it is a method of."""
    decorated: bool
    """Decorators may hand it on: to an app, as a command."""

    def is_reached(self, here: Collection[str], anywhere: Collection[str] | None) -> bool:
        """Say whether something calls it, going by the names that are mentioned in its file, and in any if known."""
        if self.cls is not None:
            special = self.name.startswith("__") and self.name.endswith("__")
            return self.cls in here and (special or anywhere is None or self.name in anywhere)
        return self.decorated or self.name in here


class Mentions:
    """Which names the functions of a file mention."""

    def __init__(self, tree: ast.Module) -> None:
        self.functions: list[ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda] = []
        self.imports: list[ast.Import | ast.ImportFrom] = []
        """The import statements of the file, wherever they stand."""
        self.small: set[int] = set()
        """``id()`` of the functions that are so small that they are always followed: few statements, no loop."""
        self.outside: set[str] = set()
        """What is mentioned where importing the file comes along: outside functions, or in what decorates them."""
        self.when_started: set[str] = set()
        """What is mentioned below ``if __name__ == "__main__":``."""
        self.entries: dict[int, Entry] = {}
        """The functions that stand in no other, by ``id()``."""
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
        main = _Function(statements=0)
        self.outside, self.when_started = top.names, main.names
        stack: list[tuple[ast.AST, tuple[_Function, ...]]] = [
            (node, (main if is_main_block(node) else top,)) for node in tree.body
        ]
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
                if isinstance(node, ast.Lambda):
                    around = (*around, own)
                elif around[0] is top:
                    self.entries[id(node)] = Entry(node.name, None, bool(node.decorator_list))
                    for child in (*node.decorator_list, *node.args.defaults):
                        top.names |= identifiers(child)
                    around = (own,)
                else:
                    around = (*around, own)
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
        for child in _functions_in(node.body):
            if id(child) in self.entries:
                self.entries[id(child)] = self.entries[id(child)]._replace(cls=node.name)

    def named_in(self, number: int) -> set[str]:
        """Return the names that a function mentions, given by its ``id()``."""
        return self._found[number]

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


def _functions_in(body: Iterable[ast.AST]) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the functions that are defined in a block, under conditions too."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node
        elif isinstance(node, (ast.If, ast.Try, ast.With, ast.For)):
            yield from _functions_in(child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt))


def is_main_block(node: ast.stmt) -> bool:
    """Say whether a statement is ``if __name__ == "__main__":``, without an ``else``."""
    return (
        isinstance(node, ast.If)
        and not node.orelse
        and isinstance(node.test, ast.Compare)
        and isinstance(node.test.left, ast.Name)
        and node.test.left.id == "__name__"
        and isinstance(node.test.ops[0], ast.Eq)
        and len(node.test.ops) == 1
    )


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
    if name in RUN_CALLS:
        base = getattr(node.value, "attr", getattr(node.value, "id", ""))
        if is_run_name(base) or _WANDB.search(base):
            return name, RUN_CALLS[name]
    return (name,)
