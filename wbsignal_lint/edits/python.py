"""Building edits of Python source on LibCST's tree, which knows where every comment, comma and blank belongs.

Rules name what they mean by the spans of the statements and elements concerned; what comes out are plain text edits.
LibCST is imported when the first structural edit is built, so a check that finds nothing never pays for it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from wbsignal_lint.diagnostics import Edit, LineIndex, Span

if TYPE_CHECKING:
    import libcst as cst

__all__ = ["PythonEditor", "Removal", "replace"]


def replace(span: Span, content: str) -> Edit:
    """Return an edit that puts ``content`` in the place of ``span``."""
    return Edit(span, content)


@dataclass(frozen=True)
class Removal:
    """Edits that take something away, and whether a comment goes with it (then the fix is not safe)."""

    edits: tuple[Edit, ...]
    loses_comment: bool


@dataclass(frozen=True)
class _Statement:
    """A statement as LibCST sees it."""

    node: cst.BaseStatement | cst.BaseSmallStatement
    line: cst.BaseStatement
    """The line (or compound statement) that the statement is part of."""
    siblings: Sequence[cst.CSTNode]
    """The statements of its block."""
    inline: bool
    """In a suite on the line of its compound statement, as in ``if x: return``."""
    top: bool
    """At module level."""


class PythonEditor:
    """Builds edits for one Python source."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.index = LineIndex(text)

    # -- LibCST -----------------------------------------------------------------------------------------------------

    @cached_property
    def _module(self) -> cst.Module:
        import libcst as cst

        return cst.parse_module(self.text)

    @cached_property
    def _positions(self) -> dict[cst.CSTNode, Span]:
        import libcst as cst
        from libcst.metadata import PositionProvider

        ranges = cst.MetadataWrapper(self._module, unsafe_skip_copy=True).resolve(PositionProvider)
        offset = self.index.offset
        found: dict[cst.CSTNode, Span] = {}
        for node, place in ranges.items():
            start = offset(place.start.line, place.start.column + 1)
            found[node] = Span(start, offset(place.end.line, place.end.column + 1))
        return found

    @cached_property
    def _statements(self) -> dict[int, _Statement]:
        """The statements by the offset at which they start; of a line with one statement, the statement."""
        import libcst as cst

        found: dict[int, _Statement] = {}

        def visit(block: cst.Module | cst.BaseSuite) -> None:
            inline = isinstance(block, cst.SimpleStatementSuite)
            for line in block.body:
                if isinstance(line, cst.BaseSmallStatement):
                    start = self._positions[line].start
                    found.setdefault(start, _Statement(line, line, block.body, inline, False))  # type: ignore[arg-type]
                    continue
                top = isinstance(block, cst.Module)
                if isinstance(line, cst.SimpleStatementLine):
                    for small in line.body:
                        found[self._positions[small].start] = _Statement(small, line, block.body, inline, top)
                    continue
                found[self._start(line)] = _Statement(line, line, block.body, inline, top)
                for suite in _suites(line):
                    visit(suite)

        visit(self._module)
        return found

    def _start(self, line: cst.CSTNode) -> int:
        """Return where a compound statement starts: at ``def``, as in ast, not at its decorators."""
        start = self._positions[line].start
        decorators = getattr(line, "decorators", ())
        if not decorators:
            return start
        row = self.index.position(self._positions[decorators[-1]].end).row + 1
        while not self.index.line(row).lstrip().startswith(("def ", "async ", "class ")):
            row += 1
        text = self.index.line(row)
        return self.index.line_start(row) + len(text) - len(text.lstrip())

    def _statement(self, span: Span) -> _Statement:
        return self._statements[span.start]

    # -- lines ------------------------------------------------------------------------------------------------------

    @property
    def newline(self) -> str:
        """The line ending of the file: that of its first line."""
        first = self.text[: self.index.line_start(2)]
        return "\r\n" if first.endswith("\r\n") else "\r" if first.endswith("\r") else "\n"

    def indentation(self, span: Span) -> str:
        """Return the white space in front of the line that ``span`` starts on."""
        line = self.index.line(self.index.position(span.start).row)
        return line[: len(line) - len(line.lstrip(" \t\f"))]

    def _rows(self, span: Span) -> tuple[int, int]:
        return self.index.position(span.start).row, self.index.position(max(span.start, span.end - 1)).row

    def _lines(self, span: Span) -> Span:
        """Return the span of all lines that ``span`` touches, line endings included."""
        first, last = self._rows(span)
        return Span(self.index.line_start(first), self.index.line_start(last + 1))

    @staticmethod
    def _indent(lines: Sequence[str], indentation: str, newline: str) -> str:
        return "".join(f"{indentation}{line}{newline}" if line else newline for line in lines)

    # -- statements -------------------------------------------------------------------------------------------------

    def is_alone(self, span: Span) -> bool:
        """Say whether a statement has its lines to itself: no ``;`` neighbours, not behind an ``if x:``."""
        import libcst as cst

        found = self._statement(span)
        if found.inline:
            return False
        return not isinstance(found.line, cst.SimpleStatementLine) or len(found.line.body) == 1

    def remove_statement(self, span: Span) -> Removal:
        """Take a statement away; where it is all that its block holds, ``pass`` takes its place."""
        import libcst as cst

        found = self._statement(span)
        neighbours: Sequence[cst.CSTNode] = found.siblings if found.inline else [found.node]
        if isinstance(found.line, cst.SimpleStatementLine):
            neighbours = found.line.body
        if len(neighbours) > 1:
            return Removal((self._remove_neighbour(found.node, neighbours),), False)
        alone = len(found.siblings) == 1 and not found.top
        if alone:
            return Removal((replace(span, "pass"),), self._has_comment(span))
        lines = self._lines(span)
        edits = Edit(Span(lines.start, self._end_of_gap(lines)), "")
        return Removal((edits,), self._has_comment(lines))

    def _remove_neighbour(self, node: cst.CSTNode, neighbours: Sequence[cst.CSTNode]) -> Edit:
        """Return the edit that takes one of several statements out of ``a; b; c``."""
        position = list(neighbours).index(node)
        if position + 1 < len(neighbours):
            return Edit(Span(self._positions[node].start, self._positions[neighbours[position + 1]].start), "")
        return Edit(Span(self._positions[neighbours[position - 1]].end, self._positions[node].end), "")

    def _end_of_gap(self, lines: Span) -> int:
        """Return the end of what goes with removed lines: blank lines that would otherwise double those above."""
        above, below = self._blank_rows(lines)
        return self.index.line_start(self._rows(lines)[1] + 1 + min(above, below))

    def _blank_rows(self, lines: Span) -> tuple[int, int]:
        """Return how many blank lines stand above and below lines."""
        first, last = self._rows(lines)
        above = below = 0
        while first - above > 1 and not self.index.line(first - above - 1).strip():
            above += 1
        while last + below < len(self.index) and not self.index.line(last + below + 1).strip():
            below += 1
        return above, below

    def _has_comment(self, span: Span) -> bool:
        import libcst as cst

        text = textwrap.dedent(self.text[span.start : span.end])
        if "#" not in text:
            return False
        try:
            module = cst.parse_module(text)
        except cst.ParserSyntaxError:
            return True
        todo: list[cst.CSTNode] = [module]
        while todo:
            node = todo.pop()
            if isinstance(node, cst.Comment):
                return True
            todo.extend(node.children)
        return False

    def insert_before(self, span: Span, lines: Sequence[str]) -> Edit:
        """Put lines in front of a statement, above the comments that belong to it."""
        start = self._above(span)
        return Edit(Span(start, start), self._indent(lines, self.indentation(span), self.newline))

    def _above(self, span: Span) -> int:
        """Return the start of the line at which something put before a statement goes: above its comments."""
        row = self.index.position(span.start).row
        statement = self._statements.get(span.start)
        decorators = getattr(statement.line, "decorators", ()) if statement is not None else ()
        if decorators:
            row = self.index.position(self._positions[decorators[0]].start).row
        indentation = self.indentation(span)
        while row > 1 and self.index.line(row - 1).startswith(f"{indentation}#"):
            row -= 1
        return self.index.line_start(row)

    def insert_after(self, span: Span, lines: Sequence[str]) -> Edit:
        """Put lines behind a statement, in its block; on its own line where the block has no lines of its own."""
        import libcst as cst

        found = self._statement(span)
        in_front = isinstance(found.line, cst.SimpleStatementLine) and found.line.body[-1] is not found.node
        if found.inline or in_front:
            return Edit(Span(span.end, span.end), "".join(f"; {line}" for line in lines))
        end = self._lines(span).end
        missing = "" if self.text[:end].endswith(("\n", "\r")) else self.newline
        content = missing + self._indent(lines, self.indentation(span), self.newline)
        return Edit(Span(end, end), content if not missing else content.removesuffix(self.newline))

    def wrap(self, spans: Sequence[Span], head: str) -> Edit | None:
        """Put neighbouring statements into a block of their own under ``head``; ``None`` where that can't be done."""
        if not spans or any(not self.is_alone(span) for span in spans):
            return None
        lines = Span(self._lines(spans[0]).start, self._lines(spans[-1]).end)
        text = self.text[lines.start : lines.end]
        if '"""' in text or "'''" in text or "\\\n" in text or not text.endswith(("\n", "\r")):
            return None
        indentation = self.indentation(spans[0])
        step = "\t" if indentation.endswith("\t") else "    "
        inside = "".join(f"{step}{line}" if line.strip() else line for line in text.splitlines(keepends=True))
        return Edit(lines, f"{indentation}{head}{self.newline}{inside}")

    def move_before(self, spans: Sequence[Span], anchor: Span) -> Removal | None:
        """Move whole statements in front of another; ``None`` where they can't be moved as they stand."""
        moved: list[str] = []
        edits: list[Edit] = []
        for span in spans:
            found = self._statements.get(span.start)
            if found is None or not self.is_alone(span):
                return None
            first = self._statement_lines(span)
            text = self.text[first.start : first.end]
            if '"""' in text or "'''" in text or "\\\n" in text:
                return None
            moved += [line.rstrip("\r\n") for line in _dedent(text.splitlines(keepends=True), self.indentation(span))]
            if span is not spans[-1]:
                moved += [""] * self._blank_rows(first)[1]
            remaining = [
                sibling
                for sibling in found.siblings
                if not any(span.start <= self._positions[sibling].start <= span.end for span in spans)
            ]
            if not remaining and not found.top:
                edits.append(replace(span, "pass"))
            else:
                edits.append(Edit(Span(first.start, self._end_of_gap(first)), ""))
        return Removal((self.insert_before(anchor, moved), *edits), False)

    def _statement_lines(self, span: Span) -> Span:
        """Return the lines of a statement with the comments right above it and its decorators."""
        return Span(self._above(span), self._lines(span).end)

    # -- displays ---------------------------------------------------------------------------------------------------

    def remove_element(self, statement: Span, element: Span) -> Removal | None:
        """Take an element out of its tuple, list, set or dict display (a dict's by its key), commas and all."""
        import libcst as cst

        for display in self._displays(statement):
            for position, item in enumerate(display.elements):
                written = item.key if isinstance(item, cst.DictElement) else item.value
                if self._positions[written] != element:
                    continue
                kept = [other for other in display.elements if other is not item]
                if kept and position == len(kept):
                    kept[-1] = kept[-1].with_changes(comma=item.comma)
                before = self._module.code_for_node(display)
                after = self._module.code_for_node(display.with_changes(elements=kept))
                span = self._display_span(display, before)
                if span is None:
                    return None
                return Removal((_smallest(span, before, after),), before.count("#") != after.count("#"))
        return None

    def _displays(self, statement: Span) -> Iterator[cst.Tuple | cst.List | cst.Set | cst.Dict]:
        import libcst as cst

        found = self._statement(statement)
        todo: list[cst.CSTNode] = [found.node]
        while todo:
            node = todo.pop()
            if isinstance(node, (cst.Tuple, cst.List, cst.Set, cst.Dict)):
                yield node
            todo.extend(node.children)

    def _display_span(self, display: cst.CSTNode, code: str) -> Span | None:
        # PositionProvider leaves the parentheses of a tuple out; the generated code has them.
        start = self._positions[display].start
        for offset in range(start, max(-1, start - 400), -1):
            if self.text.startswith(code, offset) and offset + len(code) >= self._positions[display].end:
                return Span(offset, offset + len(code))
        return None

    # -- imports ----------------------------------------------------------------------------------------------------

    def add_import(self, name: str) -> Edit:
        """Return the edit that adds ``import name`` to the imports at the top, in its alphabetical place.

        The place is the first run of plain imports: before the first that sorts behind, else after the run's last;
        without plain imports, after the last import, the docstring, or at the top.
        """
        import libcst as cst

        run: list[tuple[str, Span]] = []
        last: Span | None = None
        for position, line in enumerate(self._module.body):
            if not isinstance(line, cst.SimpleStatementLine):
                break
            small = line.body[0]
            span = self._positions[line]
            docstring = position == 0 and isinstance(small, cst.Expr)
            if not docstring and not isinstance(small, (cst.Import, cst.ImportFrom)):
                break
            if isinstance(small, cst.Import):
                if not run or self._rows(run[-1][1])[1] + 1 == self._rows(span)[0]:
                    run.append((self._module.code_for_node(small.names[0].name), span))
            last = span
        statement = f"import {name}{self.newline}"
        for imported, span in run:
            if imported > name:
                start = self._lines(span).start
                return Edit(Span(start, start), statement)
        target = run[-1][1] if run else last
        if target is None:
            start = self.index.line_start(self._first_row())
            return Edit(Span(start, start), statement)
        end = self._lines(target).end
        return Edit(Span(end, end), statement)

    def _first_row(self) -> int:
        """Return the row below a shebang and a coding cookie."""
        row = 1
        while row < len(self.index) and self.index.line(row).startswith("#"):
            row += 1
        return row


def _suites(statement: cst.BaseStatement) -> Iterator[cst.BaseSuite]:
    """Yield the blocks of a compound statement."""
    import libcst as cst

    todo: list[cst.CSTNode] = [statement]
    while todo:
        node = todo.pop()
        for child in node.children:
            if isinstance(child, cst.BaseSuite):
                yield child
            elif isinstance(
                child, (cst.Else, cst.If, cst.ExceptHandler, cst.ExceptStarHandler, cst.Finally, cst.MatchCase)
            ):
                todo.append(child)


def _dedent(lines: Sequence[str], indentation: str) -> list[str]:
    return [line.removeprefix(indentation) if line.strip() else line.lstrip(" \t") for line in lines]


def _smallest(span: Span, before: str, after: str) -> Edit:
    """Return the edit from ``before`` to ``after`` without what both have in common at either end."""
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    return Edit(Span(span.start + start, span.end - end), after[start : len(after) - end])
