"""What calls into other modules do to a run, to signals and to the process: canonical name → effect.

Sources: W&B's client as measured (0.10.33 to 0.31.0), and the Python documentation of ``signal``, ``os`` and ``sys``.
"""

from __future__ import annotations

import ast
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

from wbsignal_lint.script.calling import CallArguments
from wbsignal_lint.script.circumstances import Gap
from wbsignal_lint.script.evaluator import MAIN_PROCESS, MAIN_THREAD, OTHER_THREAD, WORKER_PROCESS, Evaluated, external
from wbsignal_lint.script.facts import (
    Context,
    Disposition,
    Init,
)
from wbsignal_lint.script.heap import DISPOSITIONS, EVENTS
from wbsignal_lint.script.scopes import last_identifier
from wbsignal_lint.script.starting import SPAWNING, Start
from wbsignal_lint.script.state import Completion, Ending, RunState, State
from wbsignal_lint.script.values import (
    NONE,
    UNKNOWN,
    Class,
    Const,
    External,
    Instance,
    Items,
    Partial,
    Result,
    Run,
    SignalNumber,
    Value,
    function_of,
)
from wbsignal_lint.script.vocabulary import DEFAULT_HANDLERS

if TYPE_CHECKING:
    from wbsignal_lint.script.collector import Collector

__all__ = ["EFFECTS", "Effect", "add_signal_handler"]


_ITSELF = frozenset({"os.getpid", "os.getpgrp", "os.getpgid"})

MAX_RANGE = 256
"""The numbers of longer ranges are not told apart."""

Effect = Callable[["Collector", ast.Call, CallArguments, State], Evaluated]


def _init(collector: Collector, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
    if not any(init.node is node for init in collector.script.inits):
        collector.script.inits.append(Init(node, collector.context, collector.trail, state.guards))
    if _is_disabled(arguments):
        # Nothing is recorded anywhere, so nothing can be recorded wrongly.
        return [(state, Result("wandb.init", id(node)))]
    if state.waited is not None:
        collector.note_window(Gap.BEFORE_INIT, state.waited.node, state.waited.bound)
        state.waited = None
    state.run, state.recorded, state.marked, state.hooked = RunState.ACTIVE, None, False, True
    state.decided = None
    state.init_guards = state.guards
    # Runs opened beside each other are all active.
    state.several_runs = arguments.get(99, "reinit") == Const("create_new")
    state.run_site = 0 if state.several_runs else id(node)
    return [(state, Run(state.run_site))]


def _is_disabled(arguments: CallArguments) -> bool:
    """Say whether ``wandb.init`` is called with ``mode="disabled"``, itself or in its settings."""
    words = dict(arguments.keywords)
    settings = words.get("settings")
    modes = [words.get("mode")]
    if isinstance(settings, Items) and settings.keys is not None:
        modes += [value for key, value in zip(settings.keys, settings.values, strict=True) if key == Const("mode")]
    return Const("disabled") in modes


def _setup(collector: Collector, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
    state.hooked = True
    return [(state, Result("wandb.setup", id(node)))]


def _log(collector: Collector, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
    return [(after, NONE) for after in collector.train(node, state, blocking=False)]


def _agent(collector: Collector, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
    function = arguments.get(1, "function")
    if function is not None:
        # The function runs in a thread of this process; its own exits end that thread only.
        collector.started.append(Start(function, Context.THREAD, node, surely=True))
    return [(after, NONE) for after in collector.train(node, state, blocking=True)]


def _mark(collector: Collector, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
    return collector.mark(node, arguments, state)


def _stale(collector: Collector, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
    """Use a run that is no longer the active one: the client raises UsageError."""
    end = Completion(Ending.RAISE, node, how="call", exception="wandb.errors.UsageError")
    collector.escapes.append((state, end))
    return []


def _finish(collector: Collector, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
    return collector.finish(node, arguments, state)


def _builtin_exit(name: str) -> Effect:
    def effect(collector: Collector, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
        return collector.leave(node, arguments.get(0, "code"), state, name, seen=False)

    return effect


def _os_exit(collector: Collector, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
    return collector.die(node, arguments.get(0, "status") or UNKNOWN, state, "os._exit")


def _os_abort(collector: Collector, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
    return collector.die(node, Const(128 + int(signal.SIGABRT)), state, "os.abort")


def _kill(collector: Collector, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
    target, number = arguments.get(0), arguments.get(1)
    # os.killpg(0, …) and os.kill(0, …) mean the sender's own group.
    if (isinstance(target, Result) and target.path in _ITSELF) or target == Const(0):
        return _deliver(collector, node, number, state)
    state.effects |= {"?kill()"} if collector.in_handler else set()
    return [(state, NONE)]


def _raise_signal(collector: Collector, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
    return _deliver(collector, node, arguments.get(0), state)


def _deliver(collector: Collector, node: ast.Call, target: Value | None, state: State) -> Evaluated:
    """Send a signal to the process itself."""
    number = collector._number(target) if target is not None else None
    if number is None:
        state.effects |= {"?kill()"} if collector.in_handler else set()
        return [(state, NONE)]
    bound = state.heap.get(DISPOSITIONS, str(number))
    is_default = bound is None or (isinstance(bound, External) and bound.path in DEFAULT_HANDLERS)
    if number == signal.SIGKILL or (is_default and number != signal.SIGINT):
        return collector.die(node, Const(128 + number), state, "SIGKILL" if number == signal.SIGKILL else "re-kill")
    if number == signal.SIGINT and is_default:
        collector.escapes.append(
            (state, Completion(Ending.RAISE, node, how="raise", exception="builtins.KeyboardInterrupt"))
        )
        return []
    return collector.redeliver(node, number, state)


def _signal(collector: Collector, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
    target, bound = arguments.get(0, "signalnum"), arguments.get(1, "handler")
    previous = collector.previous(target, node, "signal.signal", state)
    if target is not None and bound is not None and node.args:
        collector.register(node, "signal.signal", target, bound, state, node.args[0])
        if collector.refuses(node, target, state, "builtins.OSError"):
            return []
    return [(state, previous)]


def add_signal_handler(collector: Collector, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
    if len(arguments.positional) < 2:
        return [(state, NONE)]
    target, callback, *rest = arguments.positional
    number = collector._number(target)
    passed = tuple(
        SignalNumber(value.value) if isinstance(value, Const) and value.value == number else value for value in rest
    )
    collector.by_loop.add(str(number))
    bound = Partial(callback, passed, ()) if function_of(callback) is not None else callback
    collector.register(node, "add_signal_handler", target, bound, state, node.args[0])
    return [] if collector.refuses(node, target, state, "builtins.RuntimeError") else [(state, NONE)]


def _faulthandler(collector: Collector, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
    target, chain = arguments.get(0, "signum"), arguments.get(3, "chain")
    number = collector._number(target) if target is not None else None
    if number is not None:
        collector.script.dumped.add(number)
    if number is not None and chain in (None, Const(False), Const(0)) and not arguments.starred:
        by = "faulthandler.register"
        collector._note_replacement(node, number, None, Disposition.UNKNOWN, by, state)
        state.heap.set(DISPOSITIONS, str(number), Result(by, id(node)))
    return [(state, NONE)]


def _partial(collector: Collector, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
    if not arguments.positional or arguments.starred:
        return [(state, UNKNOWN)]
    return [(state, Partial(arguments.positional[0], arguments.positional[1:], arguments.keywords))]


def _getattr(collector: Collector, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
    base, name = arguments.get(0), arguments.get(1)
    if base is None or not isinstance(name, Const) or not isinstance(name.value, str):
        return [(state, UNKNOWN)]
    return [(state, collector.attribute(base, name.value, state))]


def _asyncio_run(collector: Collector, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
    return collector.wait_for(arguments.get(0) or UNKNOWN, state)


def _callable(collector: Collector, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
    value = arguments.get(0) or UNKNOWN
    if isinstance(value, External) and value.path in ("signal.SIG_DFL", "signal.SIG_IGN"):
        return [(state, Const(False))]
    known = function_of(value) is not None or isinstance(value, Class)
    return [(state, Const(True) if known else Const(False) if isinstance(value, Const) else UNKNOWN)]


def _isinstance(collector: Collector, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
    """Tell objects of this file's classes apart, as ``except Exception as error`` blocks do."""
    value, wanted = arguments.get(0), arguments.get(1)
    lineage = collector.lineage(value) if isinstance(value, Instance) else ()
    classes = wanted.values if isinstance(wanted, Items) else (wanted,)
    names = {next(iter(collector.lineage(item)), "") for item in classes if item is not None}
    if lineage and names & {*lineage}:
        return [(state, Const(True))]
    of_this_file = all(isinstance(item, Class) for item in classes)
    return [(state, Const(False) if lineage and of_this_file else UNKNOWN)]


def _same(collector: Collector, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
    """Return the argument: ``int(signum)``, ``tuple(SIGNALS)``."""
    value = arguments.get(0)
    return [(state, value if value is not None else UNKNOWN)]


def _signals(collector: Collector, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
    number = collector._number(arguments.get(0) or UNKNOWN)
    return [(state, UNKNOWN if number is None else external(f"signal.{signal.Signals(number).name}"))]


def _getsignal(collector: Collector, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
    return [(state, collector.previous(arguments.get(0), node, "signal.getsignal", state))]


def _getpid(collector: Collector, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
    return [(state, Result("os.getpid", 0))]


def _current_thread(collector: Collector, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
    if collector.off_main_thread:
        return [(state, Result(OTHER_THREAD, 0))]
    return [(state, UNKNOWN if collector.context is Context.THREAD else Result(MAIN_THREAD, 0))]


def _in_worker(path: str) -> Effect:
    """Return what tells workers of multiprocessing, or of a DataLoader, from the main process: ``None`` there."""

    def effect(collector: Collector, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
        return [(state, Result(path, 0) if collector.in_worker else NONE)]

    return effect


def _current_process(collector: Collector, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
    return [(state, Result(WORKER_PROCESS if collector.in_worker else MAIN_PROCESS, 0))]


def _get_context(collector: Collector, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
    forks = arguments.get(0, "method") in (None, NONE, Const("fork"))
    return [(state, External("multiprocessing" if forks else SPAWNING))]


def _set_start_method(collector: Collector, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
    if arguments.get(0, "method") not in (NONE, Const("fork")):
        collector.script.spawns = True
    return [(state, NONE)]


def _main_thread(collector: Collector, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
    return [(state, Result(MAIN_THREAD, 0))]


def _dict_part(part: str) -> Effect:
    def effect(collector: Collector, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
        items = arguments.get(0)
        assert isinstance(items, Items)
        assert items.keys is not None
        if part == "items":
            pairs = tuple(Items(pair) for pair in zip(items.keys, items.values, strict=True))
            return [(state, Items(pairs, items.key_nodes))]
        return [(state, Items(items.keys if part == "keys" else items.values, items.key_nodes))]

    return effect


def _event(method: str) -> Effect:
    def effect(collector: Collector, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
        event = arguments.get(0)
        assert isinstance(event, Result)
        if method in ("set", "clear"):
            state.heap.set(EVENTS, str(event.site), Const(method == "set"))
            name = last_identifier(node.func.value) if isinstance(node.func, ast.Attribute) else "event"
            collector.note_write(name, state, outside=False)
            return [(state, NONE)]
        return [(state, collector.is_set(event, state))]

    return effect


def _append(collector: Collector, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
    items, value = arguments.get(0), arguments.get(1)
    if isinstance(node.func, ast.Attribute):
        if isinstance(items, Items) and isinstance(node.func.value, (ast.Name, ast.Attribute)):
            grown = Items((*items.values, value or UNKNOWN)) if not collector.loops or collector.in_handler else UNKNOWN
            collector.replace(node.func.value, grown, state)
        collector.note_write(last_identifier(node.func.value), state, outside=False)
    return [(state, NONE)]


def _range(collector: Collector, node: ast.Call, arguments: CallArguments, state: State) -> Evaluated:
    numbers = [value.value for value in arguments if isinstance(value, Const) and isinstance(value.value, int)]
    if len(numbers) != len(arguments.positional) or not 1 <= len(numbers) <= 3 or 0 in numbers[2:]:
        return [(state, UNKNOWN)]
    found = range(*numbers)
    if len(found) > MAX_RANGE:
        return [(state, Result("builtins.range", id(node)))]
    return [(state, Items(tuple(Const(number) for number in found)))]


EFFECTS: dict[str, Effect] = {
    "wandb.init": _init,
    "wandb.setup": _setup,
    "wandb.agent": _agent,
    "wandb.log": _log,
    "wandb.Run.log": _log,
    "wandb.mark_preempting": _mark,
    "wandb.Run.mark_preempting": _mark,
    "wandb.run.mark_preempting": _mark,
    "wandb.StaleRun.mark_preempting": _stale,
    "wandb.StaleRun.log": _stale,
    "wandb.finish": _finish,
    "wandb.join": _finish,
    "wandb.teardown": _finish,
    "wandb.Run.finish": _finish,
    "wandb.Run.join": _finish,
    "wandb.run.finish": _finish,
    "builtins.exit": _builtin_exit("exit"),
    "builtins.quit": _builtin_exit("quit"),
    "os._exit": _os_exit,
    "os.abort": _os_abort,
    "os.kill": _kill,
    "os.killpg": _kill,
    "signal.raise_signal": _raise_signal,
    "signal.signal": _signal,
    "signal.getsignal": _getsignal,
    "faulthandler.register": _faulthandler,
    "signal.Signals": _signals,
    "os.getpid": _getpid,
    "multiprocessing.parent_process": _in_worker("multiprocessing.parent_process"),
    "multiprocessing.current_process": _current_process,
    "multiprocessing.get_context": _get_context,
    "multiprocessing.set_start_method": _set_start_method,
    "torch.multiprocessing.get_context": _get_context,
    "torch.multiprocessing.set_start_method": _set_start_method,
    "torch.utils.data.get_worker_info": _in_worker("torch.utils.data.get_worker_info"),
    "threading.current_thread": _current_thread,
    "threading.currentThread": _current_thread,
    "threading.main_thread": _main_thread,
    "functools.partial": _partial,
    "builtins.getattr": _getattr,
    "builtins.callable": _callable,
    "builtins.isinstance": _isinstance,
    "builtins.int": _same,
    "builtins.tuple": _same,
    "builtins.list": _same,
    "builtins.set": _same,
    "builtins.frozenset": _same,
    "builtins.sorted": _same,
    "asyncio.run": _asyncio_run,
    "builtins.list.append": _append,
    "builtins.range": _range,
    "event.set": _event("set"),
    "event.clear": _event("clear"),
    "event.is_set": _event("is_set"),
    "event.isSet": _event("is_set"),
    "event.wait": _event("is_set"),
    "builtins.dict.items": _dict_part("items"),
    "builtins.dict.keys": _dict_part("keys"),
    "builtins.dict.values": _dict_part("values"),
}
