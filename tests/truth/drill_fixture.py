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
  SIGTERM`` sends it to the workers that the script forks as well; ``# drill: SIGTERM at loading`` sends it when the
  script has printed a line with these words, which is how a signal comes before the run or after it.
- Several runs in one process are written ``X(0) | P X(143)``.
"""

from __future__ import annotations

import re
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.drills import NO_SERVER, Drilled, arguments_of, drillable, print_drills, read_head
from wbsignal_lint.drill.loopback import Loopback, Sweep
from wbsignal_lint.drill.measurement import Measurement, Plan, drill
from wbsignal_lint.drill.script import runs_python_agent

__all__ = ["Head", "drill_fixture", "drilled_fixtures", "head_of", "only_launches"]

SIGNALS_AT = Path(__file__).parent / "scripts" / "signals_at.py"
GRACE = 90.0
"""Seconds for a script that is signalled when it has printed something, as a whole."""


@dataclass(frozen=True)
class Head:
    """What the comment lines at the top of a fixture say about its drill."""

    signals: tuple[int, ...]
    group: bool
    """The signals go to the whole process group, as a scheduler's do, and not to the script's own process alone."""
    printed: str | None
    """The signal is sent when the script has printed this, instead of after the first log."""
    records: dict[str, str]
    """The expected record by the kind of file: ``bad``, ``fixed``, ``good``."""

    @classmethod
    def of(cls, text: str) -> Head | None:
        """Read the head of a fixture; ``None`` if it has no ``# drill:`` line."""
        entries, records = read_head(text)
        if "drill" not in entries:
            return None
        what, _, printed = entries["drill"].partition(" at ")
        names = [] if what == "none" else what.split()
        group = names[:1] == ["group"]
        return cls(tuple(int(signal.Signals[name]) for name in names[group:]), group, printed or None, records)


def only_launches(text: str) -> bool:
    """Say whether a Python file trains nothing itself, but starts what does: it does not import the client."""
    return "subprocess" in text and not re.search(r"(?m)^\s*(?:import|from) wandb\b", text)


def head_of(path: Path) -> Head | None:
    """Return the head of a Python fixture that is drilled as a training; ``None`` for all others."""
    if path.suffix != ".py":
        return None
    text = path.read_bytes().decode(errors="replace")
    return None if only_launches(text) else Head.of(text)


def drill_fixture(path: Path, head: Head) -> Measurement:
    """Run one Python fixture in an empty folder and do to it what its head says.

    A script that is its own agent is online, with a server on this machine that has a sweep of one run for it.
    """
    command, plan = [sys.executable, str(path.absolute())], Plan(head.signals, group=head.group)
    with tempfile.TemporaryDirectory(prefix="wbsignal-fixture-") as folder:
        if head.printed is not None:
            (signum,) = head.signals
            told = [sys.executable, str(SIGNALS_AT), signal.Signals(signum).name, head.printed, *command]
            return drill(told, Plan((), grace=GRACE), server=NO_SERVER, cwd=Path(folder))
        if not runs_python_agent(command):
            return drill(command, plan, server=NO_SERVER, cwd=Path(folder))
        with Loopback(Sweep(tuple(command), runs=1)) as server:
            return drill(command, plan, server=server.url, mode="online", cwd=Path(folder))


def drilled_fixtures() -> list[tuple[Path, Head]]:
    """Return the Python fixtures that say how they are drilled and what comes of it, in a stable order."""
    return drillable(head_of)


def _drilled(path: Path, head: Head) -> Drilled:
    measured = drill_fixture(path, head)
    left = "   ".join(f"left behind: {one.command}" for one in measured.left_behind)
    return Drilled(str(measured), measured.output, left)


def main() -> int:
    """Drill the files that were named."""
    arguments = arguments_of("Run fixtures under the real wandb client.", "--signal", "SIGTERM")
    otherwise = Head.of(f"# drill: {arguments.otherwise}")
    assert otherwise is not None
    return print_drills(arguments.paths, head_of, otherwise, _drilled, verbose=arguments.verbose)


if __name__ == "__main__":
    sys.exit(main())
