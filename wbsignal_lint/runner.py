"""Many sources: one after the other, or in worker processes when there is enough to do; always in the same order."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import TYPE_CHECKING

from wbsignal_lint.diagnostics import FileReport, Problem
from wbsignal_lint.files import Job, lint_source, may_report
from wbsignal_lint.joining import join
from wbsignal_lint.sources import Source

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["run"]

_WORTH_WORKERS = 24
"""From so many files on that pass the gates, worker processes save more time than they take to start."""


def run(sources: Iterable[Source | Problem], job: Job, workers: int | None = None) -> Iterator[FileReport]:
    """Lint sources and yield a report for each that can have anything to say, in the order of the sources.

    Args:
        sources: what to lint, and what could not even be found.
        job: what to do with each.
        workers: the number of processes; ``None`` decides by the number of processors and of files worth parsing.
    """
    items = list(sources)
    todo = [item for item in items if isinstance(item, Problem) or may_report(item)]
    if workers is None:
        workers = _processors() if len(todo) >= _WORTH_WORKERS else 1
    reports = map(_lint, todo, repeat(job)) if workers <= 1 else _run_in_workers(todo, job, workers)
    if len(items) == 1:
        return reports
    return join([item for item in items if isinstance(item, Source)], reports, job)


def _lint(item: Source | Problem, job: Job) -> FileReport:
    return FileReport(item.filename, problems=[item]) if isinstance(item, Problem) else lint_source(item, job)


def _run_in_workers(items: list[Source | Problem], job: Job, workers: int) -> Iterator[FileReport]:
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(min(workers, max(1, len(items))), initializer=_leave_interrupts_to_parent) as executor:
        try:
            futures = [executor.submit(_lint, item, job) for item in items]
            for item, future in zip(items, futures, strict=True):
                yield _result(future, item, job)
        except (KeyboardInterrupt, GeneratorExit):
            # What has been started is finished (a file takes milliseconds), the rest is not begun.
            executor.shutdown(wait=True, cancel_futures=True)
            raise


def _result(future: Future[FileReport], item: Source | Problem, job: Job) -> FileReport:
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    try:
        return future.result()
    except BrokenProcessPool:
        # One worker died (out of memory, say) and took the pool along. Each file that is left gets a process of its
        # own, so that only the one at fault is lost.
        try:
            with ProcessPoolExecutor(1, initializer=_leave_interrupts_to_parent) as executor:
                return executor.submit(_lint, item, job).result()
        except BrokenProcessPool:
            problem = Problem(item.filename, "the process that was to lint it died (out of memory?)")
            return FileReport(item.filename, problems=[problem])


def _leave_interrupts_to_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _processors() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        return os.cpu_count() or 1
