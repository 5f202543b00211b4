"""Python that stands in another text: findings and fixes of it, brought to where they belong."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from wbsignal_lint.cells import cells_of
from wbsignal_lint.diagnostics import Diagnostic, Edit, Fix, LineIndex, Span
from wbsignal_lint.launch.hosts.documentation import code_blocks
from wbsignal_lint.launch.hosts.notebook import python_of
from wbsignal_lint.launch.mapped import MappedText

__all__ = ["Embedded", "embedded_in"]


_ROW = re.compile(r"\bline (\d+)\b")


@dataclass(frozen=True)
class Embedded:
    """One Python program in a host."""

    text: str
    host: str
    """The text of the host."""
    mapped: MappedText | None = None
    """Where its characters stand in the host; ``None``: at the same offsets."""
    prefix: str = ""
    """What stands before each of its lines in the host."""
    closed: tuple[Span, ...] = ()
    """Parts of the host that the program does not have, though it has something in their place."""

    def brought_home(self, diagnostic: Diagnostic) -> Diagnostic:
        """Return a finding in the program as one in the host; a fix that can't be made there is left out."""
        diagnostic = replace(diagnostic, message=_ROW.sub(self._row, diagnostic.message))
        fix = diagnostic.fix
        if fix is not None and any(self._touches_closed(edit.span) for edit in fix.edits):
            fix = None
        if self.mapped is None:
            return replace(diagnostic, fix=fix)
        return replace(
            diagnostic,
            span=self._span(diagnostic.span),
            scope=None if diagnostic.scope is None else self._span(diagnostic.scope),
            related=tuple(replace(related, span=self._span(related.span)) for related in diagnostic.related),
            fix=None if fix is None else Fix(fix.message, tuple(map(self._edit, fix.edits)), fix.applicability),
        )

    def _row(self, named: re.Match[str]) -> str:
        """Return a row that a message names as it is counted in the host."""
        start = LineIndex(self.text).line_start(int(named[1]))
        if start >= len(self.text):
            return named[0]
        place = LineIndex(self.host).place(start if self.mapped is None else self.mapped.starts[start])
        return f"line {place.row}" if place.cell is None else f"cell {place.cell}, line {place.row}"

    def _touches_closed(self, span: Span) -> bool:
        return any(closed.start < span.end and span.start < closed.end for closed in self.closed)

    def _span(self, span: Span) -> Span:
        start = self._offset(span.start)
        return Span(start, max(start, self._end(span)))

    def _offset(self, index: int) -> int:
        assert self.mapped is not None
        return self.mapped.starts[index] if index < len(self.text) else self.mapped.ends[-1]

    def _end(self, span: Span) -> int:
        assert self.mapped is not None
        if span.end <= span.start or (span.end < len(self.text) and self.text[span.end - 1] == "\n"):
            return self._offset(span.end)
        return self.mapped.ends[span.end - 1]

    def _edit(self, edit: Edit) -> Edit:
        start = self._offset(edit.span.start)
        if edit.span.start >= len(self.text):
            lines = edit.content.splitlines(keepends=True)
            return Edit(Span(start, start), "".join(self.prefix + line for line in lines))
        return Edit(Span(start, max(start, self._end(edit.span))), edit.content.replace("\n", f"\n{self.prefix}"))


def embedded_in(text: str, host: str) -> Sequence[Embedded]:
    """Return the Python programs in a host: a notebook's cells together, each code block of a documentation file."""
    if host == "notebook":
        python, closed = python_of(text)
        headers = _headers(text)
        return [Embedded(python, text, closed=(*closed, *headers))]
    if host == "documentation":
        return list(_blocks(text))
    return []


def _headers(text: str) -> Iterator[Span]:
    done = 0
    for cell in cells_of(text):
        yield Span(done, cell.start)
        done = cell.end


def _blocks(text: str) -> Iterator[Embedded]:
    for block in code_blocks(text):
        if block.language == "python" and block.text.text.strip():
            first = len(block.text.text) - len(block.text.text.lstrip("\r\n"))
            start = block.text.starts[first]
            prefix = text[text.rfind("\n", 0, start) + 1 : start]
            yield Embedded(block.text.text, text, block.text, prefix)
