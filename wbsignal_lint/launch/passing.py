"""What programs that run another program do with the signals they get, as data.

Measured with bash 5.2, coreutils 9.1, SLURM 22.05.8 and 24.11.5, torchrun (torch 2), accelerate, uv 0.13.9. A program
that is not here is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

__all__ = ["ELSEWHERE", "PASSING", "Manner", "Passing"]


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
    "accelerate": _DIES,
    "time": _DIES,
    "xargs": _DIES,
    "flock": _DIES,
    "setsid": _DIES,
}
"""By the name of the program."""

ELSEWHERE = frozenset(
    {
        *("ssh", "autossh", "mosh", "pdsh", "tmux", "byobu", "screen", "kubectl", "oc", "gcloud", "docker", "podman"),
        *("docker-compose", "nerdctl", "sbatch", "qsub", "bsub", "oarsub", "ts", "tsp", "pueue", "hq", "systemd-run"),
        *("<<", "at", "batch", "watch", "parallel", "sem", "find"),
    }
)
"""Programs that have something run outside the caller's own tree of processes, or later, or many times."""
