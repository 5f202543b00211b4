"""What a training script does, as far as rules ask: the facts that the reader collects and nothing of how it does.

Spans are character offsets into the text of the script.
"""

from __future__ import annotations

import ast
import copy
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from pathlib import Path

from wbsignal_lint.contract import PREEMPTION_SIGNALS, signal_number
from wbsignal_lint.diagnostics import Span
from wbsignal_lint.edits.python import PythonEditor
from wbsignal_lint.pins import Pin, pins_for
from wbsignal_lint.script.circumstances import Fork, Window
from wbsignal_lint.script.layout import Layout, shown
from wbsignal_lint.script.project import Module, Program
from wbsignal_lint.script.state import Completion, State, Training
from wbsignal_lint.script.uncalled import uncalled_marks
from wbsignal_lint.script.values import Function, Value
from wbsignal_lint.script.vocabulary import is_rank

__all__ = [
    "Context",
    "Disposition",
    "Exit",
    "Finish",
    "Handler",
    "Init",
    "LateMark",
    "Mark",
    "Outcome",
    "Registration",
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


class Context(Enum):
    """In which part of the program code runs."""

    MAIN = "the training process"
    LIBRARY = "a function nobody in this file calls"
    THREAD = "a thread"
    WORKER = "a worker process"
    HANDLER = "a signal handler"


class Disposition(Enum):
    """What a registration does to a signal."""

    HANDLER = "handled"
    IGNORE = "ignored"
    DEFAULT = "reset to the default"
    RESTORE = "restored"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class SignalUse:
    """One signal of a registration and the expression that names it."""

    number: int
    name: str
    node: ast.expr
    """``signal.SIGINT`` as an argument, or as an element of the tuple that is looped over."""
    element: bool = False
    """True if ``node`` is an element of a tuple, list or set display."""


@dataclass(eq=False)
class Registration:
    """One call that binds signals to a handler; in a loop over signals the one call binds them all."""

    node: ast.Call
    api: str
    """``signal.signal`` or ``add_signal_handler``."""
    disposition: Disposition
    handler: Handler | None
    context: Context
    trail: tuple[ast.stmt, ...]
    uses: list[SignalUse] = field(default_factory=list)
    late: Training | None = None
    """The training that came before this registration on the same path, with no handler in place yet."""
    result_used: bool = False
    """The previous handler, which the call returns, is kept: somebody means to restore it."""
    guards: tuple[ast.AST, ...] = ()
    """Conditions of unknown outcome that had to hold to come here."""
    refusal_caught: bool = False
    """An ``except`` around it stops the error that Python raises: the signal can't be caught, or the thread is not the
    main one."""
    started_by: list[ast.Call | None] = field(default_factory=list)
    """What surely started the thread that it is reached in, for each way to it; ``None`` for the main thread, and
    where it isn't known."""

    @property
    def off_main_thread(self) -> ast.Call | None:
        """What starts the thread that it is surely made in; ``None`` if it may be made in the main thread."""
        return self.started_by[0] if None not in self.started_by and self.started_by else None

    @property
    def depends_on_thread(self) -> bool:
        """Whether a condition that can't be evaluated seems to ask for the thread or process it is made in."""
        return any(word in name.lower() for name in _names_in(self.guards) for word in ("thread", "main"))

    @property
    def depends_on_rank(self) -> bool:
        """Whether it is made on some ranks only."""
        return any(is_rank(name) for name in _names_in(self.guards))

    @property
    def numbers(self) -> frozenset[int]:
        """The numbers of the signals bound."""
        return frozenset(use.number for use in self.uses)


def _names_in(guards: tuple[ast.AST, ...]) -> list[str]:
    """Return the identifiers in conditions."""
    nodes = [node for guard in guards if isinstance(guard, ast.expr) for node in ast.walk(guard)]
    return [getattr(node, name) for node in nodes for name in ("id", "attr") if isinstance(getattr(node, name, 0), str)]


@dataclass(frozen=True)
class Outcome:
    """One way in which a handler can end, for one signal."""

    signum: int
    completion: Completion
    state: State = field(compare=False)

    @property
    def marked(self) -> bool:
        """Whether ``mark_preempting()`` was called on the way."""
        return self.state.marked


@dataclass(eq=False)
class Handler:
    """A function that is bound to signals."""

    name: str
    function: Function
    value: Value
    registrations: list[Registration] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    exits: list[Exit] = field(default_factory=list)
    finishes: list[Finish] = field(default_factory=list)
    finishes_in_workers: list[Finish] = field(default_factory=list)
    """The calls that end the run as a forked worker reaches them; empty if none is known to be forked."""
    fails_without_run: list[ast.Attribute] = field(default_factory=list)
    """Where it reads ``wandb.run.something`` that isn't there when no run is active; empty if there always is one."""
    marks_made: list[Mark] = field(default_factory=list)
    """The calls of ``mark_preempting()`` that it reaches, each once for every kind of state."""
    reached: set[int] = field(default_factory=set)
    """``id()`` of the function nodes that run as part of this handler."""
    parameter: str | None = None
    """The name of the parameter that takes the signal number, if there is one."""
    followed: bool = False
    """Its outcomes have been worked out (they stay empty for handlers that Python never executes)."""
    unfollowed: bool = False
    """It calls a function of a module that can't be read here, which may do anything to the run."""
    never_runs: bool = False
    """It is an ``async def`` or a generator function: calling it runs none of its code."""

    @property
    def numbers(self) -> frozenset[int]:
        """The numbers of all signals that it handles."""
        return frozenset(number for registration in self.registrations for number in registration.numbers)

    @property
    def signal_names(self) -> frozenset[str]:
        """The names of all signals that it handles."""
        return frozenset(signal.Signals(number).name for number in self.numbers)

    @property
    def marks(self) -> bool:
        """Whether some way through it marks the run as preempting."""
        return any(outcome.marked for outcome in self.outcomes)


@dataclass(eq=False)
class Exit:
    """A place where the process is told to end, as it was reached."""

    node: ast.AST
    completion: Completion
    state: State
    """The state just before the process ends."""
    function: ast.AST | None
    """The function definition that the exit stands in; ``None`` at module level."""
    signum_name: str | None
    """A name in reach that holds the signal number, if the exit is part of a handler."""
    signum: int | None
    trail: tuple[ast.stmt, ...] = ()

    @property
    def row(self) -> str:
        """The row of the outcome table that it decides: the signal's name, or ``fails`` in ordinary code."""
        return _row_of(self.signum)


@dataclass(eq=False)
class Finish:
    """A call that ends the run: ``finish()``, ``join()`` or ``teardown()``."""

    node: ast.Call
    code: Value | None
    """The exit code given; ``None`` if none was."""
    argument: ast.expr | None
    state: State
    function: ast.AST | None
    signum_name: str | None
    signum: int | None
    trail: tuple[ast.stmt, ...] = ()

    @property
    def row(self) -> str:
        """The row of the outcome table that it decides."""
        return _row_of(self.signum)


def _row_of(signum: int | None) -> str:
    return "fails" if signum is None else signal.Signals(signum).name


@dataclass(eq=False)
class HandlerCall:
    """A function that is called where a handler is to be given: ``signal.signal(SIGTERM, handle())``."""

    registration: ast.Call
    node: ast.Call
    """The call of the function."""
    function: Function
    leaves: bool = True
    """The call never returns: the process ends, or a TypeError is raised, before anything is registered."""
    returns_handler: bool = False
    """What it returns may well be a handler."""


@dataclass(frozen=True)
class Replacement:
    """A later call on the same path that takes a signal away from a handler."""

    node: ast.Call
    number: int
    earlier: Registration
    handler: Handler
    """The handler that lost the signal."""
    later: Handler | None
    """The handler that has it now; ``None`` if it is not the script's own."""
    by: str
    """The canonical name of what was called."""
    context: Context
    after_training: bool
    result_used: bool
    """The previous handler, which the call returns, is kept: to be called, or put back."""


@dataclass(eq=False)
class Mark:
    """A call of ``mark_preempting()``."""

    node: ast.Call
    state: State
    context: Context
    trail: tuple[ast.stmt, ...]
    in_loop: bool


@dataclass(eq=False)
class LateMark:
    """A call of ``mark_preempting()`` that comes too late on every path."""

    node: ast.Call
    after: ast.AST
    """What closed the run, or ended the process, before."""
    closed: bool
    """True if the run was closed, False if the process was ended."""
    handler: Handler | None
    """The handler that it is part of."""


@dataclass(eq=False)
class Init:
    """A call of ``wandb.init()``."""

    node: ast.Call
    context: Context
    trail: tuple[ast.stmt, ...]
    guards: tuple[ast.AST, ...] = ()
    """Conditions of unknown outcome that had to hold to come here."""
    managed: bool = False
    """True if it is entered as a context manager, which records 1 for every exception, ``SystemExit`` included."""

    @property
    def depends_on_rank(self) -> bool:
        """Whether it is called on some ranks only."""
        return any(is_rank(name) for name in _names_in(self.guards))


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
