"""What host files say of containers and sweeps beside the commands in them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wbsignal_lint.diagnostics import Span
from wbsignal_lint.launch.facts import UNKNOWN_PART, Command, Unknown, Word
from wbsignal_lint.launch.mapped import MappedText

if TYPE_CHECKING:
    from wbsignal_lint.launch.steps import ShellScript

__all__ = ["ContainerStart", "GracePeriod", "ShellForm", "SweepCommand"]

_MACROS = {"${env}": "/usr/bin/env", "${interpreter}": "python"}


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
    command: Command | None = None
    """What it runs in the end; without words where that is a script."""
    script: ShellScript | None = None
    """The shell text that it runs: ``bash -c '…'``."""
    program: Word | None = None
    """The sweep's ``program:``."""

    def arguments(self) -> Iterator[Word]:
        """Yield its elements as the agent fills them in; parameters are any number of unknown words."""
        for word in self.words:
            if word.pattern in _MACROS:
                yield replace(word, pattern=_MACROS[word.pattern])
            elif word.pattern == "${program}" and self.program is not None:
                yield replace(word, pattern=self.program.pattern)
            elif word.pattern.startswith("${") and word.pattern.endswith("}"):
                is_one = word.pattern == "${program}"
                yield replace(word, pattern=UNKNOWN_PART, unknowns=(Unknown(word.literal, not is_one, not is_one),))
            else:
                yield word


@dataclass(frozen=True)
class ContainerStart:
    """What a container starts as its first process, without a shell around it: ``ENTRYPOINT ["./start.sh"]``."""

    words: tuple[Word, ...]
    span: Span
    copies: tuple[tuple[str, str], ...] | None = None
    """Paths in the image and where in the project they come from, directories ending in ``/``; ``None``: not known."""
    workdir: str = ""
    command: Command | None = None
    """What it runs in the end; without words where that is a script."""
    script: ShellScript | None = None
    """The shell text that it runs: ``["bash", "-c", "…"]``."""

    def arguments(self) -> Iterator[Word]:
        """Yield its elements."""
        yield from self.words

    def project_paths(self, path: str) -> list[str]:
        """Return where in the project a file of the container may come from, the likeliest first.

        Where it is not known what is copied, a path below the working directory is taken for one below the project.
        """
        if self.copies is None:
            return [] if path.startswith("/") else [path]
        if "/" not in path:  # found by PATH, or a shell's operand
            named = [source for target, source in self.copies if source.rpartition("/")[2] == path]
        else:
            named = []
        full = posixpath.normpath(posixpath.join("/", self.workdir, path))
        found = [source for target, source in self.copies if target == full]
        for target, source in self.copies:
            if target.endswith("/") and full.startswith(target):
                inner = full[len(target) :]
                if source.endswith("/"):
                    found.append(posixpath.normpath(source + inner))
                elif source.rpartition("/")[2] == inner:
                    found.append(source)
        return [*found, *named]


@dataclass(frozen=True)
class GracePeriod:
    """How long the containers in a part of a file have between SIGTERM and SIGKILL."""

    key: str
    scope: Span
    """The part of the file that holds the containers."""
    seconds: float
    span: Span | None
    """The value; ``None`` where it is not given, and the default holds."""
