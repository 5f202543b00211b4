"""Jupyter notebooks: bytes to the text of the code cells, and back without touching anything else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from wbsignal_lint.cells import cell_header, cells_of

__all__ = ["DamagedNotebook", "NotBack", "Notebook"]

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_FORM = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|[^\\]", re.DOTALL)
"""One character as JSON writes it."""
_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


class DamagedNotebook(Exception):
    """It is no notebook that can be read; row and column count from 1, or are ``None``."""

    def __init__(self, message: str, row: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.row = row
        self.column = column


class NotBack(ValueError):
    """A text whose cells are not those of the notebook."""


@dataclass(frozen=True)
class _Source:
    """The ``source`` of one code cell: where its JSON value stands, and what it is."""

    number: int
    start: int
    end: int
    text: str


class Notebook:
    """One notebook."""

    def __init__(self, raw: str) -> None:
        """Read it.

        Raises:
            DamagedNotebook: it is no JSON.
        """
        self.raw = raw
        try:
            document = json.loads(raw)
        except json.JSONDecodeError as error:
            raise DamagedNotebook(f"not a notebook: {error.msg}", error.lineno, error.colno) from None
        except (RecursionError, ValueError) as error:
            raise DamagedNotebook(f"not a notebook: {error}") from None
        places = _Places(raw)
        sheets = document.get("worksheets") if isinstance(document, dict) else None
        if isinstance(document, dict) and isinstance(document.get("cells"), list):
            self._sources = list(_sources(document["cells"], places.sources("cells"), "source", 1))
        elif isinstance(sheets, list):
            self._sources = _old_sources(sheets, places)
        else:
            self._sources = []

    @property
    def text(self) -> str:
        """The code cells, each behind its header line."""
        return "".join(
            cell_header(source.number) + source.text + ("" if source.text.endswith("\n") else "\n")
            for source in self._sources
        )

    def with_text(self, text: str) -> str:
        """Return the notebook with other code in its cells; the cells that are the same stay as they are, to the byte.

        Raises:
            NotBack: the text does not have the same cells.
        """
        cells = list(cells_of(text))
        if [cell.number for cell in cells] != [source.number for source in self._sources]:
            raise NotBack("the cells of the notebook would not be told apart any more")
        result = self.raw
        for cell, source in reversed(list(zip(cells, self._sources, strict=True))):
            code = text[cell.start : cell.end]
            if not source.text.endswith("\n"):
                code = code.removesuffix("\n")
            if code != source.text:
                result = result[: source.start] + self._written(code, source) + result[source.end :]
        return result

    def _written(self, code: str, source: _Source) -> str:
        """Write a cell's code as its JSON was written: in one string or a list, with its indentation and escapes."""
        old = self.raw[source.start : source.end]
        strings = list(_STRING.finditer(old))
        forms = {json.loads(f'"{form[0]}"'): form[0] for one in strings for form in _FORM.finditer(one[0][1:-1])}
        if not old.startswith("["):
            return _as_json(code, forms)
        lines = [_as_json(line, forms) for line in re.findall(r"[^\n]*\n|[^\n]+", code)]
        if not lines:
            return "[]"
        opening = old[: strings[0].start()] if strings else "["
        closing = old[strings[-1].end() :] if strings else "]"
        between = old[strings[0].end() : strings[1].start()] if len(strings) > 1 else f",{opening[1:] or ' '}"
        return opening + between.join(lines) + closing


def _old_sources(sheets: list[Any], places: _Places) -> list[_Source]:
    """Return the code cells of format 3: it has them in worksheets, and calls their text ``input``."""
    found: list[_Source] = []
    number = 1
    for sheet, position in zip(sheets, places.elements("worksheets"), strict=True):
        cells = sheet.get("cells") if isinstance(sheet, dict) else None
        if isinstance(cells, list):
            found += _sources(cells, places.sources("cells", "input", position), "input", number)
            number += len(cells)
    return found


def _sources(cells: list[Any], places: list[tuple[int, int]], key: str, first: int) -> Iterator[_Source]:
    """Yield the code cells of a list of cells, counted from ``first``."""
    for number, (cell, (start, end)) in enumerate(zip(cells, places, strict=True), first):
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        source = cell.get(key)
        if isinstance(source, list) and all(isinstance(line, str) for line in source):
            source = "".join(source)
        if isinstance(source, str):
            yield _Source(number, start, end, source)


def _as_json(text: str, forms: dict[str, str]) -> str:
    """Return a JSON string, its characters in the forms in which they stand in the file already."""
    return '"' + "".join(forms.get(char) or json.dumps(char, ensure_ascii=False)[1:-1] for char in text) + '"'


class _Places:
    """Where the ``source`` values of the cells stand in the JSON; json itself does not tell."""

    def __init__(self, raw: str) -> None:
        self.raw = raw

    def elements(self, key: str, of: int = 0) -> Iterator[int]:
        """Yield where the elements of a list stand that is a member of the object at a position."""
        start, _ = self._members(self._skip(of))[key]
        position = self._skip(start + 1)
        while self.raw[position] != "]":
            yield position
            position = self._skip(self._behind(position))
            if self.raw[position] == ",":
                position = self._skip(position + 1)

    def sources(self, cells: str, key: str = "source", of: int = 0) -> list[tuple[int, int]]:
        """Return the ranges of the values of one key in each cell of such a list."""
        return [self._members(position).get(key, (position, position)) for position in self.elements(cells, of)]

    def _skip(self, position: int) -> int:
        match = _SPACE.match(self.raw, position)
        assert match is not None
        return match.end()

    def _members(self, position: int) -> dict[str, tuple[int, int]]:
        """Return the ranges of the values of an object; of two with one key the last, as json takes it."""
        members: dict[str, tuple[int, int]] = {}
        if self.raw[position] != "{":
            return members
        position = self._skip(position + 1)
        while self.raw[position] != "}":
            key = _STRING.match(self.raw, position)
            assert key is not None
            start = self._skip(self._skip(key.end()) + 1)
            end = self._behind(start)
            members[json.loads(key[0])] = (start, end)
            position = self._skip(end)
            if self.raw[position] == ",":
                position = self._skip(position + 1)
        return members

    def _behind(self, position: int) -> int:
        """Return the position behind the value that begins here."""
        # Not by an expression: outputs hold strings of many megabytes, for which one takes gigabytes.
        return _DECODER.raw_decode(self.raw, position)[1]
