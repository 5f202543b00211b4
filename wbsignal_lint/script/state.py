"""The state of an abstract execution, and the ways in which a piece of code can be left."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from wbsignal_lint.script.heap import DISPOSITIONS, Heap
from wbsignal_lint.script.values import UNKNOWN, Const, Unknown, Value

__all__ = [
    "Cause",
    "Completion",
    "Decision",
    "Ending",
    "Path",
    "RunState",
    "State",
    "Swallowed",
    "Training",
    "Wait",
    "is_exception",
    "merge",
    "merge_paths",
]


class RunState(Enum):
    """Whether a run is active where the execution stands."""

    NONE = "none"
    ACTIVE = "active"
    FINISHED = "finished"
    MAYBE = "maybe"


class Ending(Enum):
    """How control left a piece of code."""

    NORMAL = "went on"
    RETURN = "returned"
    BREAK = "broke out of the loop"
    CONTINUE = "continued the loop"
    EXIT = "raised SystemExit"
    RAISE = "raised an exception"
    DEAD = "ended the process at once"
    UNKNOWN = "cannot be known"


@dataclass(frozen=True)
class Completion:
    """One way out of a piece of code."""

    ending: Ending
    node: ast.AST | None = None
    """The expression or statement that decided it."""
    value: Value | None = None
    """The value returned, or the exit status asked for."""
    seen: bool = False
    """For ``EXIT``: through the ``sys.exit`` that W&B has replaced, hence with its code on record."""
    how: str = ""
    """The call as the field names it: ``sys.exit``, ``raise SystemExit``, ``exit``, ``os._exit`` …"""
    around_init: bool = False
    """For ``EXIT``: the run was opened while the exit's own argument was evaluated, as in ``sys.exit(main())``."""
    exception: str = ""
    """For ``RAISE`` and ``EXIT``: the canonical name of the exception class, if known."""
    lineage: tuple[str, ...] = ()
    """The names of that class's bases, as far as they are known."""

    @property
    def status(self) -> int | None:
        """The process's exit status, 0 to 255, if the process ends this way and the status is known."""
        if self.ending is Ending.RAISE:
            return 1
        if self.ending not in (Ending.EXIT, Ending.DEAD) or self.value is None or isinstance(self.value, Unknown):
            return None
        if not isinstance(self.value, Const):
            return None
        code = self.value.value
        if code is None:
            return 0
        if isinstance(code, int):
            return int(code) & 0xFF
        return 1


NORMAL = Completion(Ending.NORMAL)

_NO_EXCEPTIONS = frozenset(
    {
        "builtins.BaseException",
        "builtins.KeyboardInterrupt",
        "builtins.GeneratorExit",
        "asyncio.CancelledError",
        "asyncio.exceptions.CancelledError",
    }
)


def is_exception(end: Completion) -> bool:
    """Say whether an exception that left a piece of code is one that ``except Exception`` catches."""
    return end.ending is Ending.RAISE and not {end.exception, *end.lineage} & _NO_EXCEPTIONS


@dataclass(frozen=True)
class Swallowed:
    """An exit or exception of a handler that was stopped on its way out."""

    by: ast.AST
    """The ``except``, the ``suppress()``, or the ``try`` whose ``finally`` block was left."""
    what: Completion
    meant: bool
    """The ``except`` is there for it: it names the very class, or one that is not Python's own."""


@dataclass(frozen=True)
class Training:
    """A place where training happens: a loop that logs or steps an optimizer, or a blocking call that trains."""

    node: ast.AST
    trail: tuple[ast.stmt, ...]
    """The statement being executed in each frame, outermost first."""


class Cause(Enum):
    """What can decide the exit code that W&B records."""

    END = "the script comes to its end"
    EXIT = "an exit that W&B sees"
    PAST_EXIT = "an exit past W&B's sys.exit"
    EXCEPTION = "an exception"
    HOOK_REPLACED = "a replaced exception hook"
    FINISH = "a call of finish()"
    AT_EXIT = "a call of finish() by an atexit function"
    WITH = "the with block of the run"
    AGENT_THREAD = "the thread of wandb.agent()"
    BOOL_STATUS = "an exit status that is a bool"
    DEATH = "the sudden end of the process"


@dataclass(frozen=True)
class Decision:
    """What decided the exit code on record, in words, and where."""

    cause: Cause
    why: str
    node: ast.AST | None
    left: Completion | None = None
    """For ``AGENT_THREAD``: how that thread, or the main one beside it, was left."""


@dataclass(frozen=True)
class Wait:
    """A call that takes its time, and what the signals are bound to meanwhile, by number."""

    node: ast.Call
    bound: Mapping[str, Value] = field(hash=False)


@dataclass
class State:
    """Everything that an abstract execution carries along one path."""

    heap: Heap = field(default_factory=Heap)
    marked: bool = False
    run: RunState = RunState.NONE
    run_site: int = 0
    """Which call of ``wandb.init()`` opened the active run; 0 if it may have been one or another."""
    several_runs: bool = False
    """Runs were opened beside each other (``reinit="create_new"``): finishing one leaves the others open."""
    recorded: Value | None = None
    """The exit code that W&B has on record: given to ``finish()``, or by leaving ``with wandb.init()``."""
    hooked: bool = False
    """W&B has replaced ``sys.exit`` and ``sys.excepthook`` (``wandb.init()`` or ``wandb.setup()`` ran)."""
    trained: Training | None = None
    guards: tuple[ast.AST, ...] = ()
    """Conditions of unknown outcome that had to hold to come here."""
    init_guards: tuple[ast.AST, ...] | None = None
    """The guards under which the active run was opened; ``None`` if none was opened on this path."""
    registered: frozenset[int] = frozenset()
    """Numbers of the signals that have a handler of the script's own."""
    waited: Wait | None = None
    """The first thing that takes its time before a run is opened, while handlers are registered."""
    interrupted: bool = False
    """The event that a scenario asks about has happened on this path."""
    exit_called: Value | None = None
    """The status last given to the ``sys.exit`` that W&B has replaced; kept even if the SystemExit was caught."""
    hook_replaced: ast.AST | None = None
    """Where ``sys.excepthook`` was replaced after W&B had put its own there, without calling it."""
    decided: Decision | None = None
    """What decided the exit code on record, once there is one."""
    swallowed: Swallowed | None = None
    """What stopped the handler's exit or exception, if something did."""
    reader: ast.stmt | None = None
    """The first ``if`` or ``while`` that read a flag which the handler had set."""
    effects: frozenset[str] = frozenset()
    """Names of variables and attributes outside the running function that were set: flags that others may read."""

    def fork(self) -> State:
        """Return an independent copy."""
        return replace(self, heap=self.heap.fork())

    def key(self) -> tuple[object, ...]:
        """Return what keeps two paths apart; paths with equal keys are merged."""
        return (
            self.marked,
            self.run,
            self.recorded,
            self.hooked,
            self.trained is None,
            self.guards,
            self.effects,
            self.interrupted,
            self.exit_called,
            self.hook_replaced,
            self.swallowed,
            self.decided.left if self.decided is not None else None,
            frozenset(self.heap.names(DISPOSITIONS)),
        )


Path = tuple[State, Completion]


def merge(states: list[State], limit: int = 24) -> list[State]:
    """Merge states that rules need not tell apart; beyond ``limit`` merge all, keeping what they agree on."""
    if len(states) <= 1:
        return states
    merged: dict[object, State] = {}
    for state in states:
        key: object = state.key() if len(merged) < limit else (state.marked, state.run, state.interrupted)
        known = merged.get(key)
        merged[key] = state if known is None else _join_states(known, state)
    return list(merged.values())


def _join_states(left: State, right: State) -> State:
    guards = tuple(guard for guard in left.guards if guard in right.guards)
    return State(
        heap=left.heap.join(right.heap),
        marked=left.marked,
        run=left.run if left.run is right.run else RunState.MAYBE,
        several_runs=left.several_runs or right.several_runs,
        run_site=left.run_site if left.run_site == right.run_site else 0,
        recorded=left.recorded if left.recorded == right.recorded else UNKNOWN,
        hooked=left.hooked and right.hooked,
        trained=left.trained or right.trained,
        guards=guards,
        init_guards=left.init_guards if left.init_guards is not None else right.init_guards,
        registered=left.registered & right.registered,
        interrupted=left.interrupted and right.interrupted,
        exit_called=left.exit_called if left.exit_called == right.exit_called else UNKNOWN,
        hook_replaced=left.hook_replaced or right.hook_replaced,
        swallowed=left.swallowed or right.swallowed,
        reader=left.reader or right.reader,
        decided=left.decided,
        effects=left.effects | right.effects,
        waited=left.waited or right.waited,
    )


def merge_paths(paths: list[Path]) -> list[Path]:
    """Merge the states of paths that end the same way."""
    if len(paths) <= 1:
        return paths
    groups: dict[Completion, list[State]] = {}
    for state, end in paths:
        groups.setdefault(end, []).append(state)
    return [(state, end) for end, states in groups.items() for state in merge(states)]
