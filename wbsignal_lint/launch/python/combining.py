"""Values put together: either of two, one behind the other, or taken apart into words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from wbsignal_lint.diagnostics import Span
from wbsignal_lint.launch.facts import OptionSlot
from wbsignal_lint.launch.mapped import MappedText
from wbsignal_lint.launch.python.values import (
    NOTHING,
    UNKNOWN,
    Const,
    Element,
    Hole,
    Items,
    OneOf,
    Text,
    Value,
    alternatives,
)

__all__ = ["combined", "concatenated", "joined_values", "merged_lists", "split_words"]

_MAX_ALTERNATIVES = 8
_MAX_LENGTH = 100_000
"""Characters of one text; texts that double themselves would grow for ever."""


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
    if isinstance(first, Text) and isinstance(second, Text):
        text = _merged_texts(first, second)
        if text is not None:
            return text
    return combined((first, second))


def _merged_texts(first: Text, second: Text) -> Text | None:
    """Merge texts that launch the same and go on differently: what only one of them has may be there or not."""
    ones, others = (
        [(char, piece if isinstance(piece, Hole) else piece.span, piece) for char, piece in text.pieces()]
        for text in (first, second)
    )
    shorter = min(len(ones), len(others))
    start = next((index for index in range(shorter) if ones[index][:2] != others[index][:2]), shorter)
    if "wandb" not in "".join(char for char, _, _ in ones[:start]):
        return None
    end = next(
        (index for index in range(shorter - start) if ones[-1 - index][:2] != others[-1 - index][:2]), shorter - start
    )
    middles = ones[start : len(ones) - end], others[start : len(others) - end]
    head, tail = ([piece for _, _, piece in part] for part in (ones[:start], ones[len(ones) - end :]))
    longer = max(middles, key=len)
    is_plain = all(
        char and " -f" not in text and " --f" not in text
        for middle in middles
        for text in [" " + "".join(char for char, _, _ in middle)]
        for char, _, _ in middle
    )
    if is_plain:
        return Text.of([*head, *(piece for _, _, piece in longer), *tail])
    last = next((piece.span for _, _, piece in reversed(ones[:start])), Span(0, 0))
    return Text.of([*head, MappedText.nowhere(" "), Hole("options", last), MappedText.nowhere(" "), *tail])


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
