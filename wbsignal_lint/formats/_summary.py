"""The last line: how many findings there were, how many are mended, how many could be."""

from __future__ import annotations

from collections import Counter

from wbsignal_lint.diagnostics import Applicability, FileReport
from wbsignal_lint.formats._style import Style

__all__ = ["Tally"]


class Tally:
    """Counts findings while they are rendered."""

    def __init__(self) -> None:
        self.remaining = 0
        self.fixed = 0
        self.problems = 0
        self.fixable: Counter[Applicability] = Counter()

    def add(self, report: FileReport) -> None:
        """Count what one report holds."""
        self.remaining += len(report.diagnostics)
        self.fixed += sum(report.fixed.values())
        self.problems += len(report.problems)
        self.fixable.update(diagnostic.fix.applicability for diagnostic in report.diagnostics if diagnostic.fix)

    def sentence(self, style: Style) -> str:
        """Return the summary in one line."""
        parts: list[str] = []
        total = self.remaining + self.fixed
        if total:
            fixed = f" ({self.fixed} fixed, {self.remaining} remaining)" if self.fixed else ""
            parts.append(style.paint(f"Found {_count(total, 'error')}{fixed}.", "bold"))
        elif not self.problems:
            parts.append(style.paint("All checks passed!", "bold", "green"))
        parts += self._fixable(style)
        if self.problems:
            problems = f"{_count(self.problems, 'problem')} kept files from being checked or fixed."
            parts.append(style.paint(problems, "bold"))
        return " ".join(parts)

    def _fixable(self, style: Style) -> list[str]:
        safe, unsafe = self.fixable[Applicability.SAFE], self.fixable[Applicability.UNSAFE]
        if style.unsafe_fixes:
            return [f"[*] {safe + unsafe} fixable with --fix --unsafe-fixes."] if safe + unsafe else []
        more = " more" if self.fixed or safe else ""
        sentences = [f"[*] {safe} fixable with --fix."] if safe else []
        return sentences + ([f"{unsafe}{more} fixable with --fix --unsafe-fixes."] if unsafe else [])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
