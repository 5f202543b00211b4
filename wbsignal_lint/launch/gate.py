"""The first gate: can this file hold anything that a launch rule speaks of? Stdlib only, one pass over the bytes."""

from __future__ import annotations

import re

__all__ = ["bytes_pass"]

# The client installs itself under two names, `wandb` and `wb`. The program and its command need not stand side by side
# (`WANDB=wandb; $WANDB agent`, `wandb \` + newline + `agent`), so each is looked for on its own.
_PROGRAM = re.compile(rb"wandb|(?<![\w-])wb(?![\w-])")


def bytes_pass(data: bytes) -> bool:
    """Tell whether the bytes of a launch file are worth parsing.

    True for every file in which ``wandb agent`` can be launched by words that stand in the file; a file that takes even
    these words from elsewhere is unknown to the rules anyway.
    """
    return b"agent" in data and _PROGRAM.search(data) is not None
