"""What the methods of strings make of texts whose characters know their places."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from wbsignal_lint.launch.mapped import MappedText
from wbsignal_lint.launch.python.combining import concatenated
from wbsignal_lint.launch.python.values import Hole, Items, Text, Value

__all__ = ["dedented", "filled", "formatted", "joined", "replaced", "stripped"]

_FIELD = re.compile(r"\{\{|\}\}|\{(?P<name>\w*)(?P<rest>[^{}]*(?:\{[^{}]*\}[^{}]*)*)\}")
_PERCENT = re.compile(r"%(?:%|(?:\((?P<name>[^)]*)\))?[-#0 +]*(?:\*|\d+)?(?:\.(?:\*|\d+))?[hlL]?[diouxXeEfFgGcrsa])")

Pieces = list[MappedText | Hole]


def _put(text: Text, pattern: re.Pattern[str], value_of: Callable[[re.Match[str]], tuple[Value, Hole] | str]) -> Value:
    """Replace what a pattern matches in the known parts of a text."""
    values: list[Value] = []
    holes: list[Hole] = []

    def add(value: Value, hole: Hole) -> None:
        values.append(value)
        holes.append(hole)

    for part in text.parts:
        if isinstance(part, Hole):
            add(Text((part,)), part)
            continue
        done = 0
        for match in pattern.finditer(part.text):
            nowhere = Hole("", part.span)
            add(Text((part[done : match.start()],)), nowhere)
            value = value_of(match)
            if isinstance(value, str):
                add(Text((part[match.start() : match.start() + len(value)],)), nowhere)
            else:
                add(*value)
            done = match.end()
        add(Text((part[done:],)), Hole("", part.span))
    return concatenated(values, holes)


def formatted(
    text: Text, arguments: Sequence[tuple[Value, Hole]], keywords: Mapping[str, tuple[Value, Hole]], unknown: Hole
) -> Value:
    """Return ``text.format(…)``.

    :param unknown: what stands for a field that no argument fills in.
    """
    count = iter(range(len(arguments)))

    def value_of(match: re.Match[str]) -> tuple[Value, Hole] | str:
        if match[0] in ("{{", "}}"):
            return match[0][0]
        name = match["name"]
        index = next(count, -1) if not name else int(name) if name.isdigit() else -1
        found = arguments[index] if 0 <= index < len(arguments) else keywords.get(name)
        hole = found[1] if found else Hole(name or unknown.name, unknown.span)
        if found is None or match["rest"]:
            return Text((hole,)), hole
        return found

    return _put(text, _FIELD, value_of)


def filled(
    text: Text, arguments: Sequence[tuple[Value, Hole]], keywords: Mapping[str, tuple[Value, Hole]], unknown: Hole
) -> Value:
    """Return ``text % …``."""
    count = iter(range(len(arguments)))

    def value_of(match: re.Match[str]) -> tuple[Value, Hole] | str:
        if match[0] == "%%":
            return "%"
        name = match["name"]
        index = next(count, -1) if name is None else -1
        found = arguments[index] if index >= 0 else keywords.get(name or "")
        if found is None:
            hole = Hole(name or unknown.name, unknown.span)
            return Text((hole,)), hole
        return found

    return _put(text, _PERCENT, value_of)


def replaced(text: Text, old: str, new: tuple[Value, Hole]) -> Value:
    """Return ``text.replace(old, new)``."""
    return _put(text, re.compile(re.escape(old)), lambda _: new) if old else text


def joined(separator: Text, items: Items, unknown: Hole) -> Value:
    """Return ``separator.join(items)``; the separators stand nowhere in the file."""
    between = Text((MappedText.nowhere(separator.value),))
    values: list[Value] = []
    holes: list[Hole] = []
    for element in items.elements:
        if values:
            values.append(between)
            holes.append(unknown)
        more = Text((Hole(f"{unknown.name}_args", unknown.span),))
        values.append(more if element.is_list else element.value)
        # A word of a list stays where it stands: the list takes what is to follow it.
        in_list = isinstance(element.value, Text) and not element.is_named
        holes.append(Hole("", unknown.span) if in_list else element.hole or unknown)
    return concatenated(values, holes)


def stripped(text: Text, characters: str | None, *, left: bool, right: bool) -> Text:
    """Return ``text.strip()``, or one of its sides."""
    pieces = list(text.pieces())
    start, end = 0, len(pieces)

    def goes(char: str) -> bool:
        return bool(char) and (char.isspace() if characters is None else char in characters)

    while left and start < end and goes(pieces[start][0]):
        start += 1
    while right and end > start and goes(pieces[end - 1][0]):
        end -= 1
    return Text.of([piece for _, piece in pieces[start:end]])


def dedented(text: Text) -> Text:
    """Return ``textwrap.dedent(text)``."""
    pieces = list(text.pieces())
    lines: list[list[tuple[str, MappedText | Hole]]] = [[]]
    for char, piece in pieces:
        lines[-1].append((char, piece))
        if char == "\n":
            lines.append([])
    margins: list[str] = []
    for line in lines:
        chars = "".join(char or "\0" for char, _ in line)
        body = chars.lstrip(" \t")
        if body.strip():
            margins.append(chars[: len(chars) - len(body)])
    margin = len(_common_start(margins))
    kept: Pieces = []
    for line in lines:
        blank = not "".join(char or "\0" for char, _ in line).strip()
        kept.extend(piece for index, (char, piece) in enumerate(line) if index >= margin or (blank and char == "\n"))
    return Text.of(kept)


def _common_start(texts: Sequence[str]) -> str:
    if not texts:
        return ""
    shortest = min(texts, key=len)
    length = next(
        (index for index, char in enumerate(shortest) if any(text[index] != char for text in texts)), len(shortest)
    )
    return shortest[:length]
