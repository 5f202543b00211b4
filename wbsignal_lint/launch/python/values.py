"""What an expression of launching Python can be worth: texts, lists, functions, files, or one of several."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

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
    "combined",
    "concatenated",
    "joined_values",
    "merged_lists",
    "split_words",
]

_MAX_ALTERNATIVES = 8
_MAX_LENGTH = 100_000


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


def combined(values: Sequence[Value]) -> Value:
    """Make one value of several possible ones."""
    found: list[Value] = []
    for value in values:
        for one in alternatives(value):
            if not any(one is other or one == other for other in found):
                found.append(one)
    if not found:
        return NOTHING
    if len(found) == 1:
        return found[0]
    return OneOf(tuple(found)) if len(found) <= _MAX_ALTERNATIVES else UNKNOWN


def joined_values(first: Value, second: Value) -> Value:
    """Return what a variable is worth behind a branch that made one thing of it, or left the other."""
    if first is second or first == second:
        return first
    if isinstance(first, Items) and isinstance(second, Items):
        merged = _merged(first.elements, second.elements)
        if merged is not None:
            return Items(merged)
    return combined((first, second))


def merged_lists(values: Sequence[Value]) -> list[Value]:
    """Return the lists among values once each, those that begin alike as one; and the other values."""
    lists: list[Items] = []
    others: list[Value] = []
    for value in values:
        if not isinstance(value, Items):
            others.append(value)
            continue
        for index, known in enumerate(lists):
            merged = joined_values(known, value)
            if isinstance(merged, Items):
                lists[index] = merged
                break
        else:
            lists.append(value)
    return [*lists, *others]


def _merged(first: tuple[Element, ...], second: tuple[Element, ...]) -> tuple[Element, ...] | None:
    """Merge lists that begin alike: what only one of them has may be there or not."""
    shorter = min(len(first), len(second))
    start = 0
    while start < shorter and first[start] is second[start]:
        start += 1
    end = 0
    while end < shorter - start and first[-1 - end] is second[-1 - end]:
        end += 1
    if start + end == 0:
        return None
    middles = first[start : len(first) - end], second[start : len(second) - end]
    longer = max(middles, key=len)
    tail = first[len(first) - end :]
    if any(_mentions(element, "wandb", "agent") for middle in middles for element in middle):
        return None
    if all(map(_are_plain, middles)):
        return (*first[:start], *longer, *tail)
    return (*first[:start], Element(UNKNOWN, is_list=True), *tail)


def _mentions(element: Element, *words: str) -> bool:
    return isinstance(element.value, Text) and any(word in element.value.value for word in words)


def _are_plain(elements: Sequence[Element]) -> bool:
    """Whether none of these elements can be an option that forwards signals."""
    is_option = False
    for element in elements:
        if element.is_list:
            return False
        text = element.value.value if isinstance(element.value, Text) else "$"
        if text.startswith(("-f", "--f")) or (text.startswith("$") and not is_option):
            return False
        is_option = text.startswith("--") and "=" not in text
    return True


def concatenated(values: Sequence[Value], holes: Sequence[Hole]) -> Value:
    """Return texts put one behind the other.

    :param holes: what stands for the value at the same index where that is not known.
    """
    results: list[list[MappedText | Hole]] = [[]]
    for value, hole in zip(values, holes, strict=True):
        texts = [one for one in alternatives(value) if isinstance(one, Text)]
        telling = [one for one in texts if "wandb" in one.value]
        if len(texts) == 1 and not isinstance(value, OneOf):
            choices: list[Sequence[MappedText | Hole]] = [_embedded(texts[0], hole)]
        elif telling and len(results) * len(texts) <= _MAX_ALTERNATIVES:
            choices = [one.parts for one in texts]
        elif isinstance(value, Const) and isinstance(value.value, (int, float)):
            constant = str(value.value)
            choices = [[MappedText(constant, [hole.span.start] * len(constant), [hole.span.end] * len(constant))]]
        else:
            # What can be an option is no operand, and shall not be taken for one.
            is_option = any(one.value[:1] in ("-", " ") and len(one.value) > 1 for one in texts)
            choices = [[replace(hole, name=f"{hole.name}_options") if is_option else hole]]
        results = [[*result, *choice] for result in results for choice in choices]
    texts = [Text.of(result) for result in results]
    return combined([text if len(text.value) <= _MAX_LENGTH else UNKNOWN for text in texts])


def _embedded(text: Text, hole: Hole) -> Sequence[MappedText | Hole]:
    """Return what a text is inside of another; a word that has a name stands where it is named."""
    value = text.value
    if not hole.name or not text.is_known or any(map(str.isspace, value)):
        return text.parts
    length = len(value)
    return [MappedText(value, [hole.span.start] * length, [hole.span.end] * length, [hole.is_field] * length)]


def split_words(text: Text, *, quotes: bool) -> Items:
    """Split a text at blanks as ``str.split`` does, or (``quotes``) as ``shlex.split``."""
    words: list[Element] = []
    word: list[MappedText | Hole] = []
    is_word = False
    quote = ""
    escaped = False
    for char, piece in text.pieces():
        if isinstance(piece, Hole):
            word.append(piece)
            is_word = True
        elif escaped:
            word.append(piece)
            escaped = False
        elif quotes and char == "\\" and quote != "'":
            escaped = is_word = True
        elif quotes and quote and char == quote:
            quote = ""
        elif quotes and not quote and char in "'\"":
            quote, is_word = char, True
        elif char.isspace() and not quote:
            if is_word:
                words.append(_word_element(word))
            word, is_word = [], False
        else:
            word.append(piece)
            is_word = True
    if is_word:
        words.append(_word_element(word))
    return Items(tuple(words))


def _word_element(pieces: Sequence[MappedText | Hole]) -> Element:
    text = Text.of(pieces)
    last = pieces[-1] if pieces else None
    at = None if last is None or isinstance(last, Hole) else last.insertion_point
    return Element(text, None if at is None else OptionSlot(at))
