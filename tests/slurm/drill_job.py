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

import argparse
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.slurm.cluster import Cluster
from tests.slurm.job import Event, JobResult, run_job

__all__ = ["Head", "drill_job", "kind_of", "submitted_fixtures"]

FIXTURES = Path(__file__).parents[2] / "fixtures"


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
        entries = dict(re.findall(r"(?m)^# ([\w-]+): *(.*?) *$", text))
        if "slurm" not in entries:
            return None
        records = {key.removesuffix("-record"): value for key, value in entries.items() if key.endswith("-record")}
        return cls(Event(entries["slurm"]), records)


def kind_of(path: Path) -> str:
    """Return ``bad``, ``fixed`` or ``good``."""
    return path.name.split("_", 1)[0]


def drill_job(cluster: Cluster, path: Path, event: Event) -> JobResult:
    """Submit one fixture and let the event happen to it."""
    return run_job(cluster, path.read_text(encoding="utf-8"), event, name=path.name)


def submitted_fixtures() -> list[tuple[Path, Head]]:
    """Return the fixtures that say what SLURM does to them and what comes of it, in a stable order."""
    found = []
    for path in sorted(FIXTURES.glob("*/*")):
        if path.suffix in (".sbatch", ".slurm", ".sh", ".job"):
            head = Head.of(path.read_bytes().decode(errors="replace"))
            if head is not None and kind_of(path) in head.records:
                found.append((path, head))
    return found


def main() -> int:
    """Submit the files that were named."""
    parser = argparse.ArgumentParser(description="Run fixtures on a real SLURM.")
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--event", default="signal", choices=[event.value for event in Event])
    parser.add_argument("--verbose", action="store_true", help="show what the job printed")
    arguments = parser.parse_args()
    different = 0
    with Cluster() as cluster:
        for root in arguments.paths:
            for path in sorted(root.iterdir()) if root.is_dir() else [root]:
                head = Head.of(path.read_bytes().decode(errors="replace"))
                wanted = head.records.get(kind_of(path)) if head else None
                if wanted is None and root.is_dir():
                    continue
                result = drill_job(cluster, path, head.event if head else Event(arguments.event))
                verdict = "--" if wanted is None else "ok" if str(result) == wanted else "DIFFERENT"
                different += verdict == "DIFFERENT"
                says = f"   (head: {wanted})" if verdict == "DIFFERENT" else ""
                print(f"{verdict:9} {os.path.relpath(path)}: {result}   {result.state}{says}", flush=True)
                if arguments.verbose:
                    print(result.output)
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
