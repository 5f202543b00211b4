"""WBS106."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Applicability, Diagnostic, Edit, Fix, Severity, Span
from wbsignal_lint.rules.base import ScriptRule
from wbsignal_lint.script.facts import Context, Handler, HandlerCall, Registration, Script
from wbsignal_lint.script.state import Ending
from wbsignal_lint.script.values import BoundMethod, Partial

_LOOP = "add_signal_handler"
_SIGNAL_NUMBER = re.compile(r"_*(s|n|no|num|nr|number|sig\w*|_)", re.IGNORECASE)


class HandlerNeverCalledRight(ScriptRule):
    """A handler that Python can't call, or calls without running it, protects nothing.

    ## What it finds

    A handler that can't take the arguments it is called with: `(signum, frame)` from `signal.signal()`, only those
    given at the registration from an event loop's `add_signal_handler()`. A handler that is an `async def` or contains
    `yield`: the call makes an object that nobody runs. `handler()` instead of `handler`, `None` or a string where a
    handler is to be given.

    ## Why it matters

    Nothing is wrong until the first preemption. Then a handler with the wrong parameters raises TypeError: the run is
    recorded with exit code 1, FAILED; in an event loop the error is only printed. An `async def` or a generator does
    nothing at all: the training goes on until the machine is gone, and if it ends before, the run is FINISHED. An event
    loop refuses an `async def` when it is registered. With `handler()` the handler runs when the script starts.
    Measured with wandb 0.31.0 and Python 3.11.

    ## Example

    Bad:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum):
        wandb.run.mark_preempting()
        sys.exit(128 + signum)

    signal.signal(signal.SIGTERM, handle_preemption)
    run = wandb.init()
    ```

    Good:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, *_):
        wandb.run.mark_preempting()
        sys.exit(128 + signum)

    signal.signal(signal.SIGTERM, handle_preemption)
    run = wandb.init()
    ```

    ## Fix

    Lets the handler take the missing arguments, as `*_` (unsafe if its one parameter is not named like a signal number;
    none if it has a default, which the number would replace); gives an event loop the arguments that the handler wants;
    takes the parentheses off `handler()`. None for `async def`, generators, `None` and strings.

    ## Leaves alone

    `*args`, defaults, bound methods and `functools.partial` that add up; handlers behind a decorator; functions that
    return a handler; an `async def` that a plain function hands to the event loop.

    ## Source

    Python documentation, `signal.signal` and `loop.add_signal_handler`; measured.
    """

    code = "WBS106"
    name = "handler-never-called-right"
    severity = Severity.ERROR
    fixes = (Applicability.SAFE, Applicability.UNSAFE)

    def check(self, script: Script) -> Iterator[Diagnostic]:
        """Yield one diagnostic for each handler that is never run as its author meant."""
        for handler in script.handlers:
            registration = next((found for found in handler.registrations if _counts(found)), None)
            if registration is None or _is_decorated(handler):
                continue
            if handler.never_runs:
                yield self._never_runs(script, handler, registration)
            elif handler.outcomes and all(
                outcome.completion.ending is Ending.RAISE and outcome.completion.node is handler.function.node
                for outcome in handler.outcomes
            ):
                yield self._wrong_arguments(script, handler, registration)
        for registration in script.registrations:
            if registration.handler is None and len(registration.node.args) > 1:
                given = registration.node.args[1]
                if isinstance(given, ast.Constant) and (given.value is None or isinstance(given.value, str)):
                    yield self._no_handler(script, registration, given)
        for found in script.handler_calls:
            if not found.returns_handler:
                yield self._called(script, found)

    def _never_runs(self, script: Script, handler: Handler, registration: Registration) -> Diagnostic:
        node = handler.function.node
        name = registration.uses[0].name
        is_coroutine = isinstance(node, ast.AsyncFunctionDef)
        kind, made = (
            ("an async def", "a coroutine that nobody awaits") if is_coroutine else ("a generator", "an iterator")
        )
        if is_coroutine and registration.api == _LOOP:
            message = (
                f"signal handler {handler.name} is {kind}, which the event loop refuses: TypeError at its registration"
            )
            return self.at(script.header(node), message, scope=script.header(node))
        return self.at(
            script.header(node),
            f"signal handler {handler.name} is {kind}: on {name} Python makes {made} of it and runs none of its code",
            outcome=describe_outcome(name, False, 0),
            scope=script.header(node),
        )

    def _wrong_arguments(self, script: Script, handler: Handler, registration: Registration) -> Diagnostic:
        node = handler.function.node
        by_loop = registration.api == _LOOP
        how = "without arguments" if by_loop and len(registration.node.args) == 2 else "with those given here"
        how = how if by_loop else "with (signum, frame)"
        caller = "the event loop" if by_loop else "Python"
        then = ", which the event loop only prints" if by_loop else ""
        name = registration.uses[0].name
        return self.at(
            script.header(node),
            f"{caller} calls signal handler {handler.name} {how}, which it can't take: TypeError on {name}{then}",
            outcome=describe_outcome(name, False, 0 if by_loop else 1),
            fix=_more_arguments(script, handler, registration) if by_loop else _more_parameters(script, handler),
            scope=script.header(node),
        )

    def _no_handler(self, script: Script, registration: Registration, given: ast.Constant) -> Diagnostic:
        return self.at(
            script.span(registration.node),
            f"{given.value!r} is no handler: Python raises TypeError here; signal.SIG_DFL and signal.SIG_IGN are what "
            "resets and ignores a signal",
            scope=script.span(script.statement(registration.node)),
        )

    def _called(self, script: Script, found: HandlerCall) -> Diagnostic:
        written = script.source(found.node)
        name = script.source(found.node.func)
        then = "" if found.leaves else ", and what it returns is no handler"
        return self.at(
            script.span(found.registration),
            f"{written} calls the handler on the spot instead of registering it{then}: write {name}",
            fix=_without_call(script, found),
            scope=script.span(script.statement(found.registration)),
        )


def _counts(registration: Registration) -> bool:
    return registration.context not in (Context.WORKER, Context.THREAD) and bool(registration.uses)


def _is_decorated(handler: Handler) -> bool:
    """Say whether a decorator stands between the function and whoever calls it."""
    decorators = getattr(handler.function.node, "decorator_list", [])
    return any(not (isinstance(one, ast.Name) and one.id in ("staticmethod", "classmethod")) for one in decorators)


def _positional(handler: Handler) -> tuple[list[ast.arg], int]:
    """Return the positional parameters that the caller of a handler fills, and how many of them have to be."""
    arguments = handler.function.node.args
    names = [*arguments.posonlyargs, *arguments.args]
    required = len(names) - len(arguments.defaults)
    value, bound = handler.value, 0
    while isinstance(value, Partial):
        bound += len(value.arguments)
        value = value.callee
    bound += isinstance(value, BoundMethod)
    return names[bound:], max(0, required - bound)


def _more_parameters(script: Script, handler: Handler) -> Fix | None:
    """Build the fix for a handler that takes too few arguments."""
    node = handler.function.node
    arguments = node.args
    names, _ = _positional(handler)
    every = [*arguments.posonlyargs, *arguments.args]
    value = handler.value.callee if isinstance(handler.value, Partial) else handler.value
    forgot_self = isinstance(value, BoundMethod) and (not every or every[0].arg not in ("self", "cls"))
    others = arguments.posonlyargs or arguments.kwonlyargs or arguments.kwarg or arguments.defaults
    if len(names) > 1 or forgot_self or others:
        return None
    used = {child.id for child in ast.walk(node) if isinstance(child, ast.Name)}
    rest = "*_" if "_" not in used and all(one.arg != "_" for one in every) else "*_rest"
    if every:
        place = script.offset(every[-1], end=True)
        content = f", {rest}"
    elif isinstance(node, ast.Lambda):
        place = script.offset(node, end=False) + len("lambda")
        content = f" {rest}"
    else:
        place = script.text.index("(", script.header(node).end) + 1
        content = rest
    means_signal = all(_SIGNAL_NUMBER.fullmatch(one.arg) for one in names)
    applicability = Applicability.SAFE if means_signal else Applicability.UNSAFE
    return Fix(f"Take the other arguments as {rest}", (Edit(Span(place, place), content),), applicability)


def _more_arguments(script: Script, handler: Handler, registration: Registration) -> Fix | None:
    """Build the fix for a callback of an event loop that wants arguments which it is not given."""
    _, required = _positional(handler)
    given = registration.node.args
    if len(given) != 2 or required not in (1, 2) or len(handler.registrations) > 1:
        return None
    number = script.source(given[0])
    content = f", {number}" if required == 1 else f", {number}, None"
    place = script.offset(given[1], end=True)
    return Fix("Give it its arguments", (Edit(Span(place, place), content),))


def _without_call(script: Script, found: HandlerCall) -> Fix | None:
    if found.node.args or found.node.keywords:
        return None
    edit = Edit(script.span(found.node), script.source(found.node.func))
    return Fix("Take the parentheses off", (edit,))
