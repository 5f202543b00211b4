"""Command-line frameworks: what becomes of the exit codes of the functions that they run as a program's main."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from wbsignal_lint.script.frameworks.evidence import Known

__all__ = ["APPS", "DECORATORS", "GROUPS", "ORDINARY_ENDS", "RUNNERS", "Result", "Runner", "ordinary_end"]


class Result(Enum):
    """What becomes of what the function returns."""

    RETURNED = "the call returns it"
    DROPPED = "it is dropped, and the call returns None"
    EXITS_ZERO = "it is dropped, and the process ends with sys.exit(0)"
    EXIT_STATUS = "it is the argument of the framework's own sys.exit(), looked up before the function runs"


@dataclass(frozen=True)
class Runner:
    """How one framework runs a function."""

    name: str
    result: Result
    known: Known
    exits: Mapping[str, int | None] = field(default_factory=dict)
    """Exceptions that it turns into ``sys.exit()``, with the status; ``None``: the exception's own code."""
    interrupted: tuple[tuple[Known, int], ...] = ()
    """The status of the ``sys.exit()`` that it turns a KeyboardInterrupt into."""
    failed: int | None = None
    """The status of the ``sys.exit()`` that it turns every other exception into."""
    replaces_hook: Known | None = None
    """It sets a ``sys.excepthook`` when it is called, which passes on to the one that was there on its import."""
    returns_on_request: bool = False
    """``standalone_mode=False`` makes the call return, and raise, what the function does."""


ABSL = Runner("absl", Result.EXIT_STATUS, Known(("absl-py",), measured=("2.5.1",), read=("1.4.0", "2.1.0")))
FIRE = Runner("fire", Result.RETURNED, Known(("fire",), measured=("0.7.1",)))
TYRO = Runner("tyro", Result.RETURNED, Known(("tyro",), measured=("1.0.17",)))
TENSORFLOW = Runner("tensorflow", Result.RETURNED, Known(("tensorflow",)))
HYDRA = Runner(
    "hydra",
    Result.DROPPED,
    Known(("hydra-core",), measured=("1.3.8",), read=("1.0.7", "1.1.2", "1.3.2")),
    failed=1,
)
_CLICK_READ = ("7.1.2", "8.0.4", "8.1.8", "8.2.1")
CLICK = Runner(
    "click",
    Result.EXITS_ZERO,
    Known(("click",), measured=("8.5.1",), read=_CLICK_READ),
    exits={
        "click.exceptions.Exit": None,
        "click.Abort": 1,
        "click.exceptions.Abort": 1,
        "click.ClickException": 1,
        "click.exceptions.ClickException": 1,
        "click.UsageError": 2,
        "click.BadParameter": 2,
    },
    interrupted=((Known(("click",), measured=("8.5.1",), read=_CLICK_READ), 1),),
    returns_on_request=True,
)
TYPER = Runner(
    "typer",
    Result.EXITS_ZERO,
    Known(("typer",), measured=("0.29.2",), read=("0.9.4", "0.12.5", "0.15.4")),
    exits={"typer.Exit": None, "typer.Abort": 1, "typer.BadParameter": 2, "click.exceptions.Exit": None},
    interrupted=(
        (Known(("typer",), measured=("0.29.2",), read=("0.15.4",), since="0.15.4"), 130),
        (Known(("typer",), read=("0.9.4", "0.12.5"), before="0.12.6"), 1),
    ),
    replaces_hook=Known(("typer",), measured=("0.29.2",), read=("0.9.4", "0.12.5", "0.15.4"), since="0.9.4"),
    returns_on_request=True,
)


def ordinary_end(runner: Runner) -> str:
    """Return how a framework's ``sys.exit(0)`` is called that comes when the function has returned."""
    return f"{runner.name}'s own sys.exit"


ORDINARY_ENDS = frozenset(ordinary_end(runner) for runner in (CLICK, TYPER))
"""By these a script comes to its end as any other does by running out of statements."""

RUNNERS: Mapping[str, Runner] = {
    "absl.app.run": ABSL,
    "fire.Fire": FIRE,
    "tensorflow.app.run": TENSORFLOW,
    "tensorflow.compat.v1.app.run": TENSORFLOW,
    "typer.run": TYPER,
    "tyro.cli": TYRO,
}
"""Functions that call the function they are given, in place."""

DECORATORS: Mapping[str, Runner] = {"click.command": CLICK, "click.group": CLICK, "hydra.main": HYDRA}
"""Decorators that make a function a command: calling it runs it as one."""

APPS: Mapping[str, Runner] = {"typer.Typer": TYPER}
"""Objects that functions are added to by a decorator, ``@app.command()``, and that run them when they are called."""

GROUPS = frozenset({"command", "callback", "group"})
"""The decorators of such an object, or of a group of commands, that add a function to it."""
