"""The facts about a launch file that rules ask: its commands, what runs them, and the sweep agents among them.

Every span counts characters of the file, also for what stands in quotes, here-documents and variables.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from wbsignal_lint.diagnostics import Edit, Span
from wbsignal_lint.launch.children import Children
from wbsignal_lint.launch.mapped import MappedText
from wbsignal_lint.pins import Pin, pins_for

if TYPE_CHECKING:
    from wbsignal_lint.launch.containers import ContainerStart, GracePeriod, ShellForm, SweepCommand
    from wbsignal_lint.launch.steps import ShellScript

__all__ = [
    "AgentCommand",
    "Command",
    "Forwarding",
    "LaunchFile",
    "OptionSlot",
    "Runner",
    "Unknown",
    "Word",
]

UNKNOWN_PART = "\0"
"""Stands in :attr:`Word.pattern` for a part whose value is not in the file."""


_NAMED_OPTIONS = re.compile(r"(?:\b|_)(?:flags?|args|opts?|options?|params|extras?|forward\w*)(?:\b|_)", re.I)


@dataclass(frozen=True)
class Unknown:
    """A part of a word that the file does not tell, e.g. ``$1``."""

    source: MappedText
    """The expansion as written."""
    is_elastic: bool = False
    """Whether it can come to no word or to several: unquoted ``$FLAGS``."""
    is_list: bool = False
    """Whether it is a list of words by its nature: ``"$@"``, ``"${ARGS[@]}"``."""


@dataclass(frozen=True)
class Word:
    """One argument as the command gets it, after expansion and splitting."""

    pattern: str
    """The value, with ``\\0`` for every part that is not known."""
    span: Span
    """The word of the command that it comes from."""
    literal: MappedText
    """The characters it is made of, where they stand in the file; unknown parts as they are written."""
    unknowns: tuple[Unknown, ...] = ()
    insertion_point: int | None = None
    """Where a further argument can be written behind it; ``None`` when no place in the file does that."""
    expansion: Span | None = None
    """The variable's use that the word came out of; ``None`` for a word that stands in the command itself."""
    slot: OptionSlot | None = None
    """Where a further element can be written behind it, if it is an element of a list (``["wandb", "agent"]``)."""

    @property
    def value(self) -> str | None:
        """The value, or ``None`` when a part of it is unknown."""
        return None if self.unknowns else self.pattern

    @property
    def is_list(self) -> bool:
        """Whether this stands for any number of arguments of which nothing is known."""
        return any(unknown.is_list for unknown in self.unknowns)

    @property
    def is_opaque(self) -> bool:
        """Whether nothing at all is known of the value."""
        return bool(self.unknowns) and not self.pattern.strip(UNKNOWN_PART)

    @property
    def is_named_as_options(self) -> bool:
        """Whether its name, if it is unknown, says that it holds options: ``$SSH_OPTS``."""
        return _NAMED_OPTIONS.search(self.literal.text) is not None

    @property
    def program(self) -> str:
        """The last component of a path: ``wandb`` for ``/opt/env/bin/wandb``; ``""`` when that is unknown."""
        name = self.pattern.rpartition("/")[2]
        return "" if UNKNOWN_PART in name else name


@dataclass(frozen=True)
class Runner:
    """One link of the chain that runs a command: ``srun``, ``timeout``, ``bash -c``, a here-document …"""

    name: str
    span: Span


@dataclass(frozen=True)
class Command:
    """A simple command that the file runs, with everything that runs it taken off.

    ``srun -n1 env A=b wandb agent x`` is the command ``wandb agent x``, run by ``srun`` and ``env``.
    """

    words: tuple[Word, ...]
    span: Span
    """From its first to its last character in the file, runners included."""
    runners: tuple[Runner, ...] = ()
    in_background: bool = False
    """Started with ``&``."""
    stage: int = 0
    """Its place in its pipeline, from 0."""
    stages: int = 1
    """How many commands the pipeline has."""
    function: str | None = None
    """The shell function it stands in."""

    @property
    def text(self) -> str:
        """Its words, with blanks between them; ``?`` for one that is not known."""
        return " ".join("?" if word.value is None else word.value for word in self.words)


class Forwarding(Enum):
    """Whether an agent forwards signals to the runs it starts."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class OptionSlot:
    """Where an option can be written, and what separates it from its neighbours there."""

    offset: int
    before: str = " "
    after: str = ""

    def insert(self, option: str) -> Edit:
        """Return the edit that writes ``option`` here."""
        return Edit(Span(self.offset, self.offset), f"{self.before}{option}{self.after}")


@dataclass(frozen=True)
class AgentCommand:
    """A launch of a sweep agent: ``wandb agent …``."""

    command: Command
    span: Span
    """The ``wandb`` word."""
    forwarding: Forwarding
    wants_help: bool = False
    """``--help``: it prints and starts nothing."""
    options: tuple[tuple[str, str | None], ...] = ()
    """The options by their long names with the known values (``None``: unknown value, or an option without one)."""
    slot: OptionSlot | None = None
    """Behind the word ``agent``, where that word stands in the file."""


@dataclass(frozen=True)
class LaunchFile:
    """What a launch file does."""

    text: str
    commands: tuple[Command, ...] = ()
    """Every command in the order of its place in the file, once for every way its variables can turn out."""
    agents: tuple[AgentCommand, ...] = ()
    """The sweep agents it launches, one for each place."""
    wandb_versions: tuple[tuple[str, Span], ...] = field(default_factory=tuple)
    """Versions of wandb that the file itself installs: ``pip install wandb==0.23.1`` gives ``0.23.1``."""
    scripts: tuple[ShellScript, ...] = ()
    """The shell texts in it, each with what it does in order: the file itself, here-documents, ``bash -c`` …"""
    shell_forms: tuple[ShellForm, ...] = ()
    """The ``CMD`` and ``ENTRYPOINT`` lines of a Dockerfile that a shell runs."""
    sweeps: tuple[SweepCommand, ...] = ()
    """The commands of the W&B sweeps that it describes."""
    container_starts: tuple[ContainerStart, ...] = ()
    """What its containers start without a shell around it."""
    children: Children = field(default_factory=Children)
    """What Python does to the processes that it has started."""
    grace_periods: tuple[GracePeriod, ...] = ()
    """How long its containers have to end."""
    recorded: Mapping[Span, bool] = field(default_factory=dict)
    """Where commands stand whose runs W&B records, and whether it does so online."""
    sourced: tuple[Span, ...] = ()
    """The commands that source a file of the project. What that does is among the facts, and has their place."""
    path: Path | None = None
    """Where the file is, absolute; ``None`` if that isn't known."""

    def is_offline(self, place: Span) -> bool:
        """Whether the runs that a place speaks of are kept in a file (``WANDB_MODE=offline``), as far as one can tell.

        That is what it overlaps, or else all that the file starts.
        """
        if all(self.recorded.values()):
            return False
        there = [online for span, online in self.recorded.items() if span.start < place.end and place.start < span.end]
        return not any(there or self.recorded.values())

    @property
    def wandb_pins(self) -> tuple[Pin, ...]:
        """Which versions of wandb the file itself installs, or else what its project pins."""
        own = tuple(Pin((f"=={text}",), self.path or Path("this file")) for text, _ in self.wandb_versions)
        return own or ((self.pins["wandb"],) if "wandb" in self.pins else ())

    @property
    def pins(self) -> Mapping[str, Pin]:
        """What the file's project pins, by the normalised names of the packages."""
        return pins_for(self.path)
