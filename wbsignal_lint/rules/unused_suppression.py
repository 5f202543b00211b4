"""WBS002."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from wbsignal_lint.diagnostics import Applicability, Diagnostic, Edit, Fix, LineIndex, Severity, Span
from wbsignal_lint.rules.base import Rule
from wbsignal_lint.suppressions import Written


class UnusedSuppression(Rule):
    """A noqa comment that suppresses nothing hides the next mistake on its line.

    ## What it finds

    A code of ours in a `# noqa: WBS…` comment, or in a `# flake8: noqa: WBS…` for the whole file, under which there is
    nothing to report.

    It is found after all other rules, in files that they look at. A code counts only if every rule that it stands for
    is switched on.

    ## Why it matters

    The comment was written for a finding that is gone. It stays, and when the mistake comes back nobody hears of it.
    This rule is off unless it is selected.

    ## Example

    Bad:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        if wandb.run is not None:
            wandb.run.mark_preempting()
        sys.exit(128 + signum)  # noqa: WBS301

    for preemption_signal in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(preemption_signal, handle_preemption)
    run = wandb.init()
    ```

    Good:

    ```python
    import signal, sys, wandb

    def handle_preemption(signum, frame):
        if wandb.run is not None:
            wandb.run.mark_preempting()
        sys.exit(128 + signum)

    for preemption_signal in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(preemption_signal, handle_preemption)
    run = wandb.init()
    ```

    ## Fix

    Drops the code, and the comment with its last code. What else the comment says stays.

    ## Leaves alone

    Comments without codes; codes of other linters; codes of rules that are switched off; suppressions in files that no
    rule looks at, and in files that can't be read in full.
    """

    code = "WBS002"
    name = "unused-suppression"
    severity = Severity.INFO
    fixes = (Applicability.SAFE,)

    def find(
        self, text: str, lines: LineIndex, comments: Iterable[Written], checked: frozenset[str]
    ) -> Iterator[Diagnostic]:
        """Yield one diagnostic for each comment with codes that suppressed nothing.

        Args:
            text: the text of the file.
            lines: its lines.
            comments: the suppressions in it, with what they suppressed.
            checked: the codes of the rules that were on.
        """
        for comment in comments:
            unused = [code for code in comment.codes if code not in comment.used and _is_ours(code, checked)]
            if unused and not any(self.code.startswith(code.upper()) for code in comment.codes):
                yield self._diagnostic(text, lines, comment, unused)

    def _diagnostic(self, text: str, lines: LineIndex, comment: Written, unused: list[str]) -> Diagnostic:
        row = comment.comment.row
        start = lines.line_start(row) + lines.line(row).rindex(comment.comment.text)
        span = Span(start + comment.span[0], start + comment.span[1])
        where = "in this file" if comment.whole_file else "here"
        return self.at(
            span,
            f"the suppression of {', '.join(unused)} suppresses nothing {where}",
            fix=Fix(f"Drop {', '.join(unused)}", (_dropped(text, lines, comment, span, unused),)),
            scope=span,
        )


def _is_ours(code: str, checked: frozenset[str]) -> bool:
    """Say whether a code is one of ours and every rule that it stands for was on."""
    from wbsignal_lint.rules import all_rules

    meant = {rule.code for rule in all_rules() if rule.code.startswith(code.upper())}
    return code.upper().startswith("WBS") and meant <= checked


def _dropped(text: str, lines: LineIndex, comment: Written, span: Span, unused: list[str]) -> Edit:
    kept = [code for code in comment.codes if code not in unused]
    written = text[span.start : span.end]
    if kept:
        first = written.index(comment.codes[0], written.lower().index("noqa"))
        separator = ", " if ", " in written[first:] else "," if "," in written[first:] else " "
        return Edit(Span(span.start + first, span.end), separator.join(kept))
    row = comment.comment.row
    line = lines.line(row)
    column = span.start - lines.line_start(row)
    before, after = line[:column], line[column + len(written) :]
    if after.strip():
        # Prose, or a comment of another tool: it stays, as a comment of its own.
        return Edit(
            Span(span.start, span.end + len(after) - len(after.lstrip())),
            "" if after.lstrip().startswith("#") else "# ",
        )
    if not before.strip():
        return Edit(Span(lines.line_start(row), lines.line_start(row + 1)), "")
    return Edit(Span(lines.line_start(row) + len(before.rstrip()), lines.line_start(row) + len(line)), "")
