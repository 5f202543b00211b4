"""What the formats for people have in common: the line for a problem, and the sign for what can be mended."""

from __future__ import annotations

from wbsignal_lint.diagnostics import Applicability, Diagnostic, Problem
from wbsignal_lint.formats._style import Style, printable

__all__ = ["fixable_sign", "problem_line"]


def problem_line(problem: Problem, style: Style) -> str:
    """Return the line for a file that could not be read."""
    place, message = str(problem).split(" WBS001 ", 1)
    return f"{style.paint(printable(place), 'bold')} {style.paint('WBS001', 'bold', 'red')} {printable(message)}"


def fixable_sign(diagnostic: Diagnostic, style: Style) -> str:
    """Return ``[*] `` for a finding that ``--fix`` mends, with the unsafe fixes if those are wanted."""
    applicable = {Applicability.SAFE} | ({Applicability.UNSAFE} if style.unsafe_fixes else set())
    if diagnostic.fix is None or diagnostic.fix.applicability not in applicable:
        return ""
    return f"[{style.paint('*', 'cyan')}] "
