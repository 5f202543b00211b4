"""What a drill has to know of the script that a command runs."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path

__all__ = ["runs_python_agent", "script_of_command"]


def script_of_command(command: Sequence[str]) -> str | None:
    """Return the Python script that a command runs: the first argument that is one."""
    return next((word for word in command if word.endswith(".py")), None)


def runs_python_agent(command: Sequence[str], cwd: Path | None = None) -> bool:
    """Say whether a command's script calls ``wandb.agent()``, which waits for a server to hand it a run."""
    script = script_of_command(command)
    if script is None:
        return False
    try:
        tree = ast.parse((cwd or Path()).joinpath(script).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return False  # the drill itself shows what is wrong with the command
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "agent"
        for node in ast.walk(tree)
    )
