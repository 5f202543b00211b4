"""JSON strings as text that knows where each of its characters stands in the file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from wbsignal_lint.launch.mapped import MappedText

__all__ = ["json_strings"]

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_CHARACTER = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|.", re.DOTALL
)


def json_strings(source: MappedText) -> Iterator[tuple[MappedText, int]]:
    """Yield the strings in a piece of JSON, each with the file offset behind its closing quote."""
    for match in _STRING.finditer(source.text):
        inner = source[match.start() + 1 : match.end() - 1]
        chars: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        for character in _CHARACTER.finditer(inner.text):
            value = json.loads(f'"{character[0]}"') if character[0].startswith("\\") else character[0]
            chars.append(value)
            starts.append(inner.starts[character.start()])
            ends.append(inner.ends[character.end() - 1])
        yield MappedText("".join(chars), starts, ends), source.ends[match.end() - 1]
