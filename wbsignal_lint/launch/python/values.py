"""What an expression of launching Python can be worth: texts, lists, functions, files, or one of several."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from wbsignal_lint.diagnostics import Span
from wbsignal_lint.launch.facts import OptionSlot
from wbsignal_lint.launch.hosts.parts import unknown_name
from wbsignal_lint.launch.mapped import MappedText

__all__ = [
    "NOTHING",
    "UNKNOWN",
    "Const",
    "Element",
    "File",
    "Function",
    "Hole",
    "Instance",
    "Items",
    "Method",
    "Named",
    "OneOf",
    "Table",
    "Text",
    "Unknown",
    "Value",
    "alternatives",
]


@dataclass(frozen=True)
class Hole:
    """A part of a text that the file does not tell."""

    name: str
    """What the expression calls it."""
    span: Span
    is_field: bool = False
    """Whether it stands in the text itself, as a field of an f-string does, so that more text can follow it."""

    @property
    def text(self) -> MappedText:
        """The placeholder that stands for it."""
        placeholder = unknown_name(self.name)
        length = len(placeholder)
        return MappedText(placeholder, [self.span.start] * length, [self.span.end] * length, [False] * length)


@dataclass(frozen=True)
class Text:
    """A string, or a path, which is one for our purposes."""

    parts: tuple[MappedText | Hole, ...] = ()

    @property
    def mapped(self) -> MappedText:
        """The characters, with placeholders for what is not known."""
        return MappedText.joined(part.text if isinstance(part, Hole) else part for part in self.parts)

    @property
    def value(self) -> str:
        """The characters, with placeholders for what is not known."""
        return "".join(part.text.text if isinstance(part, Hole) else part.text for part in self.parts)

    @property
    def is_known(self) -> bool:
        """Whether the file tells all of it."""
        return not any(isinstance(part, Hole) for part in self.parts)

    def pieces(self) -> Iterator[tuple[str, MappedText | Hole]]:
        """Yield each character with its place, and each hole as ``""``."""
        for part in self.parts:
            if isinstance(part, Hole):
                yield "", part
            else:
                for index, char in enumerate(part.text):
                    yield char, part[index : index + 1]

    @classmethod
    def of(cls, pieces: Sequence[MappedText | Hole]) -> Text:
        """Make a text of pieces, joining those that are known."""
        parts: list[MappedText | Hole] = []
        run: list[MappedText] = []
        for piece in pieces:
            if isinstance(piece, Hole):
                if run:
                    parts.append(MappedText.joined(run))
                    run = []
                parts.append(piece)
            else:
                run.append(piece)
        if run:
            parts.append(MappedText.joined(run))
        return cls(tuple(parts))


@dataclass(frozen=True)
class Element:
    """One element of a list, as it is written there."""

    value: Value
    slot: OptionSlot | None = None
    """Where the list takes a further element behind this one."""
    is_list: bool = False
    """Whether it stands for any number of elements of which nothing is known."""
    hole: Hole | None = None
    """What stands for it where its value is not known."""
    is_named: bool = False
    """Whether its text is not written here, but what names it."""

    @property
    def text(self) -> Text:
        """What it is as one word of a command."""
        hole = self.hole or Hole("", Span(0, 0))
        value = next((one for one in alternatives(self.value) if isinstance(one, Text)), self.value)
        if isinstance(value, Const) and isinstance(value.value, (int, float)):
            constant = str(value.value)
            return Text((MappedText(constant, [hole.span.start] * len(constant), [hole.span.end] * len(constant)),))
        if not isinstance(value, Text) or (isinstance(self.value, OneOf) and "wandb" not in value.value):
            return Text((hole,))
        if self.is_named and value.is_known and self.hole is not None:
            chars = value.value
            return Text((MappedText(chars, [hole.span.start] * len(chars), [hole.span.end] * len(chars)),))
        return value


@dataclass(frozen=True)
class Items:
    """A list, tuple or set."""

    elements: tuple[Element, ...] = ()


@dataclass(frozen=True)
class Table:
    """A dictionary with the keys that are known."""

    entries: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Unknown:
    """Anything."""


@dataclass(frozen=True)
class Const:
    """A number, a truth value or ``None``."""

    value: object


@dataclass(frozen=True)
class Named:
    """Something of another module by its dotted name; ``()`` behind a name stands for what a call of it gives."""

    path: str
    origin: Span | None = None
    """The call that started the process that it is, or belongs to."""


@dataclass(frozen=True, eq=False)
class Function:
    """A function of the file, with the scopes it sees and the object it is bound to."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    scopes: tuple[dict[str, Value], ...]
    bound: tuple[Value, ...] = ()
    owner: Instance | None = None
    """The class it is a method of."""


@dataclass(frozen=True, eq=False)
class Instance:
    """A class of the file and its objects, which are taken for one."""

    attributes: dict[str, Value]


@dataclass(frozen=True)
class Method:
    """A method of a text, a list or a file."""

    base: Value
    name: str
    place: str | None = None
    """The variable that holds the base, where a method changes it."""


@dataclass(eq=False)
class File:
    """A file that the script writes."""

    path: Text
    span: Span
    """The call that opens it."""
    pieces: list[MappedText | Hole] = field(default_factory=list)


@dataclass(frozen=True)
class OneOf:
    """One of several values; which, depends."""

    values: tuple[Value, ...]


Value = Text | Items | Table | Unknown | Const | Named | Function | Instance | Method | File | OneOf
UNKNOWN = Unknown()
NOTHING = Const(None)


def alternatives(value: Value) -> tuple[Value, ...]:
    """Return what a value can be."""
    return value.values if isinstance(value, OneOf) else (value,)
