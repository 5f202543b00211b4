"""What programs that run another program do with the signals they get, as data.

Measured with bash 5.2, coreutils 9.1, SLURM 22.05.8 and 24.11.5, torchrun (torch 2), accelerate, uv 0.13.9. A program
that is not here is not known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

__all__ = ["ELSEWHERE", "PASSING", "Manner", "Passing", "passing_of"]


class Manner(Enum):
    """How a program stands between its caller and what it runs."""

    REPLACED = "replaced"
    """It becomes the other program (``exec``): no process of its own."""
    STAYS = "stays"
    """It stays the parent; what it does not forward and does not ignore ends it, and the child is not told."""
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Passing:
    """What a program does with signals."""

    manner: Manner
    forwards: frozenset[str] = frozenset()
    """Signals that it passes on to what it runs."""
    kills: frozenset[str] = frozenset()
    """Signals on which it ends what it runs at once, with SIGKILL."""
    swallows: frozenset[str] = frozenset()
    """Signals that neither end it nor reach what it runs."""


def _names(names: str) -> frozenset[str]:
    return frozenset(names.split())


_REPLACED = Passing(Manner.REPLACED)
_DIES = Passing(Manner.STAYS)
_EVERYTHING = _names("TERM INT HUP QUIT USR1 USR2 XCPU")

_REPLACING = _names(
    "exec command builtin env nice nohup stdbuf ionice taskset prlimit chrt setpriv numactl gosu su-exec chroot "
    "unshare cgexec dotenv"
)

PASSING: Mapping[str, Passing] = {
    **dict.fromkeys(_REPLACING, _REPLACED),
    # The task gets USR1; TERM and INT to srun itself end the step with SIGKILL, or nothing arrives.
    "srun": Passing(Manner.STAYS, _names("USR1 USR2"), _names("TERM"), _names("INT")),
    "timeout": Passing(Manner.STAYS, _names("TERM INT HUP QUIT")),
    "gtimeout": Passing(Manner.STAYS, _names("TERM INT")),
    "uv": Passing(Manner.STAYS, _EVERYTHING),
    "tini": Passing(Manner.STAYS, _EVERYTHING),
    "dumb-init": Passing(Manner.STAYS, _EVERYTHING),
    "torchrun": Passing(Manner.STAYS, _names("TERM INT HUP QUIT")),
    "accelerate": Passing(Manner.UNKNOWN),  # which it is, its options say: `passing_of`
    "time": _DIES,
    "xargs": _DIES,
    "flock": _DIES,
    "setsid": _DIES,
}
"""By the name of the program."""

_PROCESSES = re.compile(r"--num[-_]processes[ =](\d+)(?!\S)")
_MACHINES = re.compile(r"--num[-_]machines[ =](\d+)(?!\S)")
_ACCELERATES_OTHER_WAYS = re.compile(r"--(?:use[-_](?:deepspeed|fsdp|megatron[-_]lm|mpi\w*)|multi[-_]gpu|tpu)(?!\S)")


def passing_of(program: str, command: str = "") -> Passing | None:
    """Return what a program does with the signals it gets, or ``None`` if it is not in the table.

    ``accelerate launch`` stays the parent of one process and tells it nothing; for several it is torchrun, which passes
    SIGTERM on. How many there are is for its configuration or the machine to say, where its options do not.

    Args:
        program: its name.
        command: its words, with blanks between them; ``?`` for one that is not known.
    """
    if program == "accelerate":
        processes, machines = _PROCESSES.search(command), _MACHINES.search(command)
        if any(found is not None and int(found[1]) > 1 for found in (processes, machines)):
            return PASSING["torchrun"]
        if processes is not None and int(processes[1]) == 1 and not _ACCELERATES_OTHER_WAYS.search(command):
            return _DIES
    return PASSING.get(program)


ELSEWHERE = frozenset(
    {
        *("ssh", "autossh", "mosh", "pdsh", "tmux", "byobu", "screen", "kubectl", "oc", "gcloud", "docker", "podman"),
        *("docker-compose", "nerdctl", "sbatch", "qsub", "bsub", "oarsub", "ts", "tsp", "pueue", "hq", "systemd-run"),
        *("<<", "at", "batch", "watch", "parallel", "sem", "find"),
    }
)
"""Programs that have something run outside the caller's own tree of processes, or later, or many times."""
