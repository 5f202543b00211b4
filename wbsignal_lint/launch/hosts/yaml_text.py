"""YAML → nodes, and the scalars among them as text that knows where each of its characters stands in the file.

PyYAML says what stands where; it does not say which characters of the file a value was made of. So every scalar is
read once more here, and taken only if the result is the value that PyYAML read. Whatever goes wrong, nothing is said
of that scalar, rather than something wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from wbsignal_lint.launch.hosts.parts import substituted, unknown_name
from wbsignal_lint.launch.mapped import MappedText

__all__ = ["BLANKS", "BREAK", "YamlFile"]

_MAX_LENGTH = 1_000_000
"""Characters; files beyond that are data."""
_TEMPLATE = re.compile(r"\$?\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_TEMPLATE_LINE = re.compile(
    r"^[ \t]*(?:(?:\{\{-?\s*(?:/\*|if|else|end|range|with|define|template|include|toYaml|block|\$\w+\s*:?=)"
    r"(?:(?!\{\{).)*?\}\}|\{%(?:(?!\{%).)*?%\})[ \t]*)+(?=\r?$)",
    re.DOTALL | re.MULTILINE,
)
"""Lines of Helm and Jinja that hold no value: they go, and the lines between them stay."""
_FILLER = "\ue000"
"""Stands for each character of a template while YAML is read: it means nothing to YAML."""
_FILLED = re.compile(f"{_FILLER}+")
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""A line break, as YAML 1.1 and PyYAML see it. Form feeds are none."""
BLANKS = " \t\r\n\x85\u2028\u2029"
"""What is space or a line break."""
_FOLD = re.compile(rf"[ \t]*(?:(?:{BREAK.pattern})[ \t]*)+")
_ESCAPED_FOLD = re.compile(rf"\\(?:{BREAK.pattern})[ \t]*(?:(?:{BREAK.pattern})[ \t]*)*")
_ESCAPE = re.compile(r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)")
_ESCAPES = {
    **dict(zip('0abtnvfre "/\\N_LP', '\0\a\b\t\n\v\f\r\x1b "/\\\x85\xa0\u2028\u2029', strict=True)),
    "\t": "\t",
}
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")
"""Tags and anchors, which PyYAML counts among a scalar."""
_HEADER = re.compile("[|>]([-+]?)[0-9]?([-+]?)[^\r\n\x85\u2028\u2029]*")

_Chars = list[tuple[str, int, int]]
"""Characters of a value, with the range of the file that each was made of."""


class YamlFile:
    """The documents of one file, as far as they can be read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._filled = _without_templates(_UNPRINTABLE.sub("?", text))
        self.is_whole = True

    def documents(self) -> Iterator[yaml.Node]:
        """Yield the root of each document; the first that is no YAML ends it."""
        if len(self.text) > _MAX_LENGTH:
            self.is_whole = False
            return
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            for root in yaml.compose_all(self._filled, Loader=loader):
                if root is not None:
                    yield root
        except (yaml.YAMLError, RecursionError, ValueError):
            self.is_whole = False

    def scalar(self, node: yaml.Node) -> MappedText | None:
        """Return the value of a scalar; templates in it are placeholders. ``None``: there is none, or it is unclear."""
        if not isinstance(node, yaml.ScalarNode):
            return None
        value: str = node.value
        for chars in self._readings(node):
            if "".join(char for char, _, _ in chars) == value:
                mapped = MappedText(value, [start for _, start, _ in chars], [end for _, _, end in chars])
                return self._with_placeholders(mapped)
        return None

    def is_template(self, node: yaml.Node) -> bool:
        """Whether the node is nothing but a template."""
        return isinstance(node, yaml.ScalarNode) and _FILLED.fullmatch(node.value) is not None

    def _with_placeholders(self, mapped: MappedText) -> MappedText:
        return substituted(mapped, _FILLED, lambda match: self._placeholder(mapped, match))

    def _placeholder(self, mapped: MappedText, match: re.Match[str]) -> MappedText:
        """Return placeholders for the templates that a run of filler was made from; they may touch."""
        source = mapped[match.start() : match.end()]
        span = source.span
        pieces = [
            MappedText(name, [at.start() + span.start] * len(name), [at.end() + span.start] * len(name))
            for at in _TEMPLATE.finditer(self.text[span.start : span.end])
            for name in [unknown_name(at[0].strip("${}%- "))]
        ]
        return MappedText.joined(pieces) if pieces else source

    def _readings(self, node: yaml.ScalarNode) -> Iterator[_Chars]:
        """Yield what the characters of the file can be read as, the likeliest first."""
        start, end = node.start_mark.index, node.end_mark.index
        properties = _PROPERTIES.match(self._filled, start, end)
        start = start if properties is None else properties.end()
        if node.style in ("'", '"'):
            yield _flow(self._filled, start + 1, end - 1, node.style)
        elif node.style in ("|", ">"):
            yield from _block(self._filled, start, end)
        else:
            while end > start and self._filled[end - 1] in BLANKS:
                end -= 1
            yield _flow(self._filled, start, end, "")


def _without_templates(text: str) -> str:
    """Blank out what Helm, Jinja and their like will replace, at equal length."""
    if "{{" not in text and "{%" not in text:
        return text

    def blank(match: re.Match[str]) -> str:
        # Empty lines mean nothing anywhere; a line of blanks would tell how far a block scalar is indented.
        return "\n" * len(match[0])

    def fill(match: re.Match[str]) -> str:
        return re.sub(r"[^\r\n\x85\u2028\u2029]", _FILLER, match[0])

    return _TEMPLATE.sub(fill, _TEMPLATE_LINE.sub(blank, text))


def _flow(text: str, start: int, end: int, quote: str) -> _Chars:
    """Read a plain or quoted scalar: line breaks are folded, escapes resolved."""
    chars: _Chars = []
    index = start
    while index < end:
        fold = _FOLD.match(text, index, end)
        if fold is not None:
            first, *more = _breaks(fold[0])
            kept = more or [" "] if first == "\n" else [first, *more]
            chars.extend((char, index, fold.end()) for char in kept)
            index = fold.end()
        elif quote == "'" and text.startswith("''", index):
            chars.append(("'", index, index + 2))
            index += 2
        elif quote == '"' and text[index] == "\\":
            escaped = _ESCAPED_FOLD.match(text, index, end)
            if escaped is not None:
                chars.extend((char, index, escaped.end()) for char in _breaks(escaped[0])[1:])
                index = escaped.end()
                continue
            escape = _ESCAPE.match(text, index, end)
            if escape is None:
                return []
            code = escape[0][1:]
            char = chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPES.get(code, "")
            chars.append((char, index, escape.end()))
            index = escape.end()
        else:
            chars.append((text[index], index, index + 1))
            index += 1
    return chars


def _block(text: str, start: int, end: int) -> Iterator[_Chars]:
    """Read a literal (``|``) or folded (``>``) scalar, for every indentation it can have."""
    header = _HEADER.match(text, start)
    if header is None:
        return
    lines: list[tuple[int, int, int]] = []  # begin, end of content, end of line break
    position = _line_end(text, header.end())
    while position < len(text) and (position < end or not lines):
        line_break = BREAK.search(text, position)
        content_end = len(text) if line_break is None else line_break.start()
        after = len(text) if line_break is None else line_break.end()
        lines.append((position, content_end, after))
        position = after
    indents = [
        len(text[begin:stop]) - len(text[begin:stop].lstrip(" "))
        for begin, stop, _ in lines
        if text[begin:stop].strip(" ")
    ]
    keep = (header[1] or header[2])[:1]
    for indent in dict.fromkeys([*indents[:1], *range(max(indents[:1], default=0), 0, -1)]):
        yield _block_lines(text, lines, indent, keep, folded=text[start] == ">")


def _block_lines(text: str, lines: list[tuple[int, int, int]], indent: int, keep: str, *, folded: bool) -> _Chars:
    chars: _Chars = []
    breaks: _Chars = []
    last_break: _Chars = []
    was_text = False
    for begin, stop, after in lines:
        spaces = min(indent, len(text[begin:stop]) - len(text[begin:stop].lstrip(" ")))
        line_break = [(char, stop, after) for char in _breaks(text[stop:after])]
        if begin + spaces == stop:
            breaks += line_break
            continue
        if spaces < indent:
            break
        is_text = text[begin + spaces] not in " \t"
        if folded and last_break and last_break[0][0] == "\n" and was_text and is_text:
            if not breaks:
                chars.append((" ", last_break[0][1], begin + spaces))
        else:
            chars += last_break
        chars += breaks
        chars += [(text[at], at, at + 1) for at in range(begin + spaces, stop)]
        breaks, last_break, was_text = [], line_break, is_text
    if keep != "-":
        chars += last_break
    if keep == "+":
        chars += breaks
    return chars


def _breaks(text: str) -> list[str]:
    """Return what the line breaks in a text are worth: most become a line feed, the Unicode separators stay."""
    return [one if one in "\u2028\u2029" else "\n" for one in BREAK.findall(text)]


def _line_end(text: str, position: int) -> int:
    line_break = BREAK.search(text, position)
    return len(text) if line_break is None else line_break.end()
