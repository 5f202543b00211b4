"""Which signals a script binds to what: registrations, handlers, and what takes a signal away from a handler."""

from __future__ import annotations

import ast
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from wbsignal_lint.script.facts import (
    Context,
    Disposition,
    Handler,
    Registration,
    Replacement,
    Script,
    SignalUse,
)
from wbsignal_lint.script.heap import DISPOSITIONS
from wbsignal_lint.script.importing import Importer
from wbsignal_lint.script.state import Completion, Ending, State
from wbsignal_lint.script.values import (
    BoundMethod,
    Const,
    External,
    Instance,
    Result,
    SignalNumber,
    Value,
    function_of,
)
from wbsignal_lint.script.vocabulary import DEFAULT_HANDLERS

__all__ = ["PREVIOUS", "Registrar"]

PREVIOUS = frozenset({"signal.getsignal", "signal.signal"})
"""What says what a signal was bound to before."""
_UNCATCHABLE = frozenset({int(signal.SIGKILL), int(signal.SIGSTOP)})


class Registrar(Importer):
    """Collects the registrations of a script and its handlers."""

    signal_number: int | None = None
    """The signal that the handler being run was called for."""

    def __init__(self, script: Script) -> None:
        super().__init__(script.program)
        self.script = script
        self.context = Context.MAIN
        self.handler: Handler | None = None
        self.started_by: ast.Call | None = None
        """What started the thread that is being followed, if it is known to be one."""
        self._registrations: dict[int, Registration] = {}
        self._handlers: dict[tuple[int, int], Handler] = {}
        self._written: list[tuple[set[str], ast.expr]] = []

    @property
    def in_handler(self) -> bool:
        """Whether a signal handler is being run."""
        return self.handler is not None

    @property
    def off_main_thread(self) -> bool:
        """Whether the code being followed surely runs in another thread than the main one."""
        return self.started_by is not None and not self.in_handler

    @contextmanager
    def writing(self, target: ast.expr, value: Value, written: ast.expr | None) -> Iterator[None]:
        """Remember which element of a display the loop is at."""
        if written is None:
            yield
            return
        names = {node.id for node in ast.walk(target) if isinstance(node, ast.Name)}
        self._written.append((names, written))
        try:
            yield
        finally:
            self._written.pop()

    # -- registrations --------------------------------------------------------------------------------------------

    def register(self, node: ast.Call, api: str, target: Value, bound: Value, state: State, argument: ast.expr) -> None:
        """Take note of a call that binds a signal."""
        number = self._number(target)
        if number is None:
            self.script.binds_unknown_signals |= self.handler is None
            return
        if isinstance(bound, Instance):
            bound = self.attribute(bound, "__call__", state)
        disposition = self._disposition(bound)
        self._note_replacement(node, number, bound, disposition, api, state)
        state.heap.set(DISPOSITIONS, str(number), bound)
        if self.in_handler:
            return
        found = self._registrations.get(id(node))
        if found is None:
            found = Registration(node, api, disposition, None, self.context, self.trail)
            found.result_used = not self._is_statement(node)
            found.guards = state.guards
            self._registrations[id(node)] = found
            self.script.registrations.append(found)
        if disposition is Disposition.HANDLER:
            found.handler = self._handler_for(bound)
            if found not in found.handler.registrations:
                found.handler.registrations.append(found)
            self._note_return(found.handler, number)
        if self.started_by not in found.started_by:
            found.started_by.append(self.started_by)
        use = self._use(number, argument)
        if use not in found.uses:
            found.uses.append(use)
        if found.late is None and state.trained is not None and number not in state.registered:
            found.late = state.trained
            found.trail = self.trail
        if disposition in (Disposition.HANDLER, Disposition.UNKNOWN, Disposition.IGNORE):
            state.registered |= {number}
        else:
            state.registered -= {number}

    def refuses(self, node: ast.Call, target: Value, state: State, exception: str) -> bool:
        """Raise what registering SIGKILL or SIGSTOP, or doing it off the main thread, raises.

        Rules look at what follows all the same.
        """
        if self.off_main_thread:
            exception = "builtins.ValueError"
        elif self._number(target) not in _UNCATCHABLE:
            return False
        self.escapes.append((state.fork(), Completion(Ending.RAISE, node, how="call", exception=exception)))
        return not self.speculates

    def note_swallowed(self, node: ast.AST, end: Completion, state: State, *, meant: bool = False) -> None:
        """Take note of an ``except`` that allows for a registration to fail."""
        registration = self._registrations.get(id(end.node))
        if registration is not None:
            registration.refusal_caught = True

    def note_raised_again(self, node: ast.ExceptHandler, end: Completion, state: State) -> None:
        """Take note of an ``except`` that does not."""
        registration = self._registrations.get(id(end.node))
        if registration is not None:
            registration.refusal_caught = False

    def _note_replacement(
        self, node: ast.Call, number: int, bound: Value | None, disposition: Disposition, by: str, state: State
    ) -> None:
        """Take note of a signal that is taken away from a handler which was registered before on the same path."""
        previous = state.heap.get(DISPOSITIONS, str(number))
        owner = function_of(previous) if previous is not None else None
        if owner is None or previous is None or number not in state.registered or self.in_handler:
            return
        if disposition not in (Disposition.HANDLER, Disposition.UNKNOWN):
            return
        now = function_of(bound) if bound is not None else None
        handler = self._handler_for(previous)
        earlier = next((found for found in handler.registrations if number in found.numbers), None)
        if earlier is None or earlier.node is node or (now is not None and now.node is owner.node):
            return
        if any(guard not in earlier.guards for guard in state.guards):
            return
        if not any(found.node is node and found.number == number for found in self.script.replacements):
            later = self._handler_for(bound) if now is not None and bound is not None else None
            kept = by == "signal.signal" and not self._is_statement(node)
            replacement = Replacement(
                node, number, earlier, handler, later, by, self.context, state.trained is not None, kept
            )
            self.script.replacements.append(replacement)

    def _note_return(self, handler: Handler, number: int) -> None:
        """Forget that a handler lost a signal, now that it has it back."""
        lost = [found for found in self.script.replacements if found.handler is handler and found.number == number]
        for found in lost:
            self.script.replacements.remove(found)

    def _is_statement(self, node: ast.Call) -> bool:
        """Say whether a call stands by itself, so that nobody sees what it returns."""
        statement = self.frame.statement
        return isinstance(statement, ast.Expr) and statement.value is node

    @staticmethod
    def _number(target: Value) -> int | None:
        if isinstance(target, Const) and isinstance(target.value, int) and not isinstance(target.value, bool):
            number = int(target.value)
            return number if number in {int(known) for known in signal.Signals} else None
        return None

    @staticmethod
    def _disposition(bound: Value) -> Disposition:
        if function_of(bound) is not None:
            return Disposition.HANDLER
        if isinstance(bound, External):
            if bound.path == "signal.SIG_IGN":
                return Disposition.IGNORE
            if bound.path in DEFAULT_HANDLERS:
                return Disposition.DEFAULT
        if isinstance(bound, Result) and bound.path in PREVIOUS:
            return Disposition.RESTORE
        return Disposition.UNKNOWN

    def _handler_for(self, bound: Value) -> Handler:
        function = function_of(bound)
        assert function is not None
        receiver = (
            bound.receiver.ident if isinstance(bound, BoundMethod) and isinstance(bound.receiver, Instance) else 0
        )
        key = (id(function.node), receiver)
        known = self._handlers.get(key)
        if known is None:
            known = Handler(function.name, function, bound)
            self._handlers[key] = known
            self.script.handlers.append(known)
        return known

    def _use(self, number: int, argument: ast.expr) -> SignalUse:
        name = signal.Signals(number).name
        read = {node.id for node in ast.walk(argument) if isinstance(node, ast.Name)}
        for bound, written in reversed(self._written):
            if bound & read:
                return SignalUse(number, name, written, element=True)
        return SignalUse(number, name, argument)

    def previous(self, target: Value | None, node: ast.Call, path: str, state: State) -> Value:
        """Return what ``signal.getsignal()`` and ``signal.signal()`` say was bound before: something to restore."""
        number = self._number(target) if target is not None else None
        if path == "signal.getsignal" and number is not None:
            self.script.queried.add(number)
        return Result(path, id(node))

    # -- signal numbers -------------------------------------------------------------------------------------------

    def _signum(self, state: State) -> int | None:
        return self._signal_in_reach(state)[1]

    def _signal_in_reach(self, state: State) -> tuple[str | None, int | None]:
        """Return a name that holds the handler's signal number where the execution stands, and the number."""
        if self.handler is None:
            return None, None
        for frame in reversed(self.frame.frames):
            for name, value in state.heap.names(frame):
                if isinstance(value, SignalNumber) and isinstance(value.value, int):
                    return name, int(value.value)
        return None, self.signal_number
