"""Runs fixtures under the real wandb client and compares what is recorded with what their heads say.

By hand, from the root of the repository, for files or folders (fixtures/README.md has the head's lines)::

    python -m tests.truth.drill_fixture fixtures/handler-exits-zero/bad_x.py
    python -m tests.truth.drill_fixture fixtures/handler-exits-zero

prints one line a drill: ``ok`` or ``DIFFERENT``, what was recorded, the process status, and what the head says; files
without a head are drilled with ``--signal`` (SIGTERM) so that their record can be written down. The status is 1 where
something differs.

Good to know when writing a head:

- ``first-log``: the signal is sent as soon as the first ``run.log`` is in the transaction log.
- The log is flushed every 10 ms, so a mark that is followed by ``os._exit`` or by SIGKILL is there, as an online server
  would have been told of it: ``P rc=0``.
- A status below 0 is the signal that ended the process: ``- rc=-15``.
- ``# drill: none`` runs to the end; ``# drill: SIGTERM SIGTERM`` sends two signals 0.1 s apart; ``# drill: group
  SIGTERM`` sends it to the workers that the script forks as well.
- Several runs in one process are written ``X(0) | P X(143)``.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from wbsignal_lint.drill.loopback import Loopback, Sweep
from wbsignal_lint.drill.measurement import Measurement, Plan, drill
from wbsignal_lint.drill.script import runs_python_agent

FIXTURES = Path(__file__).parents[2] / "fixtures"
NO_SERVER = "http://127.0.0.1:9"  # offline runs ask no server; port 9 (discard) would refuse them


@dataclass(frozen=True)
class Head:
    """What the comment lines at the top of a fixture say about its drill."""

    signals: tuple[int, ...]
    group: bool
    """The signals go to the whole process group, as a scheduler's do, and not to the script's own process alone."""
    records: dict[str, str]
    """The expected record by the kind of file: ``bad``, ``fixed``, ``good``."""

    @classmethod
    def of(cls, text: str) -> Head | None:
        """Read the head of a fixture; ``None`` if it has no ``# drill:`` line."""
        head = {}
        for line in text.splitlines():
            if line.strip() and not line.startswith("#"):
                break
            if match := re.fullmatch(r"#\s*([\w-]+):\s*(.*?)\s*", line):
                head[match[1]] = match[2]
        if "drill" not in head:
            return None
        names = [] if head["drill"] == "none" else head["drill"].split()
        group = names[:1] == ["group"]
        records = {key.removesuffix("-record"): value for key, value in head.items() if key.endswith("-record")}
        return cls(tuple(int(signal.Signals[name]) for name in names[group:]), group, records)


def kind_of(path: Path) -> str:
    """Return ``bad``, ``fixed`` or ``good``."""
    return path.name.split("_", 1)[0]


def drill_fixture(path: Path, signals: tuple[int, ...], *, group: bool = False) -> Measurement:
    """Run one Python fixture in an empty folder and send it the signals after its first log.

    A script that is its own agent is online, with a server on this machine that has a sweep of one run for it.
    """
    command, plan = [sys.executable, str(path.absolute())], Plan(signals, group=group)
    with tempfile.TemporaryDirectory(prefix="wbsignal-fixture-") as folder:
        if not runs_python_agent(command):
            return drill(command, plan, server=NO_SERVER, cwd=Path(folder))
        with Loopback(Sweep(tuple(command), runs=1)) as server:
            return drill(command, plan, server=server.url, mode="online", cwd=Path(folder))


def drilled_fixtures() -> list[tuple[Path, Head]]:
    """Return the Python fixtures that say how they are drilled and what comes of it, in a stable order."""
    found = []
    for path in sorted(FIXTURES.glob("*/*.py")):
        head = Head.of(path.read_bytes().decode(errors="replace"))
        if head is not None and kind_of(path) in head.records:
            found.append((path, head))
    return found


def main() -> int:
    """Drill the files that were named."""
    parser = argparse.ArgumentParser(description="Run fixtures under the real wandb client.")
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--signal", default="SIGTERM", help="for files whose head names none")
    parser.add_argument("--verbose", action="store_true", help="show the end of what the fixture printed")
    arguments = parser.parse_args()
    different = 0
    for root in arguments.paths:
        for path in sorted(root.glob("*.py")) if root.is_dir() else [root]:
            head = Head.of(path.read_bytes().decode(errors="replace"))
            signals = head.signals if head else (int(signal.Signals[arguments.signal]),)
            wanted = head.records.get(kind_of(path)) if head else None
            if wanted is None and root.is_dir():
                continue
            measured = drill_fixture(path, signals, group=head is not None and head.group)
            verdict = "--" if wanted is None else "ok" if str(measured) == wanted else "DIFFERENT"
            different += verdict == "DIFFERENT"
            says = f"   (head: {wanted})" if verdict == "DIFFERENT" else ""
            left = "".join(f"   left behind: {one.command}" for one in measured.left_behind)
            print(f"{verdict:9} {os.path.relpath(path)}: {measured}{says}{left}", flush=True)
            if arguments.verbose:
                print(measured.output)
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
