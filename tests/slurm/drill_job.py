"""Runs batch scripts of the fixtures on a real SLURM and compares what is recorded with what their heads say.

By hand, from the root of the repository, for files or folders::

    python -m tests.slurm.drill_job fixtures/out-of-slurm-reach/bad_x.sbatch
    python -m tests.slurm.drill_job fixtures/out-of-slurm-reach

prints one line a job: ``ok`` or ``DIFFERENT``, what W&B recorded and whether the job was queued again, SLURM's state,
and what the head says; ``--event`` is for files without a head. A head looks like this (fixtures/README.md)::

    # slurm: signal
    # bad-record: -
    # fixed-record: P X(138) requeued
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from tests.drills import Drilled, arguments_of, drillable, print_drills, read_head
from tests.slurm.cluster import Cluster
from tests.slurm.job import Event, JobResult, run_job

__all__ = ["Head", "drill_job", "submitted_fixtures"]


@dataclass(frozen=True)
class Head:
    """What the comment lines at the top of a fixture say about its job."""

    event: Event
    records: dict[str, str]
    """The expected record by the kind of file: ``bad``, ``fixed``, ``good``."""

    @classmethod
    def of(cls, text: str) -> Head | None:
        """Read the head of a fixture; ``None`` if it has no ``# slurm:`` line.

        Raises:
            ValueError: it names no event.
        """
        entries, records = read_head(text)
        return cls(Event(entries["slurm"]), records) if "slurm" in entries else None


def head_of(path: Path) -> Head | None:
    """Return the head of a batch script that is submitted; ``None`` for all others."""
    if path.suffix not in (".sbatch", ".slurm", ".sh", ".job"):
        return None
    return Head.of(path.read_bytes().decode(errors="replace"))


def drill_job(cluster: Cluster, path: Path, event: Event) -> JobResult:
    """Submit one fixture and let the event happen to it."""
    return run_job(cluster, path.read_text(encoding="utf-8"), event, name=path.name)


def submitted_fixtures() -> list[tuple[Path, Head]]:
    """Return the fixtures that say what SLURM does to them and what comes of it, in a stable order."""
    return drillable(head_of)


def main() -> int:
    """Submit the files that were named."""
    arguments = arguments_of("Run fixtures on a real SLURM.", "--event", Event.SIGNAL.value)
    otherwise = Head(Event(arguments.otherwise), {})
    with Cluster() as cluster:

        def drilled(path: Path, head: Head) -> Drilled:
            result = drill_job(cluster, path, head.event)
            return Drilled(str(result), result.output, result.state)

        return print_drills(arguments.paths, head_of, otherwise, drilled, verbose=arguments.verbose)


if __name__ == "__main__":
    sys.exit(main())
