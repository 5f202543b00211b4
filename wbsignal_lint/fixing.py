"""The fix loop: apply what may be applied, lint again, until nothing changes; and keep nothing that is not sound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from wbsignal_lint import edits
from wbsignal_lint.diagnostics import Applicability, Diagnostic, Elsewhere, FileReport, Fix, Problem
from wbsignal_lint.linter import LintOptions, lint_text
from wbsignal_lint.reading import Unreadable, parse_python
from wbsignal_lint.sources.kinds import Kind

__all__ = ["OthersOf", "fix_text"]

OthersOf = Callable[[str], tuple[Elsewhere, ...]]
"""Says what the scripts that import a file say about a text of it."""

_MAX_PASSES = 20
"""A fix can wait for another one, or bring the next finding to light; nothing sensible takes more rounds than this."""


def fix_text(
    text: str,
    kind: Kind,
    filename: str,
    options: LintOptions,
    *,
    unsafe: bool = False,
    others_of: OthersOf | None = None,
) -> FileReport:
    """Lint a text and mend what can be mended.

    Args:
        text: the text without byte order mark, line endings as in the file.
        kind: what it is.
        filename: how the report shall call it.
        options: what to look for.
        unsafe: apply unsafe fixes, too.
        others_of: says what the scripts that import the file say about a text of it.

    Returns:
        The report on the fixed text: what is left, and how many findings of each code were mended. If the fixes broke
        the text or never came to an end, it is the report on the text as it was, with a problem that names the rules at
        fault.
    """

    def lint(candidate: str) -> FileReport:
        told = options if others_of is None else replace(options, others=others_of(candidate))
        return lint_text(candidate, kind, filename, told)

    first = report = lint(text)
    mended: Counter[str] = Counter()
    seen = {text}
    for _ in range(_MAX_PASSES):
        chosen = _choose(report.diagnostics, unsafe)
        if not chosen:
            report.original = text
            report.fixed = dict(sorted(mended.items()))
            return report
        candidate = _apply(report.text, chosen)
        if candidate in seen:
            return _thrown_away(first, chosen, "do not come to an end")
        if not _is_sound(report.text, candidate, kind):
            return _thrown_away(first, _breaking(report.text, chosen, kind), "would leave a file that does not parse")
        seen.add(candidate)
        mended.update(diagnostic.code for diagnostic in chosen)
        before, report = report, lint(candidate)
        if len(report.problems) > len(before.problems):
            return _thrown_away(first, chosen, "would leave a file that can't be read")
    return _thrown_away(first, _choose(report.diagnostics, unsafe), "do not come to an end")


def _choose(diagnostics: Iterable[Diagnostic], unsafe: bool) -> list[Diagnostic]:
    """Return the findings whose fixes can be applied together; of overlapping ones the later wait for the next pass."""
    allowed = {Applicability.SAFE, Applicability.UNSAFE} if unsafe else {Applicability.SAFE}
    offered = [diagnostic for diagnostic in diagnostics if diagnostic.fix and diagnostic.fix.applicability in allowed]
    chosen: list[Diagnostic] = []
    accepted: list[Fix] = []
    for diagnostic in offered:
        assert diagnostic.fix is not None
        if len(edits.select([*accepted, diagnostic.fix])) > len(accepted):
            accepted.append(diagnostic.fix)
            chosen.append(diagnostic)
    return chosen


def _apply(text: str, chosen: Sequence[Diagnostic]) -> str:
    # Two fixes may bring the same edit, such as an added import; it is made once.
    return edits.apply(text, dict.fromkeys(edit for item in chosen if item.fix for edit in item.fix.edits))


def _is_sound(before: str, after: str, kind: Kind) -> bool:
    """Return whether a fixed text is at least as good a program as it was."""
    if kind is Kind.PYTHON:
        try:
            parse_python(after)
        except Unreadable:
            return False
        return True
    if kind is not Kind.SHELL:
        from wbsignal_lint.launch.hosts.soundness import is_as_sound

        return is_as_sound(before, after, kind.value)
    from wbsignal_lint.launch.syntax import count_errors

    return count_errors(after) <= count_errors(before)


def _breaking(text: str, chosen: Sequence[Diagnostic], kind: Kind) -> Sequence[Diagnostic]:
    """Return those findings whose fix breaks the text all by itself; if it takes several, all of them."""
    return [item for item in chosen if not _is_sound(text, _apply(text, [item]), kind)] or chosen


def _thrown_away(first: FileReport, guilty: Sequence[Diagnostic], what: str) -> FileReport:
    rules = " and ".join(sorted({f"{diagnostic.code} {diagnostic.name}" for diagnostic in guilty}))
    first.problems.append(
        Problem(first.filename, f"the fixes of {rules} {what}; nothing was changed (a bug in wbsignal-lint)")
    )
    return first
