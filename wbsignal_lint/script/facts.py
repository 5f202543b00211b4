"""What a training script does, as far as rules ask: the facts that the reader collects and nothing of how it does.

Spans are character offsets into the text of the script.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from wbsignal_lint.contract import PREEMPTION_SIGNALS, signal_number
from wbsignal_lint.diagnostics import Span
from wbsignal_lint.edits.python import PythonEditor
from wbsignal_lint.pins import Pin, pins_for
from wbsignal_lint.script.circumstances import Fork, Window
from wbsignal_lint.script.layout import Layout, shown
from wbsignal_lint.script.project import Module, Program
from wbsignal_lint.script.records import (
    Context,
    Disposition,
    Exit,
    Finish,
    Handler,
    HandlerCall,
    Init,
    LateMark,
    Mark,
    Outcome,
    Registration,
    Replacement,
    SignalUse,
)
from wbsignal_lint.script.uncalled import uncalled_marks

__all__ = [
    "Context",
    "Disposition",
    "Exit",
    "Finish",
    "Handler",
    "HandlerCall",
    "Init",
    "LateMark",
    "Mark",
    "Outcome",
    "Registration",
    "Replacement",
    "Script",
    "ScriptSettings",
    "SignalUse",
    "UnreadableSource",
]


class UnreadableSource(Exception):
    """A source that can't be read: ``message``, and 1-based ``row`` and ``column`` where they are known."""

    def __init__(self, message: str, row: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.row = row
        self.column = column


@dataclass(frozen=True)
class ScriptSettings:
    """What a project can say about its scripts."""

    preemption_signals: tuple[str, ...] = PREEMPTION_SIGNALS
    """Names of the signals that announce a preemption."""
    training_calls: tuple[str, ...] = ()
    """Further calls that train and block, as dotted or bare method names: ``mylib.run_training``, ``run_epochs``."""

    def preemption_numbers(self) -> frozenset[int]:
        """Return the preemption signals as numbers of this platform."""
        numbers = (signal_number(name) for name in self.preemption_signals)
        return frozenset(number for number in numbers if number is not None)


@dataclass(eq=False)
class Script:
    """All facts about one Python script, whose parts may stand in several files."""

    program: Program
    """The script's own file and those of its project that it imports."""
    settings: ScriptSettings
    focus: Module
    """The file that spans and edits belong to: the script's own, but for `seen_from`."""
    origin: Script | None = None
    """The script that this is a view of."""
    registrations: list[Registration] = field(default_factory=list)
    handlers: list[Handler] = field(default_factory=list)
    handler_calls: list[HandlerCall] = field(default_factory=list)
    replacements: list[Replacement] = field(default_factory=list)
    queried: set[int] = field(default_factory=set)
    """Numbers of the signals whose handler is asked for by ``signal.getsignal()``: to be called, or put back."""
    binds_unknown_signals: bool = False
    """Some registration outside handlers binds a signal that is not known."""
    dumped: set[int] = field(default_factory=set)
    """Numbers of the signals on which ``faulthandler`` prints tracebacks."""
    marks: list[Mark] = field(default_factory=list)
    """Those outside handlers."""
    exits: list[Exit] = field(default_factory=list)
    finishes: list[Finish] = field(default_factory=list)
    """Calls that end a run outside handlers."""
    inits: list[Init] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    forks: list[Fork] = field(default_factory=list)
    """Calls that surely fork workers while a run is active."""
    may_fork: bool = False
    """Some call may fork workers."""
    forks_itself: bool = False
    """It calls ``os.fork()``: what then ends at once may be the child."""
    spawns: bool = False
    """Processes are started by another method than forking, or by one that isn't known."""
    late_marks: list[LateMark] = field(default_factory=list)
    handler_functions: frozenset[int] = frozenset()
    """``id()`` of every function node that runs as part of some handler."""
    shared_functions: frozenset[int] = frozenset()
    """Those of them that ordinary code calls as well."""
    executed: frozenset[int] = frozenset()
    """``id()`` of every function node that was followed."""

    @cached_property
    def uncalled_marks(self) -> list[ast.Attribute | ast.Name]:
        """Where ``run.mark_preempting`` is named as a statement, without a call, in the file in focus."""
        return uncalled_marks(self.tree)

    @property
    def tree(self) -> ast.Module:
        """The tree of the file in focus."""
        return self.focus.tree

    @property
    def trees(self) -> tuple[ast.Module, ...]:
        """The trees of all files that belong together."""
        return tuple(module.tree for module in self.program.modules)

    @property
    def path(self) -> Path | None:
        """Where the file in focus is, absolute; ``None`` if that isn't known."""
        return self.focus.path

    @property
    def whole(self) -> Script:
        """The script that is started, whichever of its files is in focus."""
        return self.origin or self

    def seen_from(self, module: Module) -> Script:
        """Return the same facts with another file in focus: spans and fixes are that file's."""
        view = copy.copy(self)
        for name in ("layout", "pins", "uncalled_marks"):
            view.__dict__.pop(name, None)
        view.focus, view.origin = module, self.whole
        return view

    @cached_property
    def layout(self) -> Layout:
        """Where the texts of the files stand; offsets in the file in focus are those of its text."""
        return Layout(self.program.modules, self.focus)

    @property
    def text(self) -> str:
        """What offsets count in: the text of the file in focus, and those of other files behind it."""
        return self.layout.text

    @property
    def parents(self) -> Mapping[int, ast.AST]:
        """The parent of each node, by the node's ``id()``."""
        return self.layout.parents

    @cached_property
    def pins(self) -> Mapping[str, Pin]:
        """What the script's project pins, by the normalised names of the packages."""
        return pins_for(self.path)

    @property
    def editor(self) -> PythonEditor:
        """Builds edits of the file in focus."""
        return self.focus.editor

    def span(self, node: ast.AST) -> Span:
        """Return the span of a node that has a position."""
        return Span(self.offset(node, end=False), self.offset(node, end=True))

    def offset(self, node: ast.AST, *, end: bool) -> int:
        """Return the character offset at which a node starts or ends."""
        return self.layout.offset(node, end=end)

    def is_here(self, node: ast.AST) -> bool:
        """Say whether a node is from the file in focus."""
        return self.focus.owns(node)

    def place(self, node: ast.AST) -> str:
        """Return how people call the place of a node: ``line 12``, ``line 12 of utils/stop.py`` in another file."""
        row = f"line {getattr(node, 'lineno', 1)}"
        module = self.layout.owner(node)
        return row if module is self.focus or module.path is None else f"{row} of {shown(module.path)}"

    def source(self, node: ast.AST) -> str:
        """Return the text of a node."""
        return self.text[slice(*self.span(node))]

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield the nodes around a node, innermost first."""
        parent = self.parents.get(id(node))
        while parent is not None:
            yield parent
            parent = self.parents.get(id(parent))

    def statement(self, node: ast.AST) -> ast.stmt:
        """Return the innermost statement that a node belongs to."""
        if isinstance(node, ast.stmt):
            return node
        return next(parent for parent in self.ancestors(node) if isinstance(parent, ast.stmt))

    def run_of_statements(self, first: ast.stmt, word: str) -> list[ast.stmt]:
        """Return a statement, if it is an expression, and the expressions right behind it that contain a word too."""
        parent = self.parents.get(id(first))
        blocks = [getattr(parent, name, None) for name in ("body", "orelse", "finalbody")]
        block = next((block for block in blocks if isinstance(block, list) and first in block), [first])
        found: list[ast.stmt] = []
        for statement in block[block.index(first) :]:
            if not isinstance(statement, ast.Expr) or (found and word not in self.source(statement)):
                break
            found.append(statement)
        return found

    def function_of(self, node: ast.AST) -> ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | None:
        """Return the innermost function that a node stands in."""
        for parent in self.ancestors(node):
            if isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                return parent
        return None

    def header(self, node: ast.AST) -> Span:
        """Return the span of a ``def``, ``class`` or handler line up to its name, where findings about it stand."""
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            start = self.offset(node, end=False)
            return Span(start, self.text.index(node.name, start + 3) + len(node.name))
        if isinstance(node, ast.Try) and node.finalbody:
            start = self.text.rindex("finally", 0, self.offset(node.finalbody[0], end=False))
            return Span(start, start + len("finally"))
        if isinstance(node, ast.ExceptHandler):
            start = self.offset(node, end=False)
            return Span(start, start + len("except") if node.type is None else self.offset(node.type, end=True))
        return self.span(node)

    def stand_together(self, first: ast.AST, second: ast.AST) -> bool:
        """Say whether two nodes belong to statements of the same block."""
        one, other = self.statement(first), self.statement(second)
        parent = self.parents.get(id(one))
        blocks = (getattr(parent, name, None) for name in ("body", "orelse", "finalbody"))
        return any(isinstance(block, list) and one in block and other in block for block in blocks)

    def cleans_up(self, node: ast.AST) -> bool:
        """Say whether a node stands in a ``finally`` or an ``except``."""
        child = node
        for parent in self.ancestors(node):
            if isinstance(parent, ast.ExceptHandler):
                return True
            if isinstance(parent, ast.Try) and any(child is statement for statement in parent.finalbody):
                return True
            child = parent
        return False

    def run_of_with(self, node: ast.AST | None) -> str | None:
        """Return the name that ``with wandb.init(…) as name`` binds, for the context expression ``wandb.init(…)``."""
        parent = self.parents.get(id(node)) if node is not None else None
        if isinstance(parent, ast.withitem) and isinstance(parent.optional_vars, ast.Name):
            return parent.optional_vars.id
        return None

    def is_bound(self, name: str) -> bool:
        """Say whether a name is used for anything anywhere in the script."""
        return any(
            getattr(node, attribute, None) == name
            for node in ast.walk(self.tree)
            for attribute in ("id", "name", "arg", "asname")
        )

    def is_read_outside(self, name: str, functions: set[int]) -> bool:
        """Say whether a name, of variable or attribute, is read outside some functions (``id()`` of their nodes)."""
        for node in (node for tree in self.trees for node in ast.walk(tree)):
            named = isinstance(node, ast.Name) and node.id == name
            if not named and not (isinstance(node, ast.Attribute) and node.attr == name):
                continue
            if not isinstance(node.ctx, ast.Load):  # type: ignore[attr-defined]
                continue
            if not any(id(parent) in functions for parent in self.ancestors(node)):
                return True
        return False

    @property
    def preemption_handlers(self) -> list[Handler]:
        """The handlers bound to at least one preemption signal."""
        numbers = self.settings.preemption_numbers()
        return [handler for handler in self.handlers if handler.numbers & numbers and self._is_in_training(handler)]

    def _is_in_training(self, handler: Handler) -> bool:
        """Say whether a handler is registered in a process that trains: no thread, and no worker without a run."""
        contexts = {registration.context for registration in handler.registrations}
        worker_trains = any(init.context is Context.WORKER for init in self.inits)
        return bool(contexts & {Context.MAIN, Context.LIBRARY}) or (Context.WORKER in contexts and worker_trains)

    @property
    def has_run(self) -> bool:
        """Whether following the script came across a run: opened, marked or finished."""
        marks = any(handler.marks_made or handler.finishes for handler in self.handlers)
        return bool(self.inits or self.marks or self.finishes or marks)

    @property
    def reset(self) -> frozenset[int]:
        """Numbers of the signals that some code ignores or resets to the default: perhaps that of workers."""
        away = (Disposition.IGNORE, Disposition.DEFAULT)
        return frozenset().union(*(found.numbers for found in self.registrations if found.disposition in away))

    @property
    def runs_are_managed(self) -> bool:
        """Whether every run in this file is opened by a ``with`` statement, which records 1 for every exception."""
        return bool(self.inits) and all(init.managed for init in self.inits)
