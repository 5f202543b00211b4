"""Reads a Python script into its facts."""

from __future__ import annotations

import ast
import functools
import pathlib

from wbsignal_lint.script.calling import CallArguments
from wbsignal_lint.script.circumstances import Gap
from wbsignal_lint.script.collector import Collector
from wbsignal_lint.script.facts import Context, Handler, Outcome, Script, ScriptSettings, UnreadableSource
from wbsignal_lint.script.heap import MODULE, Heap, module_heap
from wbsignal_lint.script.interpreter import Budget
from wbsignal_lint.script.project import Module, Program, ReadModule
from wbsignal_lint.script.scopes import last_identifier, own_nodes
from wbsignal_lint.script.state import NORMAL, Path, RunState, State, merge
from wbsignal_lint.script.values import (
    UNKNOWN,
    BoundMethod,
    Class,
    Command,
    Function,
    Partial,
    SignalNumber,
    Value,
    function_of,
)

__all__ = ["parse", "read_program", "read_script"]

_STEPS = 8_000
"""How many statements are followed from one entry; real scripts need a tenth of that."""


def parse(text: str) -> ast.Module:
    """Parse a module.

    Raises:
        UnreadableSource: with the place of the syntax error.
    """
    try:
        return ast.parse(text)
    except SyntaxError as error:
        raise UnreadableSource(f"syntax error: {error.msg}", error.lineno, error.offset) from error
    except (ValueError, MemoryError, RecursionError) as error:
        raise UnreadableSource(f"cannot be parsed: {error or type(error).__name__}") from error


def read_script(
    text: str,
    settings: ScriptSettings | None = None,
    tree: ast.Module | None = None,
    path: pathlib.Path | None = None,
    read: ReadModule | None = None,
) -> Script:
    """Read the facts of a script.

    Args:
        text: the decoded source, without byte order mark.
        settings: which signals announce a preemption, which calls train.
        tree: the syntax tree of ``text``, if the caller has it already.
        path: where the script is, absolute; ``None`` if that isn't known.
        read: gives the files of its project that it imports; ``None`` if they are not to be followed.

    Raises:
        UnreadableSource: if the text is no valid Python.
    """
    settings = settings or ScriptSettings()
    entry = Module(path, text, parse(text) if tree is None else tree)
    return read_program(Program(entry, read, settings.training_calls), settings)


def read_program(program: Program, settings: ScriptSettings) -> Script:
    """Read the facts of a script whose files are known."""
    script, exhausted = _read(Script(program, settings, program.entry))
    if exhausted and len(program.modules) > 1:
        # Too much to follow together; what can be said of the script by itself still can.
        script, _ = _read(Script(Program(program.entry), settings, program.entry))
    return script


def _read(script: Script) -> tuple[Script, bool]:
    """Collect the facts of a script; the second part says whether it was too large to be followed to the end."""
    tree = script.tree
    collector = Collector(script)
    heap = _follow(collector, lambda state: collector.run_block(tree.body, state), State(heap=module_heap()))
    heap = _follow_threads(collector, heap)
    # The file may be a library: what nobody calls is an entry. What only handlers call is none.
    called = {last_identifier(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    heap = _follow_uncalled(collector, tree, heap, called | _names_of_handlers(tree))
    _follow_handlers(collector, heap)
    heap = _follow_uncalled(collector, tree, heap, set())
    _follow_handlers(collector, heap)
    reached = frozenset().union(*(handler.reached for handler in script.handlers))
    script.handler_functions = reached
    script.shared_functions = reached & frozenset(collector.executed)
    script.executed = reached | frozenset(collector.executed)
    script.late_marks = collector.late_marks()
    return script, collector.exhausted


def _follow(collector: Collector, run: object, state: State) -> Heap:
    """Follow one entry into the program and return what is known of every variable afterwards."""
    assert callable(run)
    collector.escapes = []
    start = state.heap.fork()
    collector.steps = _STEPS
    try:
        paths: list[Path] = [*run(state), *collector.escapes]
    except Budget:
        collector.exhausted = True
        return start
    finally:
        collector.escapes = []
    ends = [after.heap for after in merge([after for after, _ in paths])]
    return functools.reduce(Heap.join, ends) if ends else start


def _follow_threads(collector: Collector, heap: Heap) -> Heap:
    """Follow the functions that were handed to threads and workers."""
    done: set[int] = set()
    while collector.started:
        start = collector.started.pop(0)
        function = function_of(start.value)
        if function is None or id(function.node) in done:
            continue
        done.add(id(function.node))
        if start.surely and start.context is Context.THREAD:
            collector.started_by = start.by
        heap = _follow_call(collector, start.value, start.context, heap)
        collector.started_by = None
    return heap


def _follow_call(collector: Collector, value: Value, context: Context, heap: Heap) -> Heap:
    collector.context = context
    try:
        state = State(heap=heap.fork(), run=RunState.MAYBE)

        def run(before: State) -> list[Path]:
            found = collector.call_value(value, None, CallArguments(starred=True), before)
            return [(end, NORMAL) for after, result in found for end, _ in collector.wait_for(result, after)]

        return _follow(collector, run, state)
    finally:
        collector.context = Context.MAIN


def _follow_uncalled(collector: Collector, tree: ast.Module, heap: Heap, skipped: set[str]) -> Heap:
    """Follow the functions that were not reached yet, but for those with a name in ``skipped``."""
    handled = {id(handler.function.node) for handler in collector.script.handlers}
    for handler in collector.script.handlers:
        handled |= handler.reached
    for name, function in _functions(tree, heap):
        if id(function.node) in collector.executed or id(function.node) in handled:
            continue
        if name in skipped or name == "__init__" or id(function.node) not in collector.relevant:
            continue
        if function.owner is not None:
            heap = _follow_method(collector, function, heap)
        else:
            heap = _follow_call(collector, function, Context.LIBRARY, heap)
        heap = _follow_threads(collector, heap)
    return heap


def _follow_handlers(collector: Collector, heap: Heap) -> None:
    """Run the handlers that have not been run yet."""
    inits = collector.script.inits
    if inits and all(init.depends_on_rank for init in inits):
        collector.note_window(Gap.OTHER_RANKS, inits[0].node, None)
    if collector.script.spawns:
        collector.script.forks.clear()
    for handler in collector.script.handlers:
        if not handler.followed:
            handler.followed = True
            handler.parameter = _signal_parameter(handler)
            _follow_handler(collector, handler, heap.overlaid(collector.live_heap))


def _follow_method(collector: Collector, method: Function, heap: Heap) -> Heap:
    owner = method.owner
    assert owner is not None
    if id(owner.node) not in collector.instances:
        heap = _follow_call(collector, owner, Context.LIBRARY, heap)
    instance = collector.instances.get(id(owner.node))
    receiver: Value = instance if instance is not None else UNKNOWN
    return _follow_call(collector, Partial(method, (receiver,), ()), Context.LIBRARY, heap)


def _functions(tree: ast.Module, heap: Heap) -> list[tuple[str, Function]]:
    """Return the functions of the module and the methods of its classes, in the order they are written."""
    found: list[tuple[str, Function]] = []
    for name, bound in heap.names(MODULE):
        value = bound.function if isinstance(bound, Command) else bound
        if not isinstance(value, (Function, Class)) or value.frames[0] != MODULE:
            continue  # what is imported was not written to be an entry of this script
        if isinstance(value, Function):
            found.append((name, value))
        else:
            found += [
                (member, method) for member, method in heap.names(value.frames[-1]) if isinstance(method, Function)
            ]
    return sorted(found, key=lambda item: item[1].node.lineno)


def _names_of_handlers(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and last_identifier(node.func) in ("signal", "add_signal_handler"):
            for argument in node.args[1:2]:
                names |= {last_identifier(child) for child in ast.walk(argument)}
    return names - {""}


def _follow_handler(collector: Collector, handler: Handler, heap: Heap) -> None:
    """Run a handler for each of its signals, as if the signal came while training goes on."""
    if isinstance(handler.function.node, ast.AsyncFunctionDef) or _yields(handler.function.node):
        handler.never_runs = True
        return
    collector.handler = handler
    executed, collector.executed = collector.executed, set()
    try:
        _run_handler(collector, handler, heap)
        if collector.script.forks and handler.finishes:
            _run_in_worker(collector, handler, heap)
        if collector.script.windows:
            _run_without_run(collector, handler, heap)
    finally:
        handler.reached = set(collector.executed)
        collector.executed = executed
        collector.handler = None


def _run_without_run(collector: Collector, handler: Handler, heap: Heap) -> None:
    """Run a handler where no run is active, and keep where it fails for that."""
    own = Handler(handler.name, handler.function, handler.value, handler.registrations)
    noted, left_out = collector.forget()
    collector.handler, collector.no_run = own, True
    try:
        _run_handler(collector, own, heap)
    finally:
        collector.no_run = False
        collector.remember(noted, left_out)
    for outcome in own.outcomes:
        end = outcome.completion
        known = any(node is end.node for node in handler.fails_without_run)
        if end.how == "no run" and isinstance(end.node, ast.Attribute) and not outcome.state.guards and not known:
            handler.fails_without_run.append(end.node)


def _run_in_worker(collector: Collector, handler: Handler, heap: Heap) -> None:
    """Run a handler as a forked worker does, which inherits it, and keep the calls of ``finish()`` that it reaches."""
    own = Handler(handler.name, handler.function, handler.value, handler.registrations)
    noted, left_out = collector.forget()
    collector.handler, collector.in_worker = own, True
    try:
        _run_handler(collector, own, heap)
        handler.finishes_in_workers = own.finishes
    finally:
        collector.in_worker = False
        collector.remember(noted, left_out)


def _run_handler(collector: Collector, handler: Handler, heap: Heap) -> None:
    try:
        for number in sorted(handler.numbers):
            collector.signal_number = number
            values = handler.value if isinstance(handler.value, Partial) else None
            by_loop = any(registration.api == "add_signal_handler" for registration in handler.registrations)
            passed: tuple[Value, ...] = () if by_loop and values is not None else (SignalNumber(number), UNKNOWN)
            collector.escapes = []
            collector.steps = _STEPS
            active = RunState.NONE if collector.no_run else RunState.ACTIVE
            state = State(heap=heap.fork(), run=active, hooked=True, init_guards=())
            try:
                found = collector.call_value(handler.value, None, CallArguments(passed), state)
            except Budget:
                collector.exhausted = True
                return
            handler.outcomes += [Outcome(number, NORMAL, after) for after, _ in found]
            handler.outcomes += [Outcome(number, end, after) for after, end in collector.escapes]
    finally:
        collector.escapes = []
        collector.signal_number = None


def _yields(node: ast.AST) -> bool:
    body = getattr(node, "body", [])
    return isinstance(body, list) and any(isinstance(child, (ast.Yield, ast.YieldFrom)) for child in own_nodes(body))


def _signal_parameter(handler: Handler) -> str | None:
    """Return the name of the parameter that takes the signal number, if the handler is called with it."""
    value, skipped = handler.value, 0
    if isinstance(value, Partial):
        numbers = [position for position, item in enumerate(value.arguments) if isinstance(item, SignalNumber)]
        by_loop = any(registration.api == "add_signal_handler" for registration in handler.registrations)
        if by_loop and not numbers:
            return None
        skipped = numbers[0] if by_loop else len(value.arguments)
        value = value.callee
    if isinstance(value, BoundMethod):
        skipped += 1
    arguments = handler.function.node.args
    names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    return names[skipped] if skipped < len(names) else None
