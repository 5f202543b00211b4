"""What training frameworks do with signals, as data: what a blocking call such as ``trainer.fit()`` makes of them.

Lightning: measured with lightning 2.6.6, wandb 0.31.0 and a WandbLogger, outside SLURM. Its SIGTERM handler raises an
exception that is a SystemExit without a code; a handler of the script's own, registered before, runs as well and
decides. Hugging Face's Trainer: read in transformers 5.23; it leaves signals alone unless ``enable_jit_checkpoint`` is
set.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass, field

__all__ = ["FRAMEWORKS", "Framework", "Leaving", "framework_of", "opens_run"]


@dataclass(frozen=True)
class Leaving:
    """How a framework leaves its blocking call on a signal that the script does not handle."""

    status: int | None
    """The status given to ``sys.exit``; ``None`` for an exit without one."""
    seen: bool
    """Whether W&B's replacement of ``sys.exit`` was called."""
    lineage: tuple[str, ...] = ("builtins.SystemExit",)
    """The exception and its bases, by all the names under which scripts import it."""


@dataclass(frozen=True)
class Framework:
    """One framework."""

    name: str
    packages: frozenset[str]
    """The packages whose ``…Trainer`` classes are meant."""
    methods: frozenset[str]
    """The calls that train and block."""
    on_signal: dict[int, Leaving] = field(default_factory=dict)
    """What it does with signals that the script has no handler for; all others keep their default."""


_SIGTERM_EXCEPTION = "utilities.exceptions.SIGTERMException"

FRAMEWORKS = (
    Framework(
        "Lightning",
        frozenset({"lightning", "pytorch_lightning", "lightning_fabric"}),
        frozenset({"fit"}),
        {
            int(signal.SIGTERM): Leaving(
                None,
                seen=False,
                lineage=(
                    f"lightning.pytorch.{_SIGTERM_EXCEPTION}",
                    f"pytorch_lightning.{_SIGTERM_EXCEPTION}",
                    "builtins.SystemExit",
                ),
            ),
            int(signal.SIGINT): Leaving(1, seen=True),
        },
    ),
    Framework("Hugging Face Trainer", frozenset({"transformers", "trl"}), frozenset({"train"})),
)

_OPENS_RUN = frozenset({"WandbLogger", "WandbCallback"})


def framework_of(path: str, method: str) -> Framework | None:
    """Return the framework whose trainer a class path names, if ``method`` is its blocking call."""
    package, _, name = path.partition(".")
    if not name.endswith("Trainer"):
        return None
    return next((known for known in FRAMEWORKS if package in known.packages and method in known.methods), None)


def opens_run(path: str) -> bool:
    """Say whether creating an object of this class opens a run: a logger or callback for W&B."""
    return path.rpartition(".")[2] in _OPENS_RUN
