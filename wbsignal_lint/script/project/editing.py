"""Editing one file of a program whose offsets go on behind its end, into other files (see ``script/layout.py``)."""

from __future__ import annotations

from collections.abc import Sequence

from wbsignal_lint.diagnostics import Edit, Span
from wbsignal_lint.edits.python import PythonEditor, Removal

__all__ = ["FileEditor"]


class FileEditor(PythonEditor):
    """Builds edits of one of several files; for the others it builds only what is thrown away: edits outside of it."""

    def _knows(self, *spans: Span) -> bool:
        return all(span.end <= len(self.text) for span in spans)

    def is_alone(self, span: Span) -> bool:
        return self._knows(span) and super().is_alone(span)

    def indentation(self, span: Span) -> str:
        return super().indentation(span) if self._knows(span) else ""

    def remove_statement(self, span: Span) -> Removal:
        return super().remove_statement(span) if self._knows(span) else Removal((Edit(span, ""),), False)

    def remove_element(self, statement: Span, element: Span) -> Removal | None:
        return super().remove_element(statement, element) if self._knows(statement, element) else None

    def insert_before(self, span: Span, lines: Sequence[str]) -> Edit:
        return super().insert_before(span, lines) if self._knows(span) else Edit(span, "")

    def insert_after(self, span: Span, lines: Sequence[str]) -> Edit:
        return super().insert_after(span, lines) if self._knows(span) else Edit(span, "")

    def move_before(self, spans: Sequence[Span], anchor: Span) -> Removal | None:
        return super().move_before(spans, anchor) if self._knows(*spans, anchor) else None
