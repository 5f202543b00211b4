"""The stages of a Dockerfile: what containers of their images start, and what ends them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from wbsignal_lint.diagnostics import Span
from wbsignal_lint.launch.containers import ContainerStart, Image, ImageFiles, ShellForm, Stop
from wbsignal_lint.launch.facts import Word
from wbsignal_lint.launch.mapped import MappedText
from wbsignal_lint.launch.recording import Variables
from wbsignal_lint.launch.wrappers import SHELLS

if TYPE_CHECKING:
    from wbsignal_lint.launch.hosts.dockerfile import Instruction

__all__ = ["Entry", "Stage"]

_FROM = re.compile(r"(?P<image>\S+)(?:\s+AS\s+(?P<name>\S+))?", re.IGNORECASE)
_DEFAULT_SHELL = ("/bin/sh", "-c")


@dataclass(frozen=True)
class Entry:
    """A ``CMD`` or ``ENTRYPOINT``."""

    one: Instruction
    shell: tuple[str, ...]
    """What reads its shell form."""

    @property
    def is_shell_form(self) -> bool:
        """Whether it is no JSON array."""
        return self.one.arguments is None

    @property
    def words(self) -> tuple[Word, ...]:
        """What it adds to the arguments of process 1; docker puts a shell in front of the shell form."""
        if self.one.arguments is not None:
            return tuple(argument.word() for argument in self.one.arguments)
        at = Span(self.one.span.start, self.one.span.start + len(self.one.keyword))
        text = self.one.rest
        shell = [Word(name, at, MappedText.nowhere(name)) for name in self.shell]
        return (*shell, Word(text.text, text.span, text))


@dataclass
class Stage:
    """What the instructions of a stage have said so far; it begins with what the stage has said that it is built on."""

    name: str = ""
    base: str = ""
    """What it is built from, outside the file."""
    shell: tuple[str, ...] = _DEFAULT_SHELL
    workdir: str = "/"
    stop_signal: str | None = None
    variables: Variables = field(default_factory=dict)
    """What ``ENV`` has put into the environment."""
    entries: dict[str, Entry] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)
    """Which of ``CMD`` and ``ENTRYPOINT`` it sets itself."""

    @classmethod
    def begun(cls, image: str, stages: dict[str, Stage]) -> Stage:
        """Begin a stage with what stands behind ``FROM``."""
        match = _FROM.match(image)
        source, name = ("", "") if match is None else (match["image"], match["name"] or "")
        earlier = stages.get(source.lower())
        if earlier is None:
            return cls(name, source)
        return replace(earlier, name=name, entries=dict(earlier.entries), own=set())

    def set_entry(self, one: Instruction) -> None:
        """Take a ``CMD`` or ``ENTRYPOINT``: the last one counts. An entrypoint drops the command of an older stage."""
        if one.keyword == "ENTRYPOINT" and "CMD" not in self.own:
            self.entries.pop("CMD", None)
        self.entries[one.keyword] = Entry(one, self.shell)
        self.own.add(one.keyword)

    @property
    def instructions(self) -> dict[str, Instruction]:
        """The two instructions, as far as there are any."""
        return {keyword: entry.one for keyword, entry in self.entries.items()}

    def image(self, copies: tuple[tuple[str, str], ...]) -> Image:
        """Return what it says of its containers."""
        entrypoint, command = self.entries.get("ENTRYPOINT"), self.entries.get("CMD")
        return Image(
            self.name,
            self.base,
            () if entrypoint is None else entrypoint.words,
            takes_command=entrypoint is None or not entrypoint.is_shell_form,
            command=() if command is None else command.words,
            stop_signal=self.stop_signal,
            files=ImageFiles(copies, self.workdir),
        )

    def start(self, copies: tuple[tuple[str, str], ...]) -> ContainerStart | None:
        """Return what its containers start, if the stage itself has something to say about it."""
        image = self.image(copies)
        used = [self.entries[keyword] for keyword in ("ENTRYPOINT", "CMD") if keyword in self.entries]
        used = used if image.takes_command else used[:1]
        own = [self.entries[keyword].one for keyword in self.own]
        if not own or not image.words or not all(entry.shell for entry in used if entry.is_shell_form):
            return None
        return ContainerStart(
            image.words,
            Span(min(one.span.start for one in own), max(one.span.end for one in own)),
            image.files,
            is_shell_form=any(entry.is_shell_form for entry in used),
            image=self.base,
            unknown_entrypoint=image.unknown_entrypoint,
            stop=Stop(signal=self.stop_signal),
        )

    def shell_forms(self, copies: tuple[tuple[str, str], ...]) -> list[ShellForm]:
        """Return its ``CMD`` and ``ENTRYPOINT`` in shell form."""
        files = ImageFiles(copies, self.workdir)
        return [
            ShellForm(
                entry.one.keyword,
                Span(entry.one.span.start, entry.one.span.start + len(entry.one.keyword)),
                entry.one.span,
                entry.one.rest,
                next((name for name in map(_program, entry.shell) if name in SHELLS), ""),
                self.base,
                len(self.entries) == 1,
                files,
            )
            for keyword, entry in self.entries.items()
            if keyword in self.own and entry.is_shell_form and entry.one.rest.text and entry.shell
        ]


def _program(path: str) -> str:
    return path.rpartition("/")[2]
