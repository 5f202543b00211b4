"""What all drills of fixtures have in common: which files say how they are drilled, and one line a drill.

A fixture's head (fixtures/README.md) says what is done to it and what comes of it. Which heads there are, and how they
are drilled, is the matter of `tests.truth.drill_fixture` (Python), `tests.truth.drill_launch` (what launches) and
`tests.slurm.drill_job` (batch scripts on a real SLURM).
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from tests.support import FIXTURES

__all__ = ["NO_SERVER", "Drilled", "Head", "arguments_of", "drillable", "kind_of", "print_drills", "read_head"]

NO_SERVER = "http://127.0.0.1:9"
"""Offline runs ask no server; port 9 (discard) would refuse them."""


class Head(Protocol):
    """What the comment lines at the top of a fixture say about its drill."""

    @property
    def records(self) -> dict[str, str]:
        """The expected record by the kind of file: ``bad``, ``fixed``, ``good``."""


H = TypeVar("H", bound=Head)


@dataclass(frozen=True)
class Drilled:
    """What one drill found."""

    record: str
    """As heads write it."""
    output: str
    """The end of what was printed."""
    note: str = ""
    """What else is worth a word."""


def read_head(text: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the entries of a fixture's head, and its records by the kind of file."""
    entries = {}
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            break
        if match := re.fullmatch(r"#\s*([\w-]+):\s*(.*?)\s*", line):
            entries[match[1]] = match[2]
    records = {key.removesuffix("-record"): value for key, value in entries.items() if key.endswith("-record")}
    return entries, records


def kind_of(path: Path) -> str:
    """Return ``bad``, ``fixed`` or ``good``."""
    return path.name.split("_", 1)[0]


def drillable(head_of: Callable[[Path], H | None], root: Path = FIXTURES) -> list[tuple[Path, H]]:
    """Return the fixtures that say how they are drilled and what comes of it, in a stable order.

    Args:
        head_of: reads the head of a file; ``None`` for a file that is not drilled, or not in this way.
        root: where to look: all fixtures, or the folder of one rule.
    """
    found = []
    for path in sorted(root.glob("*/*" if root == FIXTURES else "*")):
        head = head_of(path) if path.is_file() else None
        if head is not None and kind_of(path) in head.records:
            found.append((path, head))
    return found


def arguments_of(description: str, option: str, default: str) -> argparse.Namespace:
    """Read the command line of a drill: the files, and what is done to those without a head (``otherwise``)."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument(option, dest="otherwise", default=default, help=f"for files without a head (default {default})")
    parser.add_argument("--verbose", action="store_true", help="show the end of what was printed")
    return parser.parse_args()


def print_drills(
    paths: Iterable[Path],
    head_of: Callable[[Path], H | None],
    otherwise: H,
    drill: Callable[[Path, H], Drilled],
    *,
    verbose: bool,
) -> int:
    """Drill files and the drillable files of folders; print one line a drill.

    Args:
        paths: the files and folders.
        head_of: as for `drillable`.
        otherwise: how files without a head are drilled.
        drill: drills one file.
        verbose: show what each drill printed, too.

    Returns:
        The status to leave with: 1 if a record is not the one that the head claims.
    """
    different = 0
    for root in paths:
        files = drillable(head_of, root.resolve()) if root.is_dir() else [(root, head_of(root) or otherwise)]
        for path, head in files:
            wanted = head.records.get(kind_of(path))
            drilled = drill(path, head)
            verdict = "--" if wanted is None else "ok" if drilled.record == wanted else "DIFFERENT"
            different += verdict == "DIFFERENT"
            says = f"   (head: {wanted})" if verdict == "DIFFERENT" else ""
            note = f"   {drilled.note}" if drilled.note else ""
            print(f"{verdict:9} {os.path.relpath(path)}: {drilled.record}{says}{note}", flush=True)
            if verbose:
                print(drilled.output)
    return int(different > 0)
