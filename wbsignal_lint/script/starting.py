"""What starts code in another thread or process: by its canonical name or, where the object isn't known, its method."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from wbsignal_lint.script.facts import Context
from wbsignal_lint.script.values import NONE, Value

__all__ = ["Start", "start_of"]


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
