"""What starts code in another thread or process: by its canonical name or, where the object isn't known, its method."""

from __future__ import annotations

import ast
import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from wbsignal_lint.script.circumstances import Fork
from wbsignal_lint.script.facts import Context
from wbsignal_lint.script.heap import DISPOSITIONS
from wbsignal_lint.script.state import RunState, State
from wbsignal_lint.script.values import NONE, Const, Value, function_of

__all__ = ["SPAWNING", "Start", "forks_of", "start_of"]


@dataclass(frozen=True)
class Start:
    """A function that is handed to a thread or process."""

    value: Value
    context: Context
    by: ast.Call
    surely: bool
    """The call is known to start a thread; an object whose method merely has the name may do anything."""


_THREADS = frozenset(
    {
        "threading.Thread",
        "threading.Timer",
        "_thread.start_new_thread",
        "asyncio.to_thread",
        "concurrent.futures.ThreadPoolExecutor.map",
        "concurrent.futures.ThreadPoolExecutor.submit",
        "multiprocessing.pool.ThreadPool.map",
        "multiprocessing.pool.ThreadPool.apply_async",
    }
)
_WORKERS = frozenset(
    {
        "multiprocessing.Process",
        "multiprocessing.Pool",
        "multiprocessing.context.Process",
        "torch.multiprocessing.Process",
        "torch.multiprocessing.Pool",
        "concurrent.futures.ProcessPoolExecutor",
        "concurrent.futures.ProcessPoolExecutor.map",
        "concurrent.futures.ProcessPoolExecutor.submit",
        "torch.utils.data.DataLoader",
    }
)
_METHODS = {
    "Process": Context.WORKER,
    "Pool": Context.WORKER,
    "ProcessPoolExecutor": Context.WORKER,
    "DataLoader": Context.WORKER,
    "map": Context.WORKER,
    "imap": Context.WORKER,
    "imap_unordered": Context.WORKER,
    "starmap": Context.WORKER,
    "map_async": Context.WORKER,
    "apply_async": Context.WORKER,
    "Thread": Context.THREAD,
    "Timer": Context.THREAD,
    "submit": Context.THREAD,
    "run_in_executor": Context.THREAD,
    "start_new_thread": Context.THREAD,
}

SPAWNING = "multiprocessing.not_forking"
"""The canonical name of a context of multiprocessing whose processes inherit nothing."""

_FORKING = frozenset(
    {
        "os.fork",
        "multiprocessing.Process",
        "multiprocessing.Pool",
        "multiprocessing.context.Process",
        "torch.multiprocessing.Process",
        "torch.multiprocessing.Pool",
        "concurrent.futures.ProcessPoolExecutor",
    }
)
_DATA_LOADER = "torch.utils.data.DataLoader"
_FORKING_NAMES = frozenset({path.rpartition(".")[2] for path in _FORKING} | {"DataLoader"})
_FORK = Const("fork")


def start_of(
    node: ast.Call, path: str, method: str, arguments: Iterable[Value], functions: Iterable[Value]
) -> list[Start]:
    """Return what a call starts elsewhere: one entry for each function of the file that it is given.

    Args:
        node: the call.
        path: the canonical name of what is called; empty if it isn't known.
        method: the last part of its name.
        arguments: everything that is passed.
        functions: those arguments that are functions.
    """
    if path in _THREADS or path in _WORKERS:
        context, surely = (Context.THREAD, True) if path in _THREADS else (Context.WORKER, True)
    elif method in _METHODS and isinstance(node.func, ast.Attribute):
        # Without an executor of its own, an event loop runs what it is given in threads.
        context, surely = _METHODS[method], method == "run_in_executor" and next(iter(arguments), None) == NONE
    else:
        return []
    return [Start(value, context, node, surely) for value in functions]


def forks_of(
    node: ast.Call, path: str, method: str, given: Mapping[str | int, Value], state: State
) -> tuple[bool, Fork | None]:
    """Say whether a call may start workers as copies of the process, and with what they start if it surely does.

    Multiprocessing forks unless it is told otherwise, up to Python 3.13 on Linux.

    Args:
        node: the call.
        path: the canonical name of what is called; empty if it isn't known.
        method: the last part of its name.
        given: the arguments by position and by keyword.
        state: where the call is made.
    """
    if path.startswith(SPAWNING) or (method not in _FORKING_NAMES):
        return False, None
    if path == _DATA_LOADER:
        number = given.get("num_workers", given.get(5, Const(0)))
        none = isinstance(number, Const) and not number.value
        surely = isinstance(number, Const) and isinstance(number.value, int) and number.value > 0
        if not surely or "worker_init_fn" in given or given.get("multiprocessing_context", NONE) not in (NONE, _FORK):
            return not none, None
        # Its workers are forked whenever it is iterated over, and have a handler of their own for SIGTERM.
        return True, Fork(node, None, frozenset({int(signal.SIGTERM)}))
    unknown = any(
        function_of(value) is None for name, value in given.items() if name in ("target", "initializer", "mp_context")
    )
    if path not in _FORKING or unknown or state.run is not RunState.ACTIVE:
        return True, None
    return True, Fork(node, dict(state.heap.names(DISPOSITIONS)))
