"""For people: every finding with the code it is about, what Weights & Biases would record, and the fix."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from wbsignal_lint.diagnostics import Applicability, Diagnostic, FileReport, LineIndex, Severity
from wbsignal_lint.formats._frame import frame
from wbsignal_lint.formats._headline import fixable_sign, problem_line
from wbsignal_lint.formats._preview import preview
from wbsignal_lint.formats._style import Style, printable
from wbsignal_lint.formats._summary import Tally

__all__ = ["render"]

_COLORS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
_REMARKS = {Applicability.SAFE: "", Applicability.UNSAFE: " (unsafe)", Applicability.DISPLAY: " (by hand)"}


def render(reports: Iterable[FileReport], style: Style) -> Iterator[str]:
    """Yield a block of lines for every finding, and the summary."""
    tally = Tally()
    for report in reports:
        tally.add(report)
        lines = LineIndex(report.text)
        for problem in report.problems:
            yield problem_line(problem, style) + "\n\n"
        for diagnostic in report.diagnostics:
            yield "\n".join(_finding(report.filename, lines, diagnostic, style)) + "\n\n"
    yield tally.text(style)


def _finding(filename: str, lines: LineIndex, diagnostic: Diagnostic, style: Style) -> Iterator[str]:
    place = lines.place(diagnostic.span.start)
    code = style.paint(diagnostic.code, "bold", _COLORS[diagnostic.severity])
    shown = style.paint(f"{printable(filename)}:{place}:", "bold")
    yield f"{shown} {code} {fixable_sign(diagnostic, style)}{diagnostic.name}"
    yield f"  {style.paint(printable(diagnostic.message), 'bold')}"
    yield from frame(lines, diagnostic.span, style)
    indent = " " * len(str(place.row + 2))
    equals = f"{indent} {style.paint('=', 'blue')}"
    if diagnostic.outcome:
        outcome = printable(diagnostic.outcome)
        yield f"{equals} {style.paint('W&B', 'bold')} {outcome}"
    for related in diagnostic.related:
        there = lines.place(related.span.start)
        cell = "" if there.cell in (None, place.cell) else f"cell {there.cell}, "
        shown = related.place or f"{cell}line {there.row}"
        yield f"{equals} {style.paint('note:', 'bold')} {printable(shown)}: {printable(related.message)}"
    if diagnostic.fix is not None:
        remark = _REMARKS[diagnostic.fix.applicability]
        yield f"{equals} {style.paint('help:', 'bold')} {printable(diagnostic.fix.message)}{remark}"
        for line in preview(lines, diagnostic.fix, style):
            yield f"{indent}   {line}"
