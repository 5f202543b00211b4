"""What host files say of containers and sweeps beside the commands in them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from wbsignal_lint.diagnostics import Span
from wbsignal_lint.launch.facts import UNKNOWN_PART, Command, Unknown, Word
from wbsignal_lint.launch.mapped import MappedText

if TYPE_CHECKING:
    from wbsignal_lint.launch.steps import ShellScript

__all__ = [
    "Build",
    "ContainerStart",
    "GracePeriod",
    "Image",
    "ImageFiles",
    "ShellForm",
    "Stop",
    "SweepCommand",
    "hands_over",
    "has_dash",
]

_MACROS = {"${env}": "/usr/bin/env", "${interpreter}": "python"}
_OTHER_SH = re.compile(
    r"alpine|busybox|fedora|centos|rocky|almalinux|redhat|\bubi\d|amazonlinux|oraclelinux|opensuse|suse|archlinux|nixos",
    re.IGNORECASE,
)
"""Images whose ``sh`` is not dash, and may give its place to a last command by itself."""
_GIVES_WAY = re.compile(
    r"(?:docker\.io/)?(?:library/)?(?:python|debian|ubuntu|pytorch/pytorch|nvidia/cuda)(?:[:@]\S*)?"
)
"""Images without an ``ENTRYPOINT`` of their own, or with one that ``exec``s what it is given (nvidia/cuda)."""


def has_dash(image: str) -> bool:
    """Whether the ``sh`` of an image is taken for dash: Debian's and Ubuntu's is, and most are built from these."""
    return _OTHER_SH.search(image) is None


def hands_over(image: str) -> bool:
    """Whether what an image has for an ``ENTRYPOINT``, if anything, is known to give its place to the command."""
    return _GIVES_WAY.fullmatch(image) is not None


@dataclass(frozen=True)
class Stop:
    """How a container is stopped: a signal to its process 1 and, after a grace period, SIGKILL to all that is left."""

    event: str = "stop"
    """What does it: ``stop`` in docker and compose, ``deletion`` of a pod; empty where that is not known."""
    signal: str | None = None
    """What is asked for: ``SIGINT``; ``None``: nothing is, and it is SIGTERM."""
    grace: float | None = 10.0
    """Seconds; ``None``: not known."""
    has_default_grace: bool = True
    has_init: bool = False
    """Whether an init (``init: true``) is process 1, and what the container starts is its child."""
    shares_processes: bool = False
    """Whether process 1 is the pod's and not the container's."""
    is_preceded: bool = False
    """Whether a hook is run before the signal, which may do anything (``preStop``)."""


@dataclass(frozen=True)
class Build:
    """The Dockerfile of the project that a container's image is built from."""

    dockerfile: str
    """Its path, from the file that names it."""
    context: str
    """The folder whose files it copies."""
    target: str
    """The stage; ``""``: the last one."""
    span: Span
    """Where it is named."""


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
    files: ImageFiles = field(default_factory=lambda: ImageFiles())
    """Where the files of the image come from."""


@dataclass(frozen=True)
class SweepCommand:
    """The ``command:`` of a W&B sweep: what the agent starts for every run."""

    words: tuple[Word, ...]
    """Its elements; ``${args}`` and the like as they are written. None: there is none, and the agent takes its own."""
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
class ImageFiles:
    """Where the files of an image come from."""

    copies: tuple[tuple[str, str], ...] | None = None
    """Paths in the image and where in the project they come from, directories ending in ``/``; ``None``: not known."""
    workdir: str = ""

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
class Image:
    """What a stage of a Dockerfile says of the containers of its image."""

    name: str
    """The stage's."""
    base: str
    """What it is built from, outside the file."""
    entrypoint: tuple[Word, ...] = ()
    takes_command: bool = True
    """Whether a command stands behind the entrypoint: not behind one in shell form."""
    command: tuple[Word, ...] = ()
    stop_signal: str | None = None
    files: ImageFiles = field(default_factory=ImageFiles)

    @property
    def words(self) -> tuple[Word, ...]:
        """What its containers start unless they are told otherwise."""
        return (*self.entrypoint, *self.command) if self.takes_command else self.entrypoint

    @property
    def unknown_entrypoint(self) -> str | None:
        """The image whose own entrypoint comes first, if it has one; ``None``: there is none, or it gives way."""
        return None if self.entrypoint or hands_over(self.base) else self.base


@dataclass(frozen=True)
class ContainerStart:
    """What a container starts as its first process."""

    words: tuple[Word, ...]
    span: Span
    files: ImageFiles = field(default_factory=ImageFiles)
    command: Command | None = None
    """What it runs in the end; without words where that is a script."""
    script: ShellScript | None = None
    """The shell text that it runs: ``["bash", "-c", "…"]``."""
    is_shell_form: bool = False
    """Whether docker put the shell in front: ``CMD python train.py``."""
    image: str = ""
    """The image, or what its Dockerfile builds it from."""
    unknown_entrypoint: str | None = None
    """The image whose own entrypoint comes first, if it has one; ``None``: what comes first is known."""
    build: Build | None = None
    """The Dockerfile that has to be asked for the rest."""
    is_command: bool = False
    """Whether these are arguments of the image's own entrypoint, whatever that is."""
    from_image: int = 0
    """How many of the words come from the Dockerfile that another file builds its image from."""
    stop: Stop = field(default_factory=Stop)

    def arguments(self) -> Iterator[Word]:
        """Yield its elements."""
        yield from self.words

    def project_paths(self, path: str) -> list[str]:
        """Return where in the project a file of the container may come from, the likeliest first."""
        found = self.files.project_paths(path)
        is_mounted = self.build is not None and not path.startswith("/")  # compose puts folders in place of copies
        return [*found, path] if is_mounted else found


@dataclass(frozen=True)
class GracePeriod:
    """How long the containers in a part of a file have between SIGTERM and SIGKILL."""

    key: str
    scope: Span
    """The part of the file that holds the containers."""
    seconds: float
    span: Span | None
    """The value; ``None`` where it is not given, and the default holds."""
