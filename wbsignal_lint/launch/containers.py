"""What host files say of containers and sweeps beside the commands in them."""

from __future__ import annotations

from dataclasses import dataclass

from wbsignal_lint.diagnostics import Span
from wbsignal_lint.launch.facts import Word
from wbsignal_lint.launch.mapped import MappedText

__all__ = ["GracePeriod", "ShellForm", "SweepCommand"]


@dataclass(frozen=True)
class ShellForm:
    """A ``CMD`` or ``ENTRYPOINT`` that is no JSON array: docker has a shell run it."""

    keyword: str
    keyword_span: Span
    span: Span
    """The whole instruction."""
    text: MappedText
    """What the shell reads."""
    shell: str
    """The shell's name: ``sh``, or what ``SHELL`` says."""
    image: str
    """What the stage is built from."""
    is_alone: bool
    """Whether the stage has no other of the two instructions."""


@dataclass(frozen=True)
class SweepCommand:
    """The ``command:`` of a W&B sweep: what the agent starts for every run."""

    words: tuple[Word, ...]
    """Its elements; ``${args}`` and the like as they are written."""
    span: Span


@dataclass(frozen=True)
class GracePeriod:
    """How long the containers in a part of a file have between SIGTERM and SIGKILL."""

    key: str
    scope: Span
    """The part of the file that holds the containers."""
    seconds: float
    span: Span | None
    """The value; ``None`` where it is not given, and the default holds."""
