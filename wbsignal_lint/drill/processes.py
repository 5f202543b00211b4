"""The processes that a drill starts: launching them as a shell would, finding them all, ending them all.

A drill promises to leave nothing running, whatever the command forks, and however hard a child tries to get away
(``setsid``, a double fork, a cleared environment). So the drilling process becomes a *subreaper* for as long as it
drills: the kernel hands it every orphan, and the tree below it is complete at any moment. That needs Linux.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

__all__ = ["Disposition", "Process", "ProcessTree", "default_dispositions", "disposition", "kill", "open_files"]

PR_SET_CHILD_SUBREAPER = 36  # <linux/prctl.h>
PR_GET_CHILD_SUBREAPER = 37


@dataclass(frozen=True)
class Process:
    """One line of the process table."""

    pid: int
    ppid: int
    group: int
    session: int
    state: str
    """One letter as in ``ps``; ``Z`` for a process that has ended and waits for its parent to ask."""
    name: str
    """The file name of the program, cut to 15 characters by the kernel."""

    @property
    def command(self) -> str:
        """The command line, or the name where it can't be read (any more)."""
        try:
            words = Path(f"/proc/{self.pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        except OSError:
            return self.name
        return b" ".join(words).decode(errors="replace").strip() or self.name


def _process_table() -> dict[int, Process]:
    table = {}
    for entry in os.scandir("/proc"):
        if not entry.name.isdecimal():
            continue
        try:
            text = Path(entry.path, "stat").read_text(errors="replace")
        except OSError:  # it has ended meanwhile
            continue
        # "pid (name) state ppid pgrp session …"; the name may hold blanks and parentheses itself.
        name, rest = text[text.index("(") + 1 :].rsplit(")", 1)
        state, ppid, group, session = rest.split()[:4]
        table[int(entry.name)] = Process(int(entry.name), int(ppid), int(group), int(session), state, name)
    return table


class Disposition(str, Enum):
    """What a process does with a signal."""

    CAUGHT = "caught"
    IGNORED = "ignored"
    DEFAULT = "default"


def disposition(pid: int, signum: int) -> Disposition | None:
    """Return what a process would do with a signal, or ``None`` if it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    masks = dict(line.split(":\t", 1) for line in status.splitlines() if line.startswith(("SigCgt:", "SigIgn:")))
    bit = 1 << (signum - 1)
    if int(masks["SigCgt"], 16) & bit:
        return Disposition.CAUGHT
    return Disposition.IGNORED if int(masks["SigIgn"], 16) & bit else Disposition.DEFAULT


def open_files(pid: int) -> Iterator[Path]:
    """Yield the paths of the files that a process has open."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                yield Path(os.readlink(entry.path))


@contextlib.contextmanager
def default_dispositions() -> Iterator[None]:
    """Let processes that are started inside begin with no signal ignored or blocked, as under a cluster's daemon.

    Ignored signals are inherited: below ``nohup`` or a ``&`` in a script a Python process never gets its
    KeyboardInterrupt, and a drill would measure its own launch instead of the script. Main thread only.
    """
    ignored = [
        signum
        for signum in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGPIPE}
        if signal.getsignal(signum) is signal.SIG_IGN
    ]
    blocked = signal.pthread_sigmask(signal.SIG_SETMASK, ())
    try:
        for signum in ignored:
            signal.signal(signum, signal.SIG_DFL)
        yield
    finally:
        for signum in ignored:
            signal.signal(signum, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


class ProcessTree:
    """Everything that was started below this process since the tree was made; a context manager.

    On the way out every process of the tree is killed and waited for. Children that were there before are left alone,
    but not what they orphan meanwhile: nothing tells it from the tree's own orphans.

    Raises:
        OSError: the platform has no subreapers; they came with Linux 3.4.
    """

    def __enter__(self) -> ProcessTree:
        """Become a subreaper and remember which children were there before."""
        self._was_subreaper = _set_subreaper(True)
        self._earlier = {process.pid for process in _process_table().values() if process.ppid == os.getpid()}
        self._launched: dict[int, subprocess.Popen[bytes]] = {}
        return self

    def __exit__(self, *_: object) -> None:
        """Kill whatever is left, undisturbed by an impatient second Ctrl-C."""
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
        try:
            self.kill_all()
            for process in self._launched.values():
                process.wait()
        finally:
            _set_subreaper(self._was_subreaper)
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

    def launch(
        self, command: Sequence[str], cwd: Path | None, environment: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        """Start a command in a session of its own, its standard output and error in one pipe, without input.

        Raises:
            OSError: it can't be started.
        """
        with default_dispositions():
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._launched[process.pid] = process
        return process

    def alive(self) -> list[Process]:
        """Return the processes of the tree that have not ended, parents before children."""
        table = _process_table()
        children: dict[int, list[Process]] = {}
        for process in table.values():
            children.setdefault(process.ppid, []).append(process)
        found = [process for process in children.get(os.getpid(), ()) if process.pid not in self._earlier]
        for process in found:  # grows while it is walked
            found += children.get(process.pid, ())
            if process.ppid == os.getpid() and process.state == "Z" and process.pid not in self._launched:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(process.pid, os.WNOHANG)  # an orphan that fell to us; nobody else asks for its status
        return [process for process in found if process.state not in "ZX"]

    def kill_all(self, timeout: float = 10.0) -> None:
        """Kill and kill again, until a tree that forks meanwhile is gone as well.

        Raises:
            RuntimeError: processes are left after ``timeout`` seconds, which takes being stuck in the kernel.
        """
        deadline = time.monotonic() + timeout
        while alive := self.alive():
            if time.monotonic() > deadline:
                raise RuntimeError("could not end " + ", ".join(f"{one.pid} ({one.command})" for one in alive))
            kill(alive)
            time.sleep(0.005)


def kill(processes: Iterable[Process]) -> None:
    """Send SIGKILL to processes, some of which may have ended."""
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)


def _set_subreaper(wanted: bool) -> bool:
    """Become a subreaper or cease to be one; return what it was before."""
    if not sys.platform.startswith("linux"):
        raise OSError("a drill needs Linux: elsewhere it could not find and end every process that a command starts")
    libc = ctypes.CDLL(None, use_errno=True)
    before = ctypes.c_int()
    if libc.prctl(PR_GET_CHILD_SUBREAPER, ctypes.byref(before), 0, 0, 0) or libc.prctl(
        PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(wanted), 0, 0, 0
    ):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER) failed")
    return bool(before.value)
