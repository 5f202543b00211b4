"""One line a finding: ``path:row:column: code message``, with ``[*]`` where ``--fix`` can mend it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from wbsignal_lint.diagnostics import FileReport, LineIndex
from wbsignal_lint.formats._headline import fixable_sign, problem_line
from wbsignal_lint.formats._style import Style, printable
from wbsignal_lint.formats._summary import Tally

__all__ = ["render"]


def render(reports: Iterable[FileReport], style: Style) -> Iterator[str]:
    """Yield a line for every finding, and the summary."""
    tally = Tally()
    for report in reports:
        tally.add(report)
        lines = LineIndex(report.text)
        for problem in report.problems:
            yield problem_line(problem, style) + "\n"
        for diagnostic in report.diagnostics:
            place = lines.place(diagnostic.span.start)
            shown = style.paint(f"{printable(report.filename)}:{place}:", "bold")
            code = style.paint(diagnostic.code, "bold", "red")
            yield f"{shown} {code} {fixable_sign(diagnostic, style)}{printable(diagnostic.message)}\n"
    yield tally.text(style)
