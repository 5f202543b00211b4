"""The first gate: can this file hold anything that a launch rule speaks of? Stdlib only, one pass over the bytes."""

from __future__ import annotations

import re

__all__ = ["bytes_pass"]

# The client installs itself under two names, `wandb` and `wb`. The program and its command need not stand side by side
# (`WANDB=wandb; $WANDB agent`, `wandb \` + newline + `agent`), so each is looked for on its own.
_PROGRAM = re.compile(rb"wandb|(?<![\w-])wb(?![\w-])")
_MENTION = re.compile(rb"wandb", re.IGNORECASE)
_TRAINS = re.compile(rb"python|\.py\b|torchrun|accelerate|deepspeed")
# What a script does with signals, exit statuses and other processes.
_BEHAVIOUR = re.compile(
    rb"[|&]|\b(?:trap|exec|exit|kill|wait|srun|timeout|requeue|sbatch)\b|^#(?:SBATCH|PBS|BSUB)", re.MULTILINE
)


def bytes_pass(data: bytes) -> bool:
    """Tell whether the bytes of a launch file are worth parsing.

    True for every file in which ``wandb agent`` can be launched by words that stand in the file; a file that takes
    even these words from elsewhere is unknown to the rules anyway. True also for a file that speaks of wandb, trains,
    and does something by which the end of the training can be lost.
    """
    if b"agent" in data and _PROGRAM.search(data) is not None:
        return True
    return (
        _MENTION.search(data) is not None and _TRAINS.search(data) is not None and _BEHAVIOUR.search(data) is not None
    )
