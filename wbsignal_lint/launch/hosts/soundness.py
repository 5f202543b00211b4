"""Is a fixed host file as good as it was?"""

from __future__ import annotations

from wbsignal_lint.launch.hosts import read_hosted
from wbsignal_lint.launch.hosts.notebook import python_of
from wbsignal_lint.launch.hosts.parts import Hosted, ShellPart
from wbsignal_lint.launch.syntax import count_errors

__all__ = ["is_as_sound"]


def is_as_sound(before: str, after: str, host: str) -> bool:
    """Return whether a changed file still reads as it did: all of it, as many parts, no more errors in its shell."""
    old, new = read_hosted(before, host), read_hosted(after, host)
    if old.is_whole and not new.is_whole:
        return False
    if len(old.parts) != len(new.parts) or _errors(new) > _errors(old):
        return False
    return host != "notebook" or _python_cells(after) >= _python_cells(before)


def _errors(hosted: Hosted) -> int:
    return sum(count_errors(part.text.text) for part in hosted.parts if isinstance(part, ShellPart))


def _python_cells(text: str) -> int:
    """Return how many lines of a notebook are read as Python."""
    python, _ = python_of(text)
    return sum(bool(line.strip()) for line in python.splitlines()) - sum(
        bool(line.strip()) for line in text.splitlines()
    )
