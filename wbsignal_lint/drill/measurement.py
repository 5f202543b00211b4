"""Drill one command once: run it, wait for the moment, send the signal, read what W&B recorded."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wbsignal_lint.drill.environment import client_environment
from wbsignal_lint.drill.processes import Disposition, ProcessTree, disposition, kill, open_files
from wbsignal_lint.drill.transaction_log import NotATransactionLog, RunRecord, TransactionLog

__all__ = ["LeftBehind", "Measurement", "Moment", "Plan", "drill"]

TICK = 0.01
"""Seconds between two looks at the process and its logs."""

SETTLE = 1.0
"""Seconds that the children of an ended command have to end as well before they count as left behind."""

CLIENT_TIMEOUT = 15.0
"""Seconds that wandb-core has to write its last record once the command is gone."""

UNFLUSHED_AFTER = 3.0
"""Seconds after which a started run with nothing in its log shows a client that does not flush (before 0.31.0)."""

PIPE_CAPACITY = 64 * 1024
"""Bytes that a pipe holds on Linux, so that one read empties it."""

OUTPUT_KEPT = 16 * 1024
"""Bytes of the command's last output that are kept."""

WRITER = "wandb-core"
"""The client's process that writes the transaction logs."""

CLIENT_PROCESSES = {WRITER, "wandb-symon", "gpu_stats", "wandb-xpu"}
"""The client's own helpers, as the kernel names them: they outlive a command for a moment and are not its children."""


@dataclass(frozen=True)
class Moment:
    """When the signal is sent: once the run has started and logged ``logs`` times, or after ``seconds``."""

    logs: int = 1
    seconds: float | None = None

    @classmethod
    def parse(cls, text: str) -> Moment:
        """Read ``started``, ``first-log``, ``N-logs`` or a number of seconds.

        Raises:
            ValueError: it is none of these.
        """
        if text == "started":
            return cls(0)
        if text == "first-log":
            return cls(1)
        if match := re.fullmatch(r"(\d+)-logs?", text):
            return cls(int(match[1]))
        if re.fullmatch(r"\d+(\.\d+)?", text):
            return cls(0, float(text))
        raise ValueError(f"{text!r} is not a moment: started, first-log, N-logs or a number of seconds")


@dataclass(frozen=True)
class Plan:
    """What is done to the command."""

    signals: tuple[int, ...] = (int(signal.SIGTERM),)
    """The signals sent, one after another; none lets the command run to its end."""
    moment: Moment = field(default_factory=Moment)
    interval: float = 0.1
    """Seconds between two signals."""
    grace: float = 30.0
    """Seconds from the first signal to SIGKILL; without signals, seconds that the whole command may take."""
    start_timeout: float = 120.0
    """Seconds that the command may take to reach the moment."""
    group: bool = False
    """Send to every process of the command's group, as SLURM does to a job step, and not to the command alone."""


@dataclass(frozen=True)
class LeftBehind:
    """A process that went on when the command had ended; the drill ended it."""

    pid: int
    command: str


@dataclass(frozen=True)
class Measurement:
    """What one drill found."""

    runs: tuple[RunRecord, ...]
    """What the transaction logs say, in the order in which the runs started; empty when there was no run."""
    status: int
    """The command's status as Python has it: the exit code, or minus the signal that ended it."""
    signalled_at: float | None
    """When the first signal was sent, in seconds of `time.monotonic`; ``None`` if the moment never came."""
    disposition: Disposition | None
    """What the command was set to do with the first signal when it came."""
    seconds_to_exit: float | None
    """From the first signal to the end of the command."""
    killed: bool
    """The command was still there at the end of its time, so that the drill ended it."""
    left_behind: tuple[LeftBehind, ...]
    """What went on running after the command."""
    output: str
    """The end of what the command wrote to its standard output and error."""
    flushed: bool
    """False for a client that keeps its log in memory, so that the moment was guessed and unsent records are lost."""

    @property
    def sequence(self) -> str:
        """The deciding records of all runs: ``P X(143)``, ``X(1) | P X(143)`` for two runs, ``-`` for nothing."""
        return " | ".join(run.sequence for run in self.runs) or "-"

    def __str__(self) -> str:
        return f"{self.sequence} rc={self.status}"


def drill(
    command: Sequence[str],
    plan: Plan,
    *,
    server: str,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    mode: str = "offline",
    progress: Callable[[str], None] = lambda _: None,
) -> Measurement:
    """Run a command under the wandb client, offline, and measure what becomes of it and of its runs.

    Everything that the command starts is ended before this returns, also by an exception such as KeyboardInterrupt.

    Args:
        command: the program and its arguments; the program is looked up in the PATH of ``environment``.
        plan: which signal, when, and how long to wait.
        server: address of the loopback server (`wbsignal_lint.drill.loopback`).
        cwd: where it runs; default here.
        environment: what to use in place of this process's own.
        mode: the client's mode; ``online`` talks to ``server``.
        progress: told in a few words what is being waited for.

    Raises:
        OSError: the command can't be started, or the platform is not Linux.
        ModuleNotFoundError: wandb is not installed here, so that its logs can't be read.
    """
    import wandb.proto.wandb_internal_pb2  # noqa: F401  said at once, and not only when the first log is read

    caller = os.environ if environment is None else environment
    with (
        tempfile.TemporaryDirectory(prefix="wbsignal-drill-", ignore_cleanup_errors=True) as folder,
        ProcessTree() as tree,
    ):
        return _Drill(tree, plan, Path(folder), progress).run(
            command, cwd, client_environment(caller, Path(folder), server, mode)
        )


class _Drill:
    """The state of one drill."""

    def __init__(self, tree: ProcessTree, plan: Plan, folder: Path, progress: Callable[[str], None]) -> None:
        self.tree = tree
        self.plan = plan
        self.folder = folder
        self.progress = progress
        self.logs: dict[Path, TransactionLog] = {}
        self.output = bytearray()
        self.process: subprocess.Popen[bytes]
        self.pipe = -1
        self.next_look = 0.0
        self.next_search = 0.0
        self.run_started_at: float | None = None

    def run(self, command: Sequence[str], cwd: Path | None, environment: Mapping[str, str]) -> Measurement:
        plan = self.plan
        self.process = self.tree.launch(command, cwd, environment)
        assert self.process.stdout is not None
        with self.process.stdout as pipe:
            self.pipe = pipe.fileno()
            os.set_blocking(self.pipe, False)
            launched = time.monotonic()
            signalled_at: float | None = None
            found: Disposition | None = None
            self.progress("waiting for the run" if plan.signals else "waiting for the end")
            if plan.signals:
                reached = self.wait(plan.start_timeout, lambda: self.moment_has_come(launched))
                if reached:
                    found = disposition(self.process.pid, plan.signals[0])
                    signalled_at = self.send()
            if plan.signals and signalled_at is None:
                killed = self.process.poll() is None
            else:
                killed = not self.wait(plan.grace, lambda: False, until_exit=True)
            if killed:
                kill(one for one in self.tree.alive() if one.name not in CLIENT_PROCESSES)
                self.process.wait()
            ended = time.monotonic()
            left_behind = () if killed else self.end_children()
            flushed = any(log.records for log in self.logs.values()) or self.run_started_at is None
            self.wait_for_client()
            self.take_output()
        return Measurement(
            runs=self.runs(),
            status=self.process.returncode,
            signalled_at=signalled_at,
            disposition=found,
            seconds_to_exit=None if signalled_at is None else ended - signalled_at,
            killed=killed,
            left_behind=left_behind,
            output=self.output.decode(errors="replace"),
            flushed=flushed,
        )

    def wait(self, seconds: float, come: Callable[[], bool], until_exit: bool = False) -> bool:
        """Follow the command until ``come()`` (True), until it ends, or until the time is over (False).

        Returns:
            Whether what was waited for came; with ``until_exit`` that is the end of the command.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            ended = self.process.poll() is not None
            self.look()
            if come():
                return not ended
            if ended:
                return until_exit
        return False

    def look(self) -> None:
        """Wait one tick, meanwhile taking the command's output, and then read what its runs have logged."""
        self.next_look = max(self.next_look, time.monotonic()) + TICK
        while (left := self.next_look - time.monotonic()) > 0:
            if self.pipe >= 0 and select.select([self.pipe], [], [], left)[0]:
                self.take_output()
            elif self.pipe < 0:
                time.sleep(left)
        if time.monotonic() >= self.next_search or not self.logs:
            self.find_logs()
        self.read_logs()

    def take_output(self) -> None:
        """Take what is in the pipe, so that the command never has to wait for a reader; keep the end of it."""
        if self.pipe < 0:
            return
        with contextlib.suppress(BlockingIOError):
            if data := os.read(self.pipe, PIPE_CAPACITY):
                self.output = (self.output + data)[-OUTPUT_KEPT:]
            else:
                self.pipe = -1  # everybody has closed it

    def find_logs(self) -> None:
        """Find the runs' transaction logs: in the folder they belong in, or wherever the script has put them."""
        for path in self.folder.glob("wandb/*run-*/*.wandb"):
            if not path.parent.is_symlink():
                self.logs.setdefault(path, TransactionLog(path))
        if time.monotonic() < self.next_search:
            return
        self.next_search = time.monotonic() + 10 * TICK
        if not self.logs:  # reading the process table takes too long for every tick
            for process in self.tree.alive():
                if process.name == WRITER:
                    for path in open_files(process.pid):
                        if path.suffix == ".wandb":
                            self.logs.setdefault(path, TransactionLog(path))

    def read_logs(self) -> None:
        for log in self.logs.values():
            with contextlib.suppress(OSError, NotATransactionLog):
                log.read()

    def moment_has_come(self, launched: float) -> bool:
        moment = self.plan.moment
        if moment.seconds is not None:
            return time.monotonic() - launched >= moment.seconds
        if self.run_started_at is None:
            # The client's own log says when `init` hands back control; the transaction log has the run before that.
            if not any(_says_started(log.path) for log in self.logs.values()):
                return False
            self.run_started_at = time.monotonic()
        if not any(log.records for log in self.logs.values()):
            return time.monotonic() - self.run_started_at > UNFLUSHED_AFTER
        return any(sum(record.kind == "history" for record in log.records) >= moment.logs for log in self.logs.values())

    def send(self) -> float | None:
        """Send the signals; return when the first one was sent, ``None`` if the command ended before."""
        first: float | None = None
        for number, signum in enumerate(self.plan.signals):
            if first is not None:
                self.wait(first + number * self.plan.interval - time.monotonic(), lambda: False)
            # Until it is reaped the process keeps its id, so a signal can only hit the right one or nothing.
            if self.process.poll() is not None:
                break
            first = first or time.monotonic()
            (os.killpg if self.plan.group else os.kill)(self.process.pid, signum)
            self.progress(f"{signal.Signals(signum).name} sent, waiting for the end")
        return first

    def end_children(self) -> tuple[LeftBehind, ...]:
        """End what goes on running after the command, and say what that was."""
        deadline = time.monotonic() + SETTLE
        while left := [one for one in self.tree.alive() if one.name not in CLIENT_PROCESSES]:
            if time.monotonic() > deadline:
                break
            self.look()
        named = tuple(LeftBehind(one.pid, one.command) for one in left)
        kill(left)
        return named

    def wait_for_client(self) -> None:
        """Let wandb-core write what it was told; it ends by itself when its client is gone."""
        deadline = time.monotonic() + CLIENT_TIMEOUT
        while any(one.name == WRITER for one in self.tree.alive()) and time.monotonic() < deadline:
            self.look()
        self.find_logs()
        self.read_logs()

    def runs(self) -> tuple[RunRecord, ...]:
        runs = [RunRecord.of(log) for log in self.logs.values()]
        return tuple(sorted(runs, key=lambda run: run.started_at))


def _says_started(transaction_log: Path) -> bool:
    try:
        return b"run started, returning control" in (transaction_log.parent / "logs" / "debug.log").read_bytes()
    except OSError:
        return False
