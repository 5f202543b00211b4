"""What the environment has the wandb client do with a run: send it, keep it in a file for `wandb sync`, or nothing.

Hosts say what they put into the environment of what they start (`told_in`, or names and values that they read); the
reader adds what the shell around a command says, and asks `recording_of` once for every agent and training.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from enum import Enum

from wbsignal_lint.launch.mapped import MappedText
from wbsignal_lint.launch.shell_text import ShellCommand
from wbsignal_lint.launch.words import Expander

__all__ = ["MODE_VARIABLES", "Recording", "Variables", "recording_of", "recording_under", "told_in"]

Variables = Mapping[str, str]
"""What a host sets of `MODE_VARIABLES`: names and values as written."""

MODE_VARIABLES = ("WANDB_MODE", "WANDB_DISABLED")
"""``WANDB_DISABLED`` is none of the client's; Hugging Face's trainers ask for it and then never call the client."""
_ON = frozenset({"true", "1", "yes", "on"})
_SETS = re.compile(r"(?<![\w-])(WANDB_MODE|WANDB_DISABLED)=[\"']?(\w+)")
_DEFAULT = re.compile(r"\$\{\w+:?[-=](.*)\}", re.DOTALL)
_SETS_DEFAULT = re.compile(r"\$\{(WANDB_MODE|WANDB_DISABLED):?=[\"']?(\w+)")
_SWITCH = re.compile(r"^wandb (enabled|online|disabled|offline)\b", re.MULTILINE)


class Recording(Enum):
    """What becomes of a run's records."""

    ONLINE = "sent to the server"
    OFFLINE = "kept in a file"
    NOTHING = "dropped"


def told_in(text: str) -> Variables:
    """Return what a text such as ``--export=ALL,WANDB_MODE=disabled`` puts into the environment of what it starts."""
    return dict(_SETS.findall(text))


def recording_of(command: ShellCommand, expander: Expander, around: Variables) -> Recording:
    """Say what becomes of the records of what a command starts.

    Args:
        command: starts an agent or a training.
        expander: knows what the variables are worth at the command.
        around: what the script itself finds in its environment.
    """
    before = _said_before(expander.environment.shell.source.text, command.position)
    values = {**around, **{name: value for name, value in before if name}}
    for name in MODE_VARIABLES:
        if expander.environment.assigns(name):
            values[name] = expander.words([MappedText.of(f'"${name}"')])[0].value or ""
    told = _told({**values, **told_in(command.whole.text)})
    if told is not None:
        return told
    switch = next((value for name, value in reversed(before) if not name), "")
    if switch == "disabled":
        return Recording.NOTHING
    return Recording.OFFLINE if switch == "offline" else Recording.ONLINE


def recording_under(variables: Variables) -> Recording:
    """Say what becomes of the records of what finds these variables in its environment."""
    return _told(variables) or Recording.ONLINE


def _told(values: Variables) -> Recording | None:
    """Return what the variables say; ``None``: nothing."""
    mode, disabled = (_plain(values.get(name, "")) for name in MODE_VARIABLES)
    if mode == "disabled" or disabled in _ON:
        return Recording.NOTHING
    if mode in ("offline", "dryrun"):
        return Recording.OFFLINE
    return Recording.ONLINE if mode in ("online", "run") else None


def _plain(value: str) -> str:
    """Return a value as the client gets it where nobody says otherwise: ``disabled`` for ``${MODE:-disabled}``."""
    default = _DEFAULT.fullmatch(value.strip())
    return (value if default is None else default[1]).strip(" \t\"'").lower()


def _said_before(text: str, position: int) -> list[tuple[str, str]]:
    """Return the ``${WANDB_MODE:=offline}`` of a text up to a position; ``wandb offline`` stands there without a name.

    The client keeps the latter in a file.
    """
    return [found for at, found in _said(text) if at < position]


@functools.lru_cache(maxsize=4)
def _said(text: str) -> tuple[tuple[int, tuple[str, str]], ...]:
    defaults = [(match.start(), (match[1], match[2])) for match in _SETS_DEFAULT.finditer(text)]
    switches = [(match.start(), ("", match[1])) for match in _SWITCH.finditer(text)]
    return tuple(sorted(defaults + switches))
