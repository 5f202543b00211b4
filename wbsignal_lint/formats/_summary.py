"""The last line: how many findings there were, how many are mended, how many could be."""

from __future__ import annotations

from collections import Counter

from wbsignal_lint.diagnostics import Applicability, FileReport
from wbsignal_lint.formats._style import Style, printable

__all__ = ["Tally"]


class Tally:
    """Counts findings while they are rendered."""

    def __init__(self) -> None:
        self.remaining = 0
        self.fixed = 0
        self.problems = 0
        self.fixable: Counter[Applicability] = Counter()
        self.fixed_in: list[str] = []

    def add(self, report: FileReport) -> None:
        """Count what one report holds."""
        self.remaining += len(report.diagnostics)
        self.fixed += sum(report.fixed.values())
        fixed = ", ".join(code if times == 1 else f"{code} ({times} times)" for code, times in report.fixed.items())
        self.fixed_in += [f"{printable(report.filename)}: fixed {fixed}"] if fixed else []
        self.problems += len(report.problems)
        self.fixable.update(diagnostic.fix.applicability for diagnostic in report.diagnostics if diagnostic.fix)

    def text(self, style: Style) -> str:
        """Return what stands behind the findings: what was fixed, if that is wanted, and the summary in one line."""
        lines = self.fixed_in if style.show_fixes else []
        return "".join(f"{line}\n" for line in (*lines, *([self.sentence(style)] if style.summary else ())))

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
