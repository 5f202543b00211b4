"""The first gate: can this file hold anything that a launch rule speaks of? Stdlib only, one pass over the bytes."""

from __future__ import annotations

import ast
import re

__all__ = ["bytes_pass", "may_start_training", "python_bytes_pass", "python_tree_passes", "scripts_named"]

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
# What Python does with a training that it starts, and what can lose it: signals, time limits, statuses, jobs.
_PYTHON_STARTS = (b"subprocess", b"os.system", b"SBATCH")
_PYTHON_LOSES = re.compile(rb"\.kill\(|killpg|SIGKILL|\.terminate\(|send_signal|\btimeout=|sbatch|SBATCH")
_PYTHON_CHECKS = (b"|", b"shell=True", b"check")
_PYTHON_NAMES = re.compile(rb"\.(?:py|sh|bash)\b|[\"' ]-m\b")
_AGENT = re.compile(r"\bagent\b")
_SCRIPT = re.compile(r"(?<![\w./-])[\w./-]*\w\.(?:py|sh|bash)\b|(?<![\w-])-m[\"', ]+([A-Za-z_][\w.]*)")
_MAX_SCRIPTS = 50
"""Names of Python files in one file that are looked for."""


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
    return b"--cancel" in data or may_start_training(data, host)


def may_start_training(data: bytes, host: str | None = None) -> bool:
    """Tell whether the bytes of a launch file run Python or scripts and do something by which their end can be lost.

    Whether W&B records what they run may be said by the files that they name alone.
    """
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
    """Tell whether a Python file can launch a sweep agent, or do something to a training that it launches."""
    if data.startswith(b"#!") and b"\n#SBATCH" in data:
        return True  # a batch script
    if b"submitit" in data and b"additional_parameters" in data:
        return True
    return _launches_agent(data) or (
        any(word in data for word in _PYTHON_STARTS)
        and _PYTHON_NAMES.search(data) is not None
        and (_PYTHON_LOSES.search(data) is not None or all(word in data for word in _PYTHON_CHECKS))
    )


def _launches_agent(data: bytes) -> bool:
    return b"agent" in data and _names_program(data) and _PYTHON_LAUNCHES.search(data) is not None


def scripts_named(text: str) -> frozenset[str]:
    """Return the files of Python and shell that a text names, modules behind ``-m`` as the paths of theirs."""
    found: set[str] = set()
    for match in _SCRIPT.finditer(text):
        found.add(match[0] if match[1] is None else match[1].replace(".", "/") + ".py")
        if len(found) >= _MAX_SCRIPTS:
            break
    return frozenset(found)


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
