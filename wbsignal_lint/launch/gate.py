"""The first gate: can this file hold anything that a launch rule speaks of? Stdlib only, one pass over the bytes."""

from __future__ import annotations

import ast
import re

__all__ = ["bytes_pass", "python_bytes_pass", "python_tree_passes"]

# The client installs itself under two names, `wandb` and `wb`. The program and its command need not stand side by side
# (`WANDB=wandb; $WANDB agent`, `wandb \` + newline + `agent`), so each is looked for on its own.
_SHORT = re.compile(rb"wb(?<![\w-]wb)(?![\w-])")
_TRAINS = re.compile(rb"python|\.sh\b|\.py\b|\buv\b|torchrun|accelerate|deepspeed")
# What a script does with signals, exit statuses and other processes.
_BEHAVIOUR = re.compile(
    rb"[|&]|\b(?:trap|exec|exit|kill|wait|srun|timeout|requeue|sbatch)\b|^#(?:SBATCH|PBS|BSUB)", re.MULTILINE
)
# What starts processes in Python, or names a file that will.
_PYTHON_LAUNCHES = re.compile(
    rb"subprocess|system\b|popen|Popen|\bexec|spawn|_process\b|CommandFunction|send_keys|getoutput|\.run\b|\.sudo\b|"
    rb"[Cc]ommand\b|\bsh\b|write"
)
_AGENT = re.compile(r"\bagent\b")


def bytes_pass(data: bytes, host: str | None = None) -> bool:
    """Tell whether the bytes of a launch file, or of a host of shell, are worth parsing.

    True for every file in which ``wandb agent`` can be launched by words that stand in the file; a file that takes
    even these words from elsewhere is unknown to the rules anyway. True also for a file that speaks of wandb, trains,
    and does something by which the end of the training can be lost.
    """
    if b"agent" in data and _names_program(data):
        return True
    if host == "yaml" and b"method" in data and b"parameters" in data and b"command" in data:
        return True  # a sweep, which need not speak of wandb
    if b"wandb" not in data.lower():
        return False
    if b"--cancel" in data:
        return True
    if _TRAINS.search(data) is None:
        return False
    return (
        host == "dockerfile"
        or (host == "yaml" and (b"command" in data or b"entrypoint" in data))
        or _BEHAVIOUR.search(data) is not None
    )


def _names_program(data: bytes) -> bool:
    # Most files that name neither are passed over by looks for plain bytes, which take a tenth of a pattern's time.
    return b"wandb" in data or (b"wb" in data and _SHORT.search(data) is not None)


def python_bytes_pass(data: bytes) -> bool:
    """Tell whether the bytes of a Python file can launch a sweep agent from its command line."""
    return b"agent" in data and _names_program(data) and _PYTHON_LAUNCHES.search(data) is not None


def python_tree_passes(tree: ast.Module) -> bool:
    """Tell whether a string of a Python file, docstrings aside, has the word ``agent`` in it."""
    documentation = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return any(
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and _AGENT.search(node.value) is not None
        and id(node) not in documentation
        for node in ast.walk(tree)
    )
