"""String literals of Python → their characters, each with the place in the file it was written at.

``ast`` says where a literal stands and what it is worth; it does not say which characters of the file a value was made
of. So every literal is read once more here, and taken only if the result is the value that Python read.
"""

from __future__ import annotations

import ast
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from wbsignal_lint.diagnostics import LineIndex, Span
from wbsignal_lint.launch.mapped import MappedText

__all__ = ["Field", "Source"]

_START = re.compile(r"(?P<prefix>[A-Za-z]{0,2})(?P<quote>'''|\"\"\"|'|\")")
_BETWEEN = re.compile(r"(?:[\s()]|\\\r?\n|#[^\r\n]*)*")
"""What may stand between two literals that are one (``"a" "b"``)."""
_ESCAPE = re.compile(r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|N\{[^}]*\}|[0-7]{1,3}|\r\n|.)", re.DOTALL)
_SIMPLE = {
    **dict(zip("abfnrtv\\'\"", "\a\b\f\n\r\t\v\\'\"", strict=True)),
    "\n": "",
    "\r": "",
    "\r\n": "",
}
_BRACKETS = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True)
class Field:
    """A replacement field of a string: ``{name}`` with the expression that fills it in."""

    expression: ast.expr
    span: Span


Part = MappedText | Field


@dataclass(frozen=True)
class _Literal:
    """One literal between its quotes: characters with their ranges, and the fields between them."""

    quote: str
    chars: list[tuple[str, int, int] | tuple[int, int]]
    """A character and its range; or the range of a field alone."""
    end: int


class Source:
    """The text of a Python file, and where its nodes stand in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._lines = LineIndex(text)

    def offset(self, row: int, column: int) -> int:
        """Return the character offset of a row (from 1) and a column in UTF-8 bytes, as ``ast`` counts."""
        start = self._lines.line_start(row)
        line = self.text[start : self._lines.line_start(row + 1)]
        if not line.isascii():
            column = len(line.encode("utf-8", "surrogatepass")[:column].decode("utf-8", "surrogatepass"))
        return start + column

    def span(self, node: ast.AST) -> Span:
        """Return where an expression or statement stands."""
        assert isinstance(node, (ast.expr, ast.stmt, ast.keyword))
        end_row, end_column = node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
        return Span(self.offset(node.lineno, node.col_offset), self.offset(end_row, end_column))

    def parts(self, node: ast.Constant | ast.JoinedStr) -> list[Part]:
        """Return a string as its text and fields in order.

        A literal that can't be followed is given as characters that all stand where the whole literal does, so that
        nothing is inserted in their midst.
        """
        span = self.span(node)
        literals = self._literals(span)
        found = None
        if literals is not None:
            found = self._plain(node, literals) if isinstance(node, ast.Constant) else _fields(node, literals)
        if found is not None:
            return found
        if isinstance(node, ast.Constant):
            return [_at(span, str(node.value))]
        return [
            _at(span, str(value.value)) if isinstance(value, ast.Constant) else Field(value, span)
            for value in node.values
        ]

    def quote(self, node: ast.expr) -> str | None:
        """Return the quotes that a plain string literal is written in."""
        if not isinstance(node, (ast.Constant, ast.JoinedStr)):
            return None
        match = _START.match(self.text, self.span(node).start)
        return None if match is None else match["quote"]

    def _literals(self, span: Span) -> list[_Literal] | None:
        literals: list[_Literal] = []
        position = span.start
        while position < span.end:
            start = _START.match(self.text, position)
            if start is None:
                return None
            literal = _read(self.text, start, span.end)
            if literal is None:
                return None
            literals.append(literal)
            between = _BETWEEN.match(self.text, literal.end, span.end)
            position = literal.end if between is None else between.end()
        return literals

    @staticmethod
    def _plain(node: ast.Constant, literals: Sequence[_Literal]) -> list[Part] | None:
        chars = [char for literal in literals for char in literal.chars]
        texts = [char[0] for char in chars if len(char) == 3]
        if len(texts) != len(chars) or "".join(texts) != node.value:
            return None
        return [_mapped([char for char in chars if len(char) == 3])]


def _fields(node: ast.JoinedStr, literals: Sequence[_Literal]) -> list[Part] | None:
    """Match the fields that were found in the text with the expressions that ``ast`` has for them."""
    expressions = [value for value in node.values if isinstance(value, ast.FormattedValue)]
    chars = [char for literal in literals for char in literal.chars]
    if sum(len(char) == 2 for char in chars) != len(expressions):
        return None
    parts: list[Part] = []
    run: list[tuple[str, int, int]] = []
    remaining = iter(expressions)
    for char in chars:
        if len(char) == 3:
            run.append(char)
            continue
        if run:
            parts.append(_mapped(run))
            run = []
        parts.append(Field(next(remaining).value, Span(*char)))
    if run:
        parts.append(_mapped(run))
    return parts


def _mapped(chars: Sequence[tuple[str, int, int]]) -> MappedText:
    return MappedText("".join(char[0] for char in chars), [char[1] for char in chars], [char[2] for char in chars])


def _at(span: Span, text: str) -> MappedText:
    """Return a text all of which stands at one place of the file, where nothing can be inserted in it."""
    return MappedText(text, [span.start] * len(text), [span.end] * len(text), [False] * len(text))


def _read(text: str, start: re.Match[str], limit: int) -> _Literal | None:
    """Read one literal; ``None`` if it is none, or one of bytes."""
    prefix, quote = start["prefix"].lower(), start["quote"]
    if "b" in prefix or set(prefix) - set("rfu"):
        return None
    is_raw, has_fields = "r" in prefix, "f" in prefix
    chars: list[tuple[str, int, int] | tuple[int, int]] = []
    index = start.end()
    while index < limit:
        if text.startswith(quote, index):
            return _Literal(quote, chars, index + len(quote))
        char = text[index]
        if char == "\\":
            if has_fields and text[index + 1 : index + 2] in ("{", "}"):
                chars.append((char, index, index + 1))  # it escapes no braces
                width = 1
            elif is_raw:
                width = 2
                chars.extend((text[at], at, at + 1) for at in range(index, min(index + width, limit)))
            else:
                escape = _ESCAPE.match(text, index, limit)
                if escape is None:
                    return None
                width = len(escape[0])
                value = _unescaped(escape[0])
                if value is None:
                    return None
                if len(value) == 2:  # no escape after all: the backslash stays
                    chars.extend((text[at], at, at + 1) for at in (index, index + 1))
                elif value:
                    chars.append((value, index, index + width))
            index += width
        elif has_fields and char in "{}" and text[index + 1 : index + 2] == char:
            chars.append((char, index, index + 2))
            index += 2
        elif has_fields and char == "{":
            end = _field_end(text, index, limit)
            if end is None:
                return None
            chars.append((index, end))
            index = end
        elif char == "\r":
            width = 2 if text.startswith("\r\n", index) else 1
            chars.append(("\n", index, index + width))
            index += width
        else:
            chars.append((char, index, index + 1))
            index += 1
    return None


def _unescaped(escape: str) -> str | None:
    """Return what an escape stands for: one character, none (a continued line), or itself where it is no escape."""
    code = escape[1:]
    if code in _SIMPLE:
        return _SIMPLE[code]
    try:
        if code[0] in "xuU" and len(code) > 1:
            return chr(int(code[1:], 16))
        if code[0] == "N" and len(code) > 1:
            return unicodedata.lookup(code[2:-1])
        return chr(int(code, 8)) if code.isdigit() and code[0] in "01234567" else escape
    except (KeyError, ValueError, OverflowError):
        return None


def _field_end(text: str, index: int, limit: int) -> int | None:
    """Return the index behind the brace that closes the field at ``index``; strings and brackets in it are skipped."""
    expected: list[str] = []
    while index < limit:
        char = text[index]
        if char in _BRACKETS:
            expected.append(_BRACKETS[char])
        elif expected and char == expected[-1]:
            expected.pop()
            if not expected:
                return index + 1
        elif char in "'\"":
            quote = char * 3 if text.startswith(char * 3, index) else char
            end = text.find(quote, index + len(quote), limit)
            if end < 0:
                return None
            index = end + len(quote)
            continue
        index += 1
    return None
