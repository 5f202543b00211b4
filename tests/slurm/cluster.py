"""A SLURM cluster of one node on this machine: munge, slurmctld and slurmd, started as whoever we are.

The node's process tracker is SLURM's default, ``cgroup``, where that works (root and a writable freezer hierarchy of
cgroup v1), and ``pgid`` elsewhere, which comes nearest: like cgroup it never signals wandb-core or an agent's child,
but it does signal the whole process group of the batch shell, and so a trainer in its foreground.
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType

from wbsignal_lint.drill.processes import ProcessTree, kill

__all__ = ["GRACE_TIME", "KILL_WAIT", "Cluster", "ClusterUnavailable"]

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scancel", "scontrol", "sinfo", "squeue")
SEARCHED = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
"""Debian puts the daemons where only root looks for them."""

FREEZER = Path("/sys/fs/cgroup/freezer")
NODE = "wbsignal"

KILL_WAIT = 8
"""Seconds from SIGTERM to SIGKILL at the end of a job; with 4 a busy machine killed trainers that had been told."""
GRACE_TIME = 4
"""Seconds that a preempted job of the partition ``low`` has left."""
START_TIMEOUT = 30.0


class ClusterUnavailable(Exception):
    """The cluster can't be started; the message says in one line what is missing."""


class Cluster:
    """A running cluster, from entering the context to leaving it.

    Everything that it starts, jobs included, falls to a subreaper, and is ended on the way out, also by Ctrl-C.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.folder: Path
        self.tree: ProcessTree
        self.tracker = "cgroup" if _can_use_cgroup() else "pgid"
        self.version = ""

    def __enter__(self) -> Cluster:
        """Start the daemons and wait until the node takes jobs.

        Raises:
            ClusterUnavailable: a program or the host's name is missing, or a daemon does not come up.
            OSError: the platform is not Linux.
        """
        missing = [program for program in PROGRAMS if shutil.which(program, path=SEARCHED) is None]
        if missing:
            raise ClusterUnavailable(
                f"SLURM can't be started: {', '.join(missing)} not found; `apt-get install slurm-wlm munge` brings them"
            )
        host = socket.gethostname()
        try:
            socket.gethostbyname(host)
        except OSError:
            # Otherwise slurmctld blocks for ten seconds with every message.
            raise ClusterUnavailable(
                f"SLURM can't be started: the name {host!r} does not resolve; add `127.0.0.1 {host}` to /etc/hosts"
            ) from None
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="wbsignal-slurm-"))
            self.folder = Path(folder)
            stack.callback(self._remove_cgroups, _cgroups())
            self.tree = stack.enter_context(ProcessTree())
            self._start()
            stack.callback(self._end_jobs)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the jobs, then everything else, and take away what is left in the file system."""
        self._stack.close()

    @property
    def environment(self) -> dict[str, str]:
        """What SLURM's commands need in order to find this cluster."""
        return {"SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": SEARCHED}

    def command(self, *words: str, cwd: Path | None = None, environment: dict[str, str] | None = None) -> str:
        """Run one of SLURM's commands and return what it prints.

        Args:
            words: the command.
            cwd: where it runs; jobs are submitted from there.
            environment: what a submitted job finds in its environment, beside what finds the cluster.

        Raises:
            RuntimeError: it failed; the message has its words and what it said.
        """
        variables = {**(os.environ if environment is None else environment), **self.environment}
        if environment is not None and "PATH" in environment:
            variables["PATH"] = os.pathsep.join((environment["PATH"], SEARCHED))
        done = subprocess.run(
            words, cwd=cwd, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)}: {(done.stderr or done.stdout).strip()}")
        return done.stdout.strip()

    def reap(self) -> None:
        """Ask for the status of orphans, as init would: until then they count as running for the tracker pgid."""
        self.tree.alive()

    def _start(self) -> None:
        folder = self.folder
        folder.chmod(0o755)  # munge's clients must get to its socket
        for name in ("state", "spool"):
            (folder / name).mkdir()
        key = folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(1024))
        self._daemon(
            "munged", "--foreground", f"--key-file={key}", f"--socket={folder}/munge.sock",
            f"--pid-file={folder}/munged.pid", f"--log-file={folder}/munge.log", f"--seed-file={folder}/munged.seed",
        )  # fmt: skip
        self.version = self._version()
        (folder / "slurm.conf").write_text(self._configuration())
        if self.tracker == "cgroup":
            (folder / "cgroup.conf").write_text(f"CgroupPlugin=cgroup/v1\nCgroupMountpoint={FREEZER.parent}\n")
        elif int(self.version.split(".")[0]) >= 23:
            # Looks for cgroups whatever the tracker; 22.05 does not know the word.
            (folder / "cgroup.conf").write_text("CgroupPlugin=disabled\n")
        self._daemon("slurmctld", "-D")
        self._daemon("slurmd", "-D", "-N", NODE)
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            with suppress(RuntimeError):
                if self.command("sinfo", "--noheader", "--format=%T").startswith("idle"):
                    return
            time.sleep(0.05)
        said = " / ".join(_last_line(log) for log in sorted(folder.glob("*.log")))
        raise ClusterUnavailable(f"SLURM {self.version} did not come up within {START_TIMEOUT:.0f} s: {said}")

    def _daemon(self, program: str, *arguments: str) -> None:
        path = shutil.which(program, path=SEARCHED)
        assert path is not None
        log = self.folder / f"{program}.log"
        shell = ["/bin/sh", "-c", 'log=$1; shift; exec "$@" >"$log" 2>&1', "sh", str(log)]
        self.tree.launch([*shell, path, *arguments], self.folder, {**os.environ, **self.environment})

    def _version(self) -> str:
        path = shutil.which("slurmd", path=SEARCHED)
        assert path is not None
        done = subprocess.run([path, "-V"], capture_output=True, text=True, check=True)
        return done.stdout.split()[1]

    def _configuration(self) -> str:
        folder, user = self.folder, getpass.getuser()
        controller, daemon = _free_ports()
        return f"""\
ClusterName=wbsignal
SlurmctldHost=localhost(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
# A requeued job starts when the credential of its first start has expired: 121 s by default.
AuthInfo=socket={folder}/munge.sock,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldPort={controller}
SlurmdPort={daemon}
ProctrackType=proctrack/{self.tracker}
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=1,sched_min_interval=0,batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobAcctGatherType=jobacct_gather/none
SlurmdParameters=config_overrides
ReturnToService=2
KillWait={KILL_WAIT}
NodeName={NODE} NodeHostname={socket.gethostname()} NodeAddr=127.0.0.1 CPUs=8 RealMemory=1000 State=UNKNOWN
PartitionName=low Nodes={NODE} Default=YES MaxTime=INFINITE PriorityTier=1 GraceTime={GRACE_TIME}
PartitionName=high Nodes={NODE} MaxTime=INFINITE PriorityTier=10 PreemptMode=OFF
"""

    def _end_jobs(self) -> None:
        """Let slurmd take its jobs down as far as it can; the subreaper has the last word."""
        with suppress(RuntimeError):
            self.command("scancel", f"--user={getpass.getuser()}")
            self.command("scancel", "--full", "--signal=KILL", f"--user={getpass.getuser()}")
        deadline = time.monotonic() + KILL_WAIT + 2
        while time.monotonic() < deadline:
            with suppress(RuntimeError):
                if not self.command("squeue", "--noheader"):
                    break
            self.reap()
            time.sleep(0.05)
        # A frozen process cannot be killed; slurmd thaws what it froze once its step is gone.
        kill(one for one in self.tree.alive() if one.name.startswith("slurmstepd"))

    @staticmethod
    def _remove_cgroups(before: frozenset[Path]) -> None:
        for path in sorted(_cgroups() - before, reverse=True):
            with suppress(OSError):
                path.rmdir()


def _can_use_cgroup() -> bool:
    return os.geteuid() == 0 and (FREEZER / "tasks").exists() and os.access(FREEZER, os.W_OK)


def _cgroups() -> frozenset[Path]:
    return frozenset(path for path in FREEZER.glob("**/") if path != FREEZER) if FREEZER.is_dir() else frozenset()


def _free_ports() -> tuple[int, int]:
    """Return two ports that were free a moment ago."""
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return f"{log.stem}: {lines[-1].strip()}" if lines else f"{log.stem}: -"
