"""What is kept of each thing that a training script does: registrations, handlers, exits, marks, runs."""

from __future__ import annotations

import ast
import signal
from dataclasses import dataclass, field
from enum import Enum

from wbsignal_lint.script.state import Completion, State, Training
from wbsignal_lint.script.values import Function, Value
from wbsignal_lint.script.vocabulary import is_rank

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
    "SignalUse",
]


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
    def does_nothing(self) -> bool:
        """Whether it only swallows its signal."""
        node = self.function.node
        if isinstance(node, ast.Lambda):
            return isinstance(node.body, ast.Constant)
        return all(
            isinstance(child, ast.Pass)
            or (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant))
            or (isinstance(child, ast.Return) and (child.value is None or isinstance(child.value, ast.Constant)))
            for child in node.body
        )

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
