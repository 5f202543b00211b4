"""Runs a shell script with stand-ins for its trainings, sends one signal, and says what became of every training.

Nothing is left to time: a step is over when no process of the script has run between two looks at them (the kernel
counts how often each was given a processor). A training holds its handler open until it is let go, so that a script
which leaves before its training always does so here, and one that waits is always seen to wait.

`Drill` starts a process of its own that becomes the parent of whatever a script leaves behind, and ends it.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

_PATIENCE = 10.0
"""Seconds after which a step is taken for over that never comes to rest."""
_LOOK = 0.003
"""Seconds between two looks."""
_NAP = 0.1
"""Seconds that the stand-in for ``sleep`` takes, whatever it is told, unless that is long."""
_PR_SET_CHILD_SUBREAPER = 36

_TRAINER = r"""#!/usr/bin/perl
# python: a training with a handler for what announces a preemption, which Python installs also where it was ignored.
use strict;
if ($ARGV[0] =~ /^-/) { exit 0 }
my ($name) = $ARGV[0] =~ m{([^/]+)$};
sub note { open(my $log, '>>', $ENV{DRILL_LOG}); syswrite($log, "$$ $name @_\n"); close($log) }
sub pass { open(my $gate, '<', $_[0]); sysread($gate, my $byte, 1) }
sub leave {
    my ($signal, $number) = @_;
    $SIG{$_} = 'IGNORE' for qw(TERM USR1 USR2 INT);
    note('got', $signal);
    pass("$ENV{DRILL_LOG}.handled");
    note('end');
    exit(128 + $number);
}
my %numbers = (TERM => 15, USR1 => 10, USR2 => 12);
$numbers{INT} = 2 unless ($SIG{INT} // '') eq 'IGNORE';
for my $signal (keys %numbers) { $SIG{$signal} = sub { leave($signal, $numbers{$signal}) } }
note('ready');
pass("$ENV{DRILL_LOG}.trained");
note('end');
exit($ENV{DRILL_STATUS});
"""
_STAND_INS = {
    "python": _TRAINER,
    # A short sleep is a look from time to time; it has to end within the test.
    "sleep": '#!/bin/dash\n[ "$1" -gt 5 ] 2>/dev/null && exec /bin/sleep "$1"\nexec /bin/sleep 0.1\n',
    # `pkill -f` looks at every process of the machine; here at those of the script.
    "pkill": r"""#!/usr/bin/perl
use strict;
if (!grep { $_ eq '-f' } @ARGV) { exec '/usr/bin/pkill', @ARGV }
my $pattern = pop @ARGV;
my ($signal) = map { /^-(?:SIG)?([A-Z]\w+|\d+)$/ ? $1 : () } @ARGV;
sub children {
    my ($pid) = @_;
    open(my $file, '<', "/proc/$pid/task/$pid/children") or return;
    return split ' ', <$file> // '';
}
my @below = children($ENV{DRILL_TOP});
for (my $at = 0; $at < @below; $at++) { push @below, children($below[$at]) }
my $hits = 0;
for my $pid (@below) {
    next if $pid == $$;
    open(my $file, '<', "/proc/$pid/cmdline") or next;
    my $line = join ' ', split /\0/, <$file> // '';
    if (index($line, $pattern) >= 0) { kill($signal // 'TERM', $pid); $hits++ }
}
exit($hits ? 0 : 1);
""",
    "scontrol": '#!/bin/dash\necho "$$ scontrol $1" >> "$DRILL_LOG"\n',
    "srun": '#!/bin/dash\nexec "$@"\n',
    "nvidia-smi": "#!/bin/dash\nexit 0\n",
}


@dataclass(frozen=True)
class Training:
    """What became of one training that was running when the signal was sent."""

    name: str
    """The Python script's file name."""
    got: str | None
    """The first signal that its handler ran for."""
    is_dead: bool
    """Ended by a signal that it has no handler for."""
    was_left: bool
    """The script had ended while the training was still in its handler, or going on."""


@dataclass(frozen=True)
class Drilled:
    """What became of a script."""

    trainings: tuple[Training, ...]
    """Those that were running when the signal was sent."""
    had_left: bool
    """The script had ended before the signal came."""
    has_left: bool
    """It ended by the signal, while the trainings were in their handlers."""
    status: int | None
    """Its exit status, negative for a signal; ``None``: it was still there in the end."""
    requeued_first: bool
    """``scontrol requeue`` ran while a training was going on or in its handler."""
    output: str
    events: str


class Drill:
    """Runs scripts, one after the other."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-E", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(
        self,
        interpreter: str,
        files: Mapping[str, str],
        *,
        sent: str | None = None,
        to: str = "shell",
        status: int = 0,
    ) -> Drilled:
        """Run ``job.sh``.

        Args:
            interpreter: ``bash``, ``dash`` or ``sh``, which is bash called by that name.
            files: the texts of ``job.sh`` and of what it runs.
            sent: the signal that is sent when everything has come to rest, ``TERM`` say; ``None``: none is.
            to: ``shell``, the process that was started, or ``group``, all of its process group.
            status: the trainings' own exit status where they end by themselves.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"interpreter": interpreter, "files": dict(files), "sent": sent, "to": to, "status": status}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        answer["trainings"] = tuple(Training(**one) for one in answer["trainings"])
        return Drilled(**answer)

    def close(self) -> None:
        """End the process that runs the scripts."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        if self._process.stdout is not None:
            self._process.stdout.close()


@contextlib.contextmanager
def drilling() -> Iterator[Drill]:
    """Give a `Drill`, and close it."""
    drill = Drill()
    try:
        yield drill
    finally:
        drill.close()


# What follows runs in the process of its own.


@dataclass
class _Run:
    folder: Path
    environment: Mapping[str, str]
    shell: int = 0
    statuses: dict[int, int] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        return self.folder / "drill.log"

    def start(self, interpreter: str) -> None:
        program = {"sh": "bash"}.get(interpreter, interpreter)
        with open(self.folder / "drill.out", "wb") as output:
            self.shell = os.posix_spawnp(
                program,
                [interpreter, "job.sh"],
                dict(self.environment),
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, output.fileno(), 1),
                    (os.POSIX_SPAWN_DUP2, output.fileno(), 2),
                ],
                setsid=True,
                # What was started in the background has SIGINT ignored, and hands that on.
                setsigdef=signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP},
            )

    def reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                self.statuses[pid] = os.waitstatus_to_exitcode(status)

    @property
    def has_left(self) -> bool:
        return self.shell in self.statuses

    def settle(self, naps: int = 0) -> None:
        """Wait until nothing of the script has run between two looks.

        Args:
            naps: for how many short sleeps to wait: a trap runs when they are over.
        """
        start = time.monotonic()
        end = start + _PATIENCE
        last: dict[int, str] = {}
        same = 0
        while time.monotonic() < end:
            self.reap()
            now = {pid: _look_at(pid) for pid in _below(os.getpid())}
            is_quiet = now == last and all(look.startswith(("S", "Z", "T")) for look in now.values())
            same = same + 1 if is_quiet else 0
            naps_on = time.monotonic() < start + naps * _NAP * 1.5 and any(_is_nap(pid) for pid in now)
            if (same >= 2 and not naps_on) or not now:
                self.reap()
                return
            last = now
            time.sleep(_LOOK)

    def events(self) -> list[tuple[int, list[str]]]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [(int(words[0]), words[1:]) for words in (line.split() for line in lines)]

    def training_pids(self) -> dict[int, str]:
        """Return the trainings that are running: not ended, and alive."""
        ready = {pid: words[0] for pid, words in self.events() if words[1:] == ["ready"]}
        ended = {pid for pid, words in self.events() if words[1:] == ["end"]}
        alive = _below(os.getpid())
        return {pid: name for pid, name in ready.items() if pid not in ended and pid in alive}

    def open_gate(self, name: str) -> None:
        gate = os.open(f"{self.log}.{name}", os.O_RDWR | os.O_NONBLOCK)
        os.write(gate, b"x" * 1000)
        _OPEN.append(gate)

    def end_all(self) -> None:
        """Kill whatever is left, and its children that come to us."""
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            self.reap()
            left = _below(os.getpid())
            if not left:
                return
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.001)


_OPEN: list[int] = []
"""Gates that are open: what is in a named pipe is there as long as somebody has it open."""


def _below(parent: int) -> list[int]:
    found: list[int] = []
    waiting = [parent]
    while waiting:
        pid = waiting.pop()
        try:
            with open(f"/proc/{pid}/task/{pid}/children") as file:
                children = [int(word) for word in file.read().split()]
        except OSError:
            continue
        found += children
        waiting += children
    return found


def _is_nap(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read() == f"/bin/sleep\0{_NAP}\0".encode()
    except OSError:
        return False


def _look_at(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/status") as file:
            lines = file.read().splitlines()
    except OSError:
        return "gone"
    values = dict(line.split(":\t", 1) for line in lines if line.startswith(("State", "voluntary", "nonvoluntary")))
    return " ".join((values["State"], values["voluntary_ctxt_switches"], values["nonvoluntary_ctxt_switches"]))


def _drill(folder: Path, tools: Path, request: Mapping[str, object]) -> dict[str, object]:
    files = request["files"]
    assert isinstance(files, dict)
    for name, text in files.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    run = _Run(folder, {"PATH": f"{tools}:/usr/bin:/bin", "HOME": str(folder), "LC_ALL": "C", "SLURM_JOB_ID": "1"})
    run.environment = {**run.environment, "DRILL_LOG": str(run.log), "DRILL_STATUS": str(request["status"])}
    run.environment = {**run.environment, "DRILL_TOP": str(os.getpid())}
    for gate in ("handled", "trained"):
        os.mkfifo(f"{run.log}.{gate}")
        _OPEN.append(os.open(f"{run.log}.{gate}", os.O_RDWR | os.O_NONBLOCK))
    try:
        run.start(str(request["interpreter"]))
        run.settle(naps=2)
        had_left = run.has_left
        running = run.training_pids()
        sent = request["sent"]
        if sent is not None and not had_left:
            number = signal.Signals[f"SIG{sent}"]
            if request["to"] == "group":
                os.killpg(run.shell, number)
            else:
                os.kill(run.shell, number)
            run.settle(naps=3)
        has_left = run.has_left
        still = run.training_pids()
        got: dict[int, str] = {}
        for pid, words in run.events():
            if words[1] == "got":
                got.setdefault(pid, words[2])
        was_left = {pid for pid in running if has_left and pid in still}
        if sent is None:
            run.open_gate("trained")
        run.open_gate("handled")
        run.settle()
        _await_end(run)
        for pid, words in run.events():  # who was told only when another one had ended
            if words[1] == "got":
                got.setdefault(pid, f"late:{words[2]}")
        ended = {pid for pid, words in run.events() if words[1:] == ["end"]}
        alive = run.training_pids()
        trainings = [
            Training(name, got.get(pid), pid not in ended and pid not in alive and pid not in got, pid in was_left)
            for pid, name in running.items()
        ]
        events = run.events()
        requeued_first = False
        for index, (_, words) in enumerate(events):
            if words[0] == "scontrol" and words[1:] == ["requeue"]:
                before = {pid for pid, one in events[:index] if one[1:] == ["end"]}
                requeued_first = requeued_first or any(pid not in before for pid in running)
        drilled = Drilled(
            tuple(trainings),
            had_left,
            has_left,
            run.statuses.get(run.shell),
            requeued_first,
            (folder / "drill.out").read_text(errors="replace")[-2000:],
            run.log.read_text() if run.log.exists() else "",
        )
        return asdict(drilled)
    finally:
        run.end_all()
        while _OPEN:
            os.close(_OPEN.pop())


def _await_end(run: _Run) -> None:
    """Wait for a script that looks from time to time whether its trainings have ended."""
    end = time.monotonic() + 1.5
    while not run.has_left and not run.training_pids() and time.monotonic() < end:
        time.sleep(_LOOK)
        run.reap()


def _serve() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with tempfile.TemporaryDirectory(prefix="wbsignal-shells-") as name:
        root = Path(name)
        tools = root / "tools"
        tools.mkdir()
        for program, text in _STAND_INS.items():
            (tools / program).write_text(text)
            (tools / program).chmod(0o755)
        for line in sys.stdin:
            folder = root / "job"
            folder.mkdir()
            os.chdir(folder)
            answer = _drill(folder, tools, json.loads(line))
            os.chdir(root)
            shutil.rmtree(folder)
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _serve()
