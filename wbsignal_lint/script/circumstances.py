"""Where a signal finds a handler, but not what the handler needs: in forked workers, and where no run is active."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from wbsignal_lint.script.values import UNKNOWN, Value, function_of

if TYPE_CHECKING:
    from wbsignal_lint.script.facts import Handler

__all__ = ["Fork", "Gap", "Window"]


@dataclass(frozen=True)
class Fork:
    """A call that starts workers as copies of the process, which inherit its handlers and its run."""

    node: ast.Call
    bound: Mapping[str, Value] | None
    """What the signals are bound to in the workers, by number; ``None`` for those that are forked again and again while
    training goes on."""
    own: frozenset[int] = frozenset()
    """Numbers of the signals that the workers handle in a way of their own."""

    def inherits(self, handler: Handler, number: int) -> bool:
        """Say whether a signal that a worker gets runs a handler of the script."""
        if number in self.own or number not in handler.numbers:
            return False
        return self.bound is None or _binds(self.bound, number, handler)


def _binds(bound: Mapping[str, Value], number: int, handler: Handler) -> bool:
    function = function_of(bound.get(str(number), UNKNOWN))
    return function is not None and function.node is handler.function.node


class Gap(Enum):
    """Why no run is active though handlers are registered."""

    BEFORE_INIT = "before wandb.init()"
    AFTER_FINISH = "after finish()"
    OTHER_RANKS = "on ranks that open none"


@dataclass(frozen=True)
class Window:
    """A stretch of the program in which a signal finds a handler, but no run."""

    gap: Gap
    node: ast.Call
    """What takes its time there; for other ranks the ``wandb.init()`` that they pass by."""
    bound: Mapping[str, Value] | None
    """What the signals are bound to, by number; ``None`` for whatever is registered on every rank."""

    def reaches(self, handler: Handler, number: int) -> bool:
        """Say whether a signal that comes here runs a handler."""
        if self.bound is not None:
            return _binds(self.bound, number, handler)
        return any(number in found.numbers and not found.depends_on_rank for found in handler.registrations)
