"""What a host file hands over: shell text and argument lists, each with the place of every character in the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from wbsignal_lint.diagnostics import Span
from wbsignal_lint.launch.containers import ContainerStart, GracePeriod, ShellForm, SweepCommand
from wbsignal_lint.launch.facts import UNKNOWN_PART, OptionSlot, Unknown, Word
from wbsignal_lint.launch.mapped import MappedText
from wbsignal_lint.launch.recording import Variables

__all__ = ["Argument", "Arguments", "Hosted", "ShellPart", "moved_into", "substituted", "unknown_name"]

_PLACEHOLDER = re.compile(r"\$\{[A-Za-z_]\w*\}", re.ASCII)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True)
class ShellPart:
    """A piece of shell that one shell runs."""

    text: MappedText
    environment: Variables = field(default_factory=dict)
    """What the host puts into its environment."""


@dataclass(frozen=True)
class Argument:
    """One element of a list of arguments, such as ``["wandb", "agent"]``; no shell reads it."""

    text: MappedText
    slot: OptionSlot | None = None
    """Where the list takes a further element behind this one."""
    is_list: bool = False
    """Whether it is filled in from elsewhere and may come to several elements."""

    def word(self) -> Word:
        """Return the argument as the command gets it; ``${name}`` stands for what the host fills in."""
        unknowns = tuple(
            Unknown(self.text[match.start() : match.end()], self.is_list, self.is_list)
            for match in _PLACEHOLDER.finditer(self.text.text)
        )
        pattern = _PLACEHOLDER.sub(UNKNOWN_PART, self.text.text)
        return Word(pattern, self.text.span, self.text, unknowns, slot=self.slot)


@dataclass(frozen=True)
class Arguments:
    """A command as a list of arguments."""

    arguments: tuple[Argument, ...]
    span: Span
    """From the first to the last character of what launches it, keys and brackets included."""
    environment: Variables = field(default_factory=dict)
    """What the host puts into its environment."""


@dataclass(frozen=True)
class Hosted:
    """All that a host file launches."""

    parts: tuple[ShellPart | Arguments, ...] = field(default_factory=tuple)
    is_whole: bool = True
    """Whether the file could be read to its end."""
    shell_forms: tuple[ShellForm, ...] = ()
    sweeps: tuple[SweepCommand, ...] = ()
    container_starts: tuple[ContainerStart, ...] = ()
    grace_periods: tuple[GracePeriod, ...] = ()


def moved_into(part: ShellPart | Arguments, outer: MappedText) -> ShellPart | Arguments:
    """Return a part of a text that itself stands in a file, with places in that file."""
    if isinstance(part, ShellPart):
        return replace(part, text=_moved(part.text, outer))
    arguments = tuple(
        replace(
            one,
            text=_moved(one.text, outer),
            slot=None if one.slot is None else replace(one.slot, offset=outer.ends[one.slot.offset - 1]),
        )
        for one in part.arguments
    )
    span = Span(outer.starts[part.span.start], outer.ends[part.span.end - 1])
    return Arguments(arguments, span, part.environment)


def _moved(text: MappedText, outer: MappedText) -> MappedText:
    home = None if text.home is None else Span(outer.starts[text.home.start], outer.ends[text.home.end - 1])
    return MappedText(
        text.text,
        [start if start < 0 else outer.starts[start] for start in text.starts],
        [end if end < 0 else outer.ends[end - 1] for end in text.ends],
        text.separable,
        home,
    )


def unknown_name(text: str) -> str:
    """Return the placeholder that stands for what a host fills in: ``${Values_agent_Args}`` for ``.Values.agentArgs``.

    The name is kept, because it may tell that options come with it.
    """
    name = re.sub(r"\W+", "_", _CAMEL.sub("_", text), flags=re.ASCII).strip("_")
    return f"${{{name if name and not name[0].isdigit() else f'_{name}'}}}"


def substituted(
    source: MappedText, pattern: re.Pattern[str], value_of: Callable[[re.Match[str]], MappedText | str | None]
) -> MappedText:
    """Replace what a pattern matches, as a host does before the shell gets to see its text.

    :param value_of: gives the text that stands there then: with places of its own, or (a string) at the place of the
        match; ``None`` leaves the match as it is.
    """
    pieces = list(_pieces(source, pattern, value_of))
    whole = MappedText.joined(pieces)
    return whole if len(pieces) <= 1 and whole.text == source.text else whole.at_home(source.span)


def _pieces(
    source: MappedText, pattern: re.Pattern[str], value_of: Callable[[re.Match[str]], MappedText | str | None]
) -> Iterator[MappedText]:
    done = 0
    for match in pattern.finditer(source.text):
        value = value_of(match)
        if value is None:
            continue
        if match.start() > done:
            yield source[done : match.start()]
        if isinstance(value, str):
            value = source[match.start() : match.end()].as_one(value)
        if value.text:
            yield value
        done = match.end()
    if done < len(source):
        yield source[done:]
