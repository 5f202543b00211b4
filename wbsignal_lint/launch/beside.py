"""The shell script that a command runs from a file beside the launch file."""

from __future__ import annotations

import functools
from pathlib import Path

from wbsignal_lint.launch.facts import LaunchFile
from wbsignal_lint.launch.lookup import lookup_beside, text_beside
from wbsignal_lint.launch.steps import Launch, ShellScript
from wbsignal_lint.launch.wrappers import SHELLS

__all__ = ["script_run_by"]


def script_run_by(launch_file: LaunchFile, launch: Launch) -> tuple[str, ShellScript] | None:
    """Return the script file that a command runs: its name as written, and what it does.

    ``bash run.sh``, ``./run.sh``. Spans in it count characters of that file.

    Returns:
        ``None`` where the command runs none, or where it is not found.
    """
    words = launch.command.words
    if launch_file.path is None or launch.inner is not None or not words:
        return None
    name = words[0].value
    if launch.program in SHELLS:
        operands = [word for word in words[1:] if not word.pattern.startswith(("-", "+"))]
        if len(operands) < 1 or any(word.value in ("-c", "-s", "-o") for word in words[1:]):
            return None
        name = operands[0].value
    elif name is None or "/" not in name:
        return None  # found by PATH
    text = None if name is None else text_beside(launch_file.path, name)
    script = None if text is None else _read(text, launch_file.path)
    return None if name is None or script is None else (name, script)


@functools.lru_cache(maxsize=64)
def _read(text: str, launch_file: Path) -> ShellScript | None:
    # Not before a rule asks for it: the reader brings the parser along.
    from wbsignal_lint.launch.reader import read_launch

    scripts = read_launch(text, lookup_beside(launch_file)).scripts
    return scripts[0] if scripts else None
