"""The abstract values that the interpreter computes with: what it knows of a Python object without running anything."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

__all__ = [
    "NONE",
    "NO_RUN",
    "UNKNOWN",
    "BoundMethod",
    "Class",
    "Command",
    "Const",
    "Coroutine",
    "External",
    "Function",
    "Generator",
    "Instance",
    "Items",
    "Namespace",
    "Partial",
    "Result",
    "Run",
    "SignalNumber",
    "Unknown",
    "Value",
    "function_of",
    "join",
]


@dataclass(frozen=True)
class Value:
    """Anything the interpreter may know of an object."""


@dataclass(frozen=True)
class Unknown(Value):
    """Nothing is known; no rule may conclude anything from it."""


@dataclass(frozen=True)
class Const(Value):
    """A number, string, boolean or ``None``."""

    value: object
    kind: str = field(init=False)

    def __post_init__(self) -> None:
        """Note the type, so that ``True`` and ``1`` stay two values."""
        object.__setattr__(self, "kind", type(self.value).__name__)


@dataclass(frozen=True)
class SignalNumber(Const):
    """The signal number that a handler was called with, wherever it was handed on to."""


@dataclass(frozen=True)
class External(Value):
    """An object of another module, by its canonical dotted name, such as ``sys.exit``."""

    path: str
    early: bool = False
    """Looked up before ``wandb.init()`` ran, hence not the replacement that W&B installs (matters for ``sys.exit``)."""


@dataclass(frozen=True)
class Result(Value):
    """What a call of an external object returned, such as ``threading.Event()``; ``site`` tells call sites apart."""

    path: str
    site: int
    early: bool = False


@dataclass(frozen=True)
class Run(Value):
    """A W&B run: what ``wandb.init()`` returned, or ``wandb.run`` while one is active."""

    site: int = 0
    """Which call of ``wandb.init()`` opened it; 0 if it may have been one or another."""


@dataclass(frozen=True, eq=False)
class Function(Value):
    """A function or lambda defined in this file, with the frames it closes over."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    frames: tuple[int, ...]
    owner: Class | None = None

    @property
    def name(self) -> str:
        """The function's name, ``<lambda>`` for a lambda."""
        return "<lambda>" if isinstance(self.node, ast.Lambda) else self.node.name


@dataclass(frozen=True, eq=False)
class Class(Value):
    """A class defined in this file."""

    node: ast.ClassDef
    frames: tuple[int, ...]
    bases: tuple[Value, ...] = ()


@dataclass(frozen=True, eq=False)
class Command(Value):
    """A function that a framework's decorator has made a command: calling it runs it as a program does."""

    path: str
    """The decorator."""
    function: Function


@dataclass(frozen=True)
class Instance(Value):
    """An object of a class defined in this file; its attributes live on the heap under ``ident``."""

    cls: Class
    ident: int


@dataclass(frozen=True)
class BoundMethod(Value):
    """``instance.method``."""

    function: Function
    receiver: Value


@dataclass(frozen=True)
class Namespace(Value):
    """A module or package of the project; its names live on the heap under ``frame``."""

    name: str
    """As it was imported, dots of relative imports included."""
    frame: int


@dataclass(frozen=True)
class Partial(Value):
    """``functools.partial(callee, *arguments, **keywords)``."""

    callee: Value
    arguments: tuple[Value, ...]
    keywords: tuple[tuple[str, Value], ...]


@dataclass(frozen=True, eq=False)
class Coroutine(Value):
    """A call of an ``async def`` function that nobody has awaited yet."""

    function: Function
    arguments: object


@dataclass(frozen=True, eq=False)
class Generator(Value):
    """A call of a ``contextlib.contextmanager`` function: its body runs around the ``with`` block."""

    function: Function
    arguments: object


@dataclass(frozen=True)
class Items(Value):
    """A tuple, list, set or dict display with known elements: ``nodes`` is where they stand, ``keys`` a dict's."""

    values: tuple[Value, ...]
    nodes: tuple[ast.expr, ...] = field(default=(), compare=False)
    keys: tuple[Value, ...] | None = None
    key_nodes: tuple[ast.expr, ...] = field(default=(), compare=False)


UNKNOWN = Unknown()
NONE = Const(None)
NO_RUN = Const(None)
"""What ``wandb.run`` is while no run is active: ``None`` as any other, but known to be this one."""


def join(left: Value | None, right: Value | None) -> Value:
    """Return what is known of a variable after two paths meet.

    ``None`` on one side and an object on the other count as the object: scripts set ``run = None`` first and rules
    ask what happens when there is a run.
    """
    if left == right and left is not None:
        return left
    if isinstance(left, Run) and isinstance(right, Run):
        return Run()
    for one, other in ((left, right), (right, left)):
        if (one is None or one == NONE) and isinstance(
            other, (External, Run, Function, Instance, Class, BoundMethod, Namespace)
        ):
            return other
    return UNKNOWN


def function_of(bound: Value) -> Function | None:
    """Return the function of this file that a callable value comes down to, if it is one."""
    if isinstance(bound, Function):
        return bound
    if isinstance(bound, BoundMethod):
        return bound.function
    if isinstance(bound, Partial):
        return function_of(bound.callee)
    return None
