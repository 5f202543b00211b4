"""Calls that may recurse deeper than the main thread's stack and Python's recursion limit allow."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import TypeVar

__all__ = ["with_big_stack", "with_enough_stack"]

_T = TypeVar("_T")

_STACK = 512 * 1024 * 1024
"""Bytes; only what is really used of it is ever taken from the machine."""
_RECURSION_LIMIT = 200_000


def with_enough_stack(call: Callable[[], _T]) -> _T:
    """Return what ``call`` returns; if it raises `RecursionError`, it is called once more with a big stack."""
    try:
        return call()
    except RecursionError:
        return with_big_stack(call)


def with_big_stack(call: Callable[[], _T]) -> _T:
    """Return what ``call`` returns in a thread with a big stack.

    Raises:
        RecursionError: even that was too small, or there is no memory for such a thread.
    """
    results: list[_T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:  # handed over to the caller's thread below
            errors.append(error)

    usual_stack = threading.stack_size(_STACK)
    usual_limit = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(_RECURSION_LIMIT)
        thread = threading.Thread(target=run, name="wbsignal-lint with a big stack")
        thread.start()
        thread.join()
    except RuntimeError as error:
        raise RecursionError(f"no thread with a big stack to be had: {error}") from None
    finally:
        sys.setrecursionlimit(usual_limit)
        threading.stack_size(usual_stack)
    if errors:
        raise errors[0]
    return results[0]
