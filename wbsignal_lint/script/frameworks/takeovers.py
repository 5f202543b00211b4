"""Calls that take a signal away from the script's own handler, and calls that run a function somewhere else."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass

from wbsignal_lint.script.frameworks.evidence import Known

__all__ = [
    "ELSEWHERE",
    "ELSEWHERE_KNOWN",
    "ELSEWHERE_METHODS",
    "ELSEWHERE_SAYS",
    "SETTINGS",
    "TAKEOVERS",
    "Takeover",
    "takeover_of",
]


@dataclass(frozen=True)
class Takeover:
    """A handler that a call installs without asking."""

    by: str
    """How the call is named in messages."""
    number: int
    known: Known
    status: int | None
    """What it passes to the ``sys.exit`` that W&B has replaced; ``None`` if it lets the training go on."""
    says: str
    setting: str | None = None
    """It happens only if the object is created with settings in which this argument is true."""


TAKEOVERS: Mapping[str, Takeover] = {
    "ray.init": Takeover(
        "ray.init",
        int(signal.SIGTERM),
        Known(("ray",), measured=("2.60.0",), read=("2.9.3", "2.40.0")),
        int(signal.SIGTERM),
        "replaces the SIGTERM handler by one that calls sys.exit(signum)",
    ),
    "transformers.Trainer": Takeover(
        "transformers.Trainer",
        int(signal.SIGTERM),
        Known(("transformers",), measured=("5.23.0",), read=("5.0.0",), since="5.0"),
        None,
        "with enable_jit_checkpoint=True replaces the SIGTERM handler by one that saves a checkpoint a few seconds "
        "later and ends the training as if it were done",
        setting="enable_jit_checkpoint",
    ),
}

SETTINGS = frozenset(takeover.setting for takeover in TAKEOVERS.values() if takeover.setting is not None)
"""The arguments that make some of them happen."""


def takeover_of(path: str) -> Takeover | None:
    """Return what a call takes away, by its canonical name; the trainers built on Hugging Face's do what that does."""
    package, _, name = path.partition(".")
    if package in ("transformers", "trl") and name.endswith("Trainer"):
        path = "transformers.Trainer"
    return TAKEOVERS.get(path)


ELSEWHERE = frozenset({"submitit.AutoExecutor", "submitit.SlurmExecutor", "submitit.LocalExecutor"})
ELSEWHERE_METHODS = frozenset({"submit", "map_array"})
"""Objects whose methods run a function in a job of its own, in the main thread there, without the script's handlers."""

ELSEWHERE_SAYS = (
    "runs functions in the main thread of a job of their own, where it binds SIGTERM and SIGCONT to handlers that go "
    "on, and SIGUSR2 ($SUBMITIT_PREEMPT_SIGNAL) to one that requeues the job and leaves by sys.exit(-1), unmarked; "
    "near the time limit it raises UncompletedJobError instead, recorded as 1, unless the function has a checkpoint()"
)
ELSEWHERE_KNOWN = Known(("submitit",), measured=("1.5.4",), read=("1.4.5", "1.5.1", "1.5.4"))
