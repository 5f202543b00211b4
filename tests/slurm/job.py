"""One job on the cluster: submit a batch script, let something happen to it, read what W&B and SLURM made of it."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tests.drills import NO_SERVER
from tests.slurm.cluster import KILL_WAIT, Cluster
from wbsignal_lint.drill.environment import client_environment
from wbsignal_lint.drill.loopback import SWEEP_PATH, Loopback, Sweep
from wbsignal_lint.drill.transaction_log import NotATransactionLog, RunRecord, TransactionLog

__all__ = ["Event", "JobResult", "run_job"]

TRAINER = Path(__file__).with_name("trainer.py")
TICK = 0.05
START_TIMEOUT = 60.0
END_TIMEOUT = 60.0
HEED_TIME = KILL_WAIT + 4.0
"""Seconds that a job has after the signal of ``--signal`` before its time is up."""
RESTART_TIMEOUT = 60.0
SETTLE = 1.0
"""Seconds after which a job's state counts as its last."""

# What a job asks of a cluster says nothing of signals, and one machine can't give it.
_RESOURCES = re.compile(
    r"(?m)^#SBATCH\s+(?!--(?:signal|requeue|no-requeue|open-mode|output|error|array|job-name|export)\b|-[aeoJ]\b).*\n"
)
_SIGNAL = re.compile(r"(?m)^#SBATCH\s+--signal[= ][\"']?(?P<options>[RB]*:)?(?P<name>\w+)")
_PYTHON_FILE = re.compile(r"(?<![\w/$.{}-])(?:\./)?((?:[\w-]+/)*[\w-]+\.py)\b")
_SWEEP_ID = re.compile(r"\"?\$(?:\{?SWEEP\w*\}?|1)\"?|\b[\w-]+/[\w-]+/[a-z0-9]{8}\b")


class Event(Enum):
    """What happens to a job whose run has begun to log."""

    NONE = "none"
    """Nothing: it runs to its end."""
    SIGNAL = "signal"
    """The warning that its ``--signal`` asks for, to the same recipients; a few seconds later its time is up."""
    CANCEL = "scancel"
    """Its user cancels it."""
    PREEMPT = "preempt"
    """A job of a partition with priority takes its node."""
    LIMIT = "limit"
    """It runs into a time limit of one minute."""


@dataclass(frozen=True)
class JobResult:
    """What became of a job."""

    runs: tuple[RunRecord, ...]
    """Its runs, in the order in which they started."""
    state: str
    """SLURM's word for how its last start ended: ``COMPLETED``, ``TIMEOUT``, ``CANCELLED``, ``PENDING`` …"""
    restarts: int
    """How often SLURM has put it into the queue again."""
    handed_out: tuple[str, ...]
    """The runs that its sweep agent was given."""
    output: str
    """What it printed."""

    @property
    def record(self) -> str:
        """What W&B recorded of its runs: ``P X(138)``, ``-`` for nothing, ``P X(143) | X(0)`` for two runs, sorted."""
        return " | ".join(sorted(run.sequence for run in self.runs)) or "-"

    def __str__(self) -> str:
        return f"{self.record} requeued" if self.restarts else self.record


def run_job(
    cluster: Cluster, script: str, event: Event, *, name: str = "job.sbatch", follow_restart: bool = False
) -> JobResult:
    """Submit a batch script and let one event happen to it.

    Args:
        cluster: where it runs.
        script: its text. Every Python file that it names is a trainer, and every sweep that of a server of ours;
            what it asks of the cluster (partitions, memory, GPUs) is left out.
        event: what happens once its first run has logged.
        name: the file that it is submitted as.
        follow_restart: let a job that was queued again run to its end, instead of cancelling it.

    Raises:
        RuntimeError: SLURM refused the job, or no run began.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="wbsignal-job-", ignore_cleanup_errors=True))
        )
        loopback: Loopback | None = None
        if re.search(r"\bagent\b", script):
            loopback = stack.enter_context(
                Loopback(Sweep(["/usr/bin/env", "WANDB_MODE=offline", "python", str(folder / "train.py")]))
            )
        job = _Job(cluster, folder, loopback)
        stack.callback(job.end)
        return job.run(script, event, name, follow_restart)


class _Job:
    """The state of one job."""

    def __init__(self, cluster: Cluster, folder: Path, loopback: Loopback | None) -> None:
        self.cluster = cluster
        self.folder = folder
        self.loopback = loopback
        self.logs: dict[Path, TransactionLog] = {}
        self.job = ""
        self.preempting = ""
        self.last_state = ("", 0)
        self.last_change = 0.0

    def run(self, script: str, event: Event, name: str, follow_restart: bool) -> JobResult:
        directive = _SIGNAL.search(script)
        self.write(script, name)
        time_limit = "1" if event is Event.LIMIT else "10"
        self.job = self.submit("--partition=low", f"--time={time_limit}", name)
        if event is not Event.NONE:
            self.wait("no run has begun", START_TIMEOUT, self.has_logged)
        if event is Event.SIGNAL:
            if directive is None:
                raise RuntimeError("the job asks for no signal")
            to_shell = ["--batch"] if "B" in (directive["options"] or "") else []
            self.cluster.command("scancel", *to_shell, f"--signal={directive['name']}", self.job)
            if not self.comes(HEED_TIME, self.is_over):
                self.cluster.command("scancel", self.job)
        elif event is Event.CANCEL:
            self.cluster.command("scancel", self.job)
        elif event is Event.PREEMPT:
            self.preempting = self.submit("--partition=high", "--exclusive", "--output=/dev/null", "--wrap=sleep 2")
        limit = 150.0 if event is Event.LIMIT else END_TIMEOUT
        self.wait("the job does not end", limit, self.is_over)
        state, restarts = self.state()
        if restarts and follow_restart:
            self.wait("the job is not started again", RESTART_TIMEOUT, lambda: self.state()[0] == "RUNNING")
            self.wait(
                "the restarted job does not end", END_TIMEOUT, lambda: self.state()[0] not in ("RUNNING", "COMPLETING")
            )
            state, restarts = self.state()
        if state in ("PENDING", "RUNNING"):
            self.cluster.command("scancel", self.job)
        self.comes(KILL_WAIT + 10.0, lambda: not any(one.name == "wandb-core" for one in self.cluster.tree.alive()))
        self.look()
        runs = sorted((RunRecord.of(log) for log in self.logs.values()), key=lambda run: run.started_at)
        handed_out = () if self.loopback is None else tuple(self.loopback.handed_out)
        return JobResult(tuple(runs), state, restarts, handed_out, self.output())

    def write(self, script: str, name: str) -> None:
        """Write the job and everything that it needs beside it."""
        adapted = _RESOURCES.sub("", _SWEEP_ID.sub(SWEEP_PATH, script) if self.loopback else script)
        (self.folder / name).write_text(adapted)
        for file in {"train.py", *_PYTHON_FILE.findall(script)}:
            path = self.folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(TRAINER.read_bytes())

    def submit(self, *words: str) -> str:
        """Submit a job and return its number."""
        server = NO_SERVER if self.loopback is None else self.loopback.url
        mode = "offline" if self.loopback is None else "online"
        caller = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "SBATCH_"))}
        environment = client_environment(caller, self.folder, server, mode)
        # Jobs call `python` and `wandb`, which stand beside the Python that runs the tests.
        environment["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), environment["PATH"]))
        return self.cluster.command("sbatch", "--parsable", *words, cwd=self.folder, environment=environment)

    def look(self) -> None:
        """Read what the job's runs have logged."""
        for path in self.folder.glob("wandb/*run-*/*.wandb"):
            if not path.parent.is_symlink():
                self.logs.setdefault(path, TransactionLog(path))
        for log in self.logs.values():
            with contextlib.suppress(OSError, NotATransactionLog):
                log.read()

    def has_logged(self) -> bool:
        """Whether a run has logged."""
        self.look()
        return any(record.kind == "history" for log in self.logs.values() for record in log.records)

    def state(self) -> tuple[str, int]:
        """Return SLURM's state of the job and how often it was queued again."""
        shown = self.cluster.command("scontrol", "show", "--oneliner", "job", self.job)
        state, restarts = re.search(r"JobState=(\w+)", shown), re.search(r"Restarts=(\d+)", shown)
        assert state is not None, shown
        assert restarts is not None, shown
        return state[1], int(restarts[1])

    def is_over(self) -> bool:
        """Whether the job has ended, for good or to wait in the queue again, and stays so."""
        state = self.state()
        if state != self.last_state:
            self.last_state, self.last_change = state, time.monotonic()
        over = state[0] not in ("PENDING", "CONFIGURING", "RUNNING", "COMPLETING") or (
            state[0] == "PENDING" and bool(self.logs)
        )
        # A requeued job goes through other states on its way back into the queue.
        return over and time.monotonic() - self.last_change > SETTLE

    def comes(self, seconds: float, come: Callable[[], bool]) -> bool:
        """Wait for something; tell whether it came in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.look()
            if come():
                return True
            self.cluster.reap()
            time.sleep(TICK)
        return False

    def wait(self, failure: str, seconds: float, come: Callable[[], bool]) -> None:
        if not self.comes(seconds, come):
            raise RuntimeError(f"{failure} within {seconds:.0f} s; job {self.state()}, it printed:\n{self.output()}")

    def output(self) -> str:
        """Return what the job printed."""
        return "".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("**/*.out")))

    def end(self) -> None:
        """Take the job and the one that preempts it from the cluster."""
        for job in (self.job, self.preempting):
            if job:
                with contextlib.suppress(RuntimeError):
                    self.cluster.command("scancel", job)
                    self.cluster.command("scancel", "--full", "--signal=KILL", job)
        self.comes(KILL_WAIT + 5.0, lambda: not self.cluster.command("squeue", "--noheader"))
