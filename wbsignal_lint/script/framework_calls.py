"""What calls of frameworks do to a script: run its main function, take its signals, run its functions elsewhere."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from wbsignal_lint.script.calling import CallArguments
from wbsignal_lint.script.evaluator import Evaluated
from wbsignal_lint.script.facts import Context, Disposition
from wbsignal_lint.script.frameworks.commands import APPS, DECORATORS, GROUPS, RUNNERS, Result, Runner, ordinary_end
from wbsignal_lint.script.frameworks.takeovers import ELSEWHERE, ELSEWHERE_METHODS, SETTINGS, Takeover, takeover_of
from wbsignal_lint.script.heap import DISPOSITIONS
from wbsignal_lint.script.scopes import last_identifier
from wbsignal_lint.script.starting import Start
from wbsignal_lint.script.state import Completion, Ending, State, is_exception
from wbsignal_lint.script.values import (
    NONE,
    UNKNOWN,
    Command,
    Const,
    External,
    Function,
    Instance,
    Items,
    Partial,
    Value,
    function_of,
)
from wbsignal_lint.script.values import Result as Returned

if TYPE_CHECKING:
    from wbsignal_lint.script.collector import Collector

__all__ = ["as_command", "call_of_framework", "group_member"]

_MEMBER = "framework.member"
"""Stands for ``app.command``: a decorator that adds a function to an app or a group of commands."""
_CONTEXTS = frozenset({"ctx", "context", "click_context"})
_EXIT = "click.exceptions.Exit"
_ABORT = "click.exceptions.Abort"


# -- commands -----------------------------------------------------------------------------------------------------


def group_member(base: Value, name: str) -> Value | None:
    """Return ``app.command`` of an app or a group; ``None`` if that isn't what is asked for."""
    is_app = isinstance(base, Returned) and base.path in APPS
    return Partial(External(_MEMBER), (base,), ()) if name in GROUPS and (is_app or isinstance(base, Command)) else None


def as_command(collector: Collector, decorator: Value, function: Value) -> Value | None:
    """Return what a framework's decorator makes of a function; ``None`` if it is none of a framework's.

    A function that is added to an app stays what it is; that of a click group becomes a command as well.
    """
    wrapped = function_of(function)
    if wrapped is None:
        return None
    path = decorator.path if isinstance(decorator, (External, Returned)) else ""
    if path in DECORATORS:
        return Command(path, wrapped)
    if isinstance(decorator, Partial) and decorator.callee == External(_MEMBER) and decorator.arguments:
        owner = decorator.arguments[0]
        key = _key(owner)
        members = collector.commands.setdefault(key, [])
        if not any(known.node is wrapped.node for known in members):
            members.append(wrapped)
        return Command("click.command", wrapped) if isinstance(owner, Command) else function
    return None


def _key(owner: Value) -> int:
    return id(owner.function.node) if isinstance(owner, Command) else owner.site if isinstance(owner, Returned) else 0


def call_of_framework(
    collector: Collector, callee: Value, node: ast.Call, arguments: CallArguments, state: State
) -> Evaluated | None:
    """Say what a call of a framework does; ``None`` if it is none, or there is more to it than is done here."""
    path = callee.path if isinstance(callee, External) else ""
    if path == _MEMBER:
        # `@app.command()`: the decorator itself.
        return [(state, Partial(callee, arguments.positional[:1], ()))]
    if path in RUNNERS and arguments.positional:
        return _run(collector, RUNNERS[path], arguments.positional[:1], node, CallArguments(starred=True), state)
    if isinstance(callee, Command):
        members = collector.commands.get(_key(callee), [])
        functions = [callee.function, *members] if members else [callee.function]
        return _run(collector, DECORATORS[callee.path], functions, node, arguments, state, group=bool(members))
    if isinstance(callee, Returned) and callee.path in APPS and collector.commands.get(callee.site):
        return _run(collector, APPS[callee.path], collector.commands[callee.site], node, arguments, state)
    if collector.in_command and _leaves_context(node):
        code = arguments.get(0, "code") or Const(0)
        end = Completion(Ending.RAISE, node, code, how="raise", exception=_EXIT, lineage=(_EXIT, "builtins.Exception"))
        collector.escapes.append((state, end))
        return []
    if path:
        _take_over(collector, path, node, arguments, state)
    elif isinstance(node.func, ast.Attribute) and _runs_elsewhere(collector, node.func, state):
        for value in arguments:
            if isinstance(value, Function):
                collector.start(Start(value, Context.LIBRARY, node, surely=False), state)
        return [(state, UNKNOWN)]
    return None


def _leaves_context(node: ast.Call) -> bool:
    """Recognise ``ctx.exit(code)`` and ``click.get_current_context().exit(code)``."""
    if not isinstance(node.func, ast.Attribute) or node.func.attr != "exit":
        return False
    base = node.func.value
    called = isinstance(base, ast.Call) and last_identifier(base.func) == "get_current_context"
    return called or last_identifier(base) in _CONTEXTS


def _run(
    collector: Collector,
    runner: Runner,
    functions: Sequence[Value],
    node: ast.Call,
    arguments: CallArguments,
    state: State,
    *,
    group: bool = False,
) -> Evaluated:
    """Run functions as a framework does: one of them, or in a group the first and then one of the others."""
    hooked = state.hooked
    standalone = not (runner.returns_on_request and arguments.get(99, "standalone_mode") == Const(False))
    if runner.replaces_hook is not None and hooked and runner.replaces_hook.holds(collector.script.pins):
        # It passes exceptions on to the hook that was there on its import, which was not yet W&B's.
        state.hook_replaced = state.hook_replaced or node
    outer, collector.escapes = collector.escapes, []
    collector.in_command += 1
    try:
        starts: Evaluated = [(state, NONE)]
        if group:
            starts = collector.call_value(functions[0], node, CallArguments(starred=True), state)
            functions = functions[1:]
        results = [
            found
            for before, _ in starts
            for function in functions
            for found in collector.call_value(function, node, CallArguments(starred=True), before.fork())
        ]
        left = collector.escapes
    finally:
        collector.in_command -= 1
        collector.escapes = outer
    for after, end in left:
        _leave(collector, runner, after, end, results, standalone=standalone)
    return _come_back(collector, runner, node, results, hooked=hooked, standalone=standalone)


def _leave(
    collector: Collector, runner: Runner, state: State, end: Completion, results: Evaluated, *, standalone: bool
) -> None:
    """Say what becomes of an exception or exit that leaves the function."""
    status = _status(collector, runner, state, end)
    if status is None or end.node is None:
        collector.escapes.append((state, end))
    elif standalone:
        collector.leave(end.node, status, state, f"{runner.name}'s sys.exit", seen=state.hooked)
    elif runner.exits.get(end.exception, 1) is None:
        results.append((state, status))
    elif end.exception == "builtins.KeyboardInterrupt":
        collector.escapes.append((state, replace(end, exception=_ABORT, lineage=(_ABORT, "builtins.Exception"))))
    else:
        collector.escapes.append((state, end))


def _status(collector: Collector, runner: Runner, state: State, end: Completion) -> Value | None:
    """Return the exit status that a framework makes of an exception; ``None`` if it lets it pass."""
    if end.ending is not Ending.RAISE:
        return None
    for name in (end.exception, *end.lineage):
        if name in runner.exits:
            code = runner.exits[name]
            return Const(code) if code is not None else _code_of(end.value, state)
    if end.exception == "builtins.KeyboardInterrupt":
        known = [(known.holds(collector.script.pins), status) for known, status in runner.interrupted]
        if not known:
            return None
        return next((Const(status) for holds, status in known if holds), UNKNOWN)
    return Const(runner.failed) if runner.failed is not None and is_exception(end) else None


def _code_of(value: Value | None, state: State) -> Value:
    """Return the exit code that an exception like ``typer.Exit(143)`` was made with."""
    if isinstance(value, Instance):
        given = state.heap.get(value.ident, "args")
        return given.values[0] if isinstance(given, Items) and given.values else Const(0)
    return value if isinstance(value, Const) else Const(0) if isinstance(value, External) else UNKNOWN


def _come_back(
    collector: Collector, runner: Runner, node: ast.Call, results: Evaluated, *, hooked: bool, standalone: bool
) -> Evaluated:
    """Say what becomes of what the function returns."""
    if runner.result is Result.RETURNED or not standalone:
        return results
    if runner.result is Result.DROPPED:
        return [(after, NONE) for after, _ in results]
    for after, value in results:
        if runner.result is Result.EXIT_STATUS:
            around = after.hooked and not hooked
            collector.leave(node, value, after, "app.run", seen=hooked, around_init=around)
        else:
            collector.leave(node, Const(0), after, ordinary_end(runner), seen=after.hooked)
    return []


# -- signals and processes ----------------------------------------------------------------------------------------


def _take_over(collector: Collector, path: str, node: ast.Call, arguments: CallArguments, state: State) -> None:
    """Let a framework take a signal away, or remember the settings with which it will."""
    takeover = takeover_of(path)
    if takeover is None:
        if any(name in SETTINGS and value == Const(True) for name, value in arguments.keywords):
            collector.settings.add(id(node))
        return
    if takeover.setting is not None:
        given = [value for value in arguments if isinstance(value, Returned) and value.site in collector.settings]
        if not given or takeover.known.holds(collector.script.pins) is False:
            return
    elif not takeover.known.holds(collector.script.pins):
        return
    collector._note_replacement(node, takeover.number, None, Disposition.UNKNOWN, takeover.by, state)
    state.heap.set(DISPOSITIONS, str(takeover.number), _handler_of(takeover))


def _handler_of(takeover: Takeover) -> Value:
    if takeover.status is None:
        return External("signal.SIG_IGN")
    return Partial(External("sys.exit"), (Const(takeover.status),), ())


def _runs_elsewhere(collector: Collector, callee: ast.Attribute, state: State) -> bool:
    """Say whether a method runs functions in a job of their own: ``submitit.AutoExecutor(…).submit(train, …)``."""
    if callee.attr not in ELSEWHERE_METHODS or not isinstance(callee.value, (ast.Name, ast.Attribute)):
        return False
    owner = collector.evaluate(callee.value, state.fork())[0][1]
    return isinstance(owner, Returned) and owner.path in ELSEWHERE
