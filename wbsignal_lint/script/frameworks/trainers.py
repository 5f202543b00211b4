"""Trainers: what a blocking call such as ``trainer.fit()`` makes of signals."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from wbsignal_lint.pins import Pin
from wbsignal_lint.script.frameworks.evidence import Known

__all__ = ["LIGHTNING_EXIT", "TRAINERS", "Leaving", "Reaction", "Trainer", "opens_run", "trainer_of"]


@dataclass(frozen=True)
class Leaving:
    """How a trainer leaves its blocking call on a signal that the script does not handle."""

    status: int | None
    """The exit status; ``None`` for an exit without one."""
    seen: bool
    """Whether W&B's replacement of ``sys.exit`` was called."""
    how: str = "sys.exit"
    lineage: tuple[str, ...] = ("builtins.SystemExit",)
    """The exception and its bases, by all the names under which scripts import it."""


class Otherwise(Enum):
    """What else a trainer can do about a signal."""

    RETURNS = "the call returns, as if the training had come to its end"


@dataclass(frozen=True)
class Reaction:
    """What a trainer does on one signal, in the versions for which that is known."""

    known: Known
    does: Leaving | Otherwise
    says: str


@dataclass(frozen=True)
class Trainer:
    """The trainer of one framework."""

    name: str
    packages: frozenset[str]
    """The packages whose ``…Trainer`` classes are meant."""
    methods: frozenset[str]
    """The calls that train and block."""
    on_signal: Mapping[int, tuple[Reaction, ...]] = field(default_factory=dict)
    """What it does with signals that the script has no handler for; all others keep their default."""
    outdated: frozenset[str] = frozenset()
    """Arguments and hooks that the versions spoken of no longer take: a script with one is for older ones."""

    def reaction(self, number: int, pins: Mapping[str, Pin], names: frozenset[str]) -> Reaction | Literal[False] | None:
        """Return what it does on a signal.

        Args:
            number: the signal.
            pins: what the project pins.
            names: the words that the script passes arguments and defines methods under.

        Returns:
            The reaction; ``False`` if it has none of its own; ``None`` if that depends on a version nobody has pinned.
        """
        answers = [(self._holds(reaction, pins, names), reaction) for reaction in self.on_signal.get(number, ())]
        certain = next((reaction for holds, reaction in answers if holds), None)
        if certain is not None:
            return certain
        return None if any(holds is None for holds, _ in answers) else False

    def _holds(self, reaction: Reaction, pins: Mapping[str, Pin], names: frozenset[str]) -> bool | None:
        holds = reaction.known.holds(pins)
        return False if holds and names & self.outdated and not _is_pinned(reaction.known, pins) else holds


def _is_pinned(known: Known, pins: Mapping[str, Pin]) -> bool:
    return any(package in pins for package in known.packages)


LIGHTNING_EXIT = "Lightning's own handler"
_LIGHTNING = ("lightning", "pytorch-lightning")
_SIGTERM_EXCEPTION = "utilities.exceptions.SIGTERMException"

# Measured with a WandbLogger outside SLURM. The first handler of the pair composed for SIGTERM is Lightning's, the
# second the script's own, registered before fit(): that one decides.
LIGHTNING = Trainer(
    "Lightning",
    frozenset({"lightning", "pytorch_lightning", "lightning_fabric"}),
    frozenset({"fit"}),
    {
        int(signal.SIGTERM): (
            Reaction(
                Known(
                    _LIGHTNING,
                    measured=("2.6.6",),
                    read=("1.9.5", "2.0.0", "2.0.9", "2.1.4", "2.2.5", "2.3.3", "2.4.0", "2.5.5"),
                    since="2.0",
                    assumed=True,
                ),
                Leaving(
                    None,
                    seen=False,
                    how=LIGHTNING_EXIT,
                    lineage=(
                        f"lightning.pytorch.{_SIGTERM_EXCEPTION}",
                        f"pytorch_lightning.{_SIGTERM_EXCEPTION}",
                        "builtins.SystemExit",
                    ),
                ),
                "fit() ends with SIGTERMException, a SystemExit without a code: status 0, W&B records 0",
            ),
        ),
        int(signal.SIGINT): (
            Reaction(
                Known(_LIGHTNING, measured=("2.6.6",), read=("2.5.5",), since="2.5.5"),
                Leaving(1, seen=True),
                "fit() ends with sys.exit(1): W&B records 1",
            ),
            Reaction(
                Known(_LIGHTNING, read=("2.4.0",), since="2.4", before="2.4.1"),
                Leaving(1, seen=False, how="exit"),
                "fit() ends with the builtin exit(1), which W&B does not see: it records 0",
            ),
            Reaction(
                Known(_LIGHTNING, read=("1.8.6", "1.9.5", "2.0.9", "2.1.4", "2.2.5", "2.3.3"), before="2.4"),
                Otherwise.RETURNS,
                "fit() catches the KeyboardInterrupt and returns",
            ),
        ),
    },
    # Trainer() and LightningModule lost these with 2.0 (migration guide of PyTorch Lightning).
    frozenset(
        {
            "amp_backend",
            "amp_level",
            "auto_lr_find",
            "auto_scale_batch_size",
            "auto_select_gpus",
            "checkpoint_callback",
            "distributed_backend",
            "flush_logs_every_n_steps",
            "gpus",
            "ipus",
            "move_metrics_to_cpu",
            "multiple_trainloader_mode",
            "num_processes",
            "progress_bar_refresh_rate",
            "replace_sampler_ddp",
            "resume_from_checkpoint",
            "terminate_on_nan",
            "tpu_cores",
            "track_grad_norm",
            "training_epoch_end",
            "validation_epoch_end",
            "test_epoch_end",
            "weights_summary",
        }
    ),
)

HUGGING_FACE = Trainer("Hugging Face Trainer", frozenset({"transformers", "trl"}), frozenset({"train"}))
"""Read in transformers 4.57.1, 5.0.0 and 5.23.0: it leaves signals alone (see takeovers.py for the exception)."""

TRAINERS = (LIGHTNING, HUGGING_FACE)

_OPENS_RUN = frozenset({"WandbLogger", "WandbCallback"})


def trainer_of(path: str, method: str) -> Trainer | None:
    """Return the trainer that a class path names, if ``method`` is its blocking call."""
    package, _, name = path.partition(".")
    if not name.endswith("Trainer"):
        return None
    return next((known for known in TRAINERS if package in known.packages and method in known.methods), None)


def opens_run(path: str) -> bool:
    """Say whether creating an object of this class opens a run: a logger or callback for W&B."""
    return path.rpartition(".")[2] in _OPENS_RUN
