"""One source: gates, facts, rules, suppressions."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from wbsignal_lint.comments import Comment, hash_comments, python_comments, shell_comments
from wbsignal_lint.contract import PREEMPTION_SIGNALS
from wbsignal_lint.diagnostics import Diagnostic, Elsewhere, FileReport, LineIndex, Problem
from wbsignal_lint.elsewhere import local, merged, told_elsewhere
from wbsignal_lint.launch import gate as launch_gate
from wbsignal_lint.reading import Unreadable, launch_file_of, parse_python, python_launch_file_of, script_of, tree_of
from wbsignal_lint.rules import LaunchRule, Rule, ScriptRule
from wbsignal_lint.rules.unused_suppression import UnusedSuppression
from wbsignal_lint.script import gate as script_gate
from wbsignal_lint.selection import Selection
from wbsignal_lint.sources.kinds import Kind
from wbsignal_lint.stack import with_enough_stack
from wbsignal_lint.statements import continued_rows, statement_rows
from wbsignal_lint.suppressions import mentions_noqa, read_suppressions

if TYPE_CHECKING:
    from wbsignal_lint.launch.facts import LaunchFile
    from wbsignal_lint.script.facts import Script
    from wbsignal_lint.script.project import ReadModule

__all__ = ["LintOptions", "gate_passes", "lint_text"]


@dataclass(frozen=True)
class LintOptions:
    """What to look for in one file."""

    selection: Selection = field(default_factory=Selection)
    preemption_signals: tuple[str, ...] = PREEMPTION_SIGNALS
    training_calls: tuple[str, ...] = ()
    noqa: bool = True
    """Whether ``noqa`` comments count."""
    path: Path | None = None
    """Where the file is, or would be: what its project says of versions, say, is looked up from there."""
    read: ReadModule | None = None
    """Gives the files of its project that a script imports; ``None`` if they are not to be followed."""
    others: tuple[Elsewhere, ...] = ()
    """What scripts that import the file say about it."""


def gate_passes(data: bytes, kind: Kind) -> bool:
    """Return whether the bytes of a file are worth decoding: whether they mention what the rules speak of."""
    if kind is Kind.PYTHON:
        return script_gate.bytes_pass_with_imports(data) or launch_gate.python_bytes_pass(data)
    host = None if kind is Kind.SHELL else kind.value
    if launch_gate.bytes_pass(data, host) or launch_gate.may_start_training(data, host):
        return True
    return kind in (Kind.NOTEBOOK, Kind.DOCUMENTATION) and script_gate.bytes_pass(data)


def lint_text(
    text: str, kind: Kind, filename: str, options: LintOptions, *, tree: ast.Module | None = None
) -> FileReport:
    """Lint the text of one file.

    Args:
        text: the text without byte order mark, line endings as in the file.
        kind: what it is.
        filename: how the report shall call it.
        options: what to look for.
        tree: the text as parsed Python, if the caller has it already.

    Returns:
        The findings in the order of their places, without those that are suppressed. What can't be read, and a rule
        that fails, is a problem in the report; this function raises nothing.
    """
    report = FileReport(filename, text, original=text)
    try:
        if kind is Kind.PYTHON:
            _lint_python(report, options, tree or tree_of(text, options.path, options.read))
        elif kind is Kind.SHELL:
            _lint_shell(report, options)
        else:
            _lint_host(report, options, kind)
    except Unreadable as error:
        report.problems.append(Problem(filename, error.message, error.row, error.column))
    except Exception as error:
        report.problems.append(Problem(filename, f"can't be read {_blame_us(error)}"))
    return report


def _lint_python(report: FileReport, options: LintOptions, tree: ast.Module) -> None:
    if _check_script(report, options, tree):
        _finish(report, options, lambda: python_comments(report.text), lambda _, row: statement_rows(tree, row))


def _check_script(report: FileReport, options: LintOptions, tree: ast.Module) -> bool:
    """Ask the rules about a script and what it launches; return whether there was anything to ask them."""
    signals, calls = options.preemption_signals, options.training_calls
    script = script_of(report.text, tree, signals, calls, options.path, options.read)
    launch = python_launch_file_of(report.text, tree, options.path)
    if script is None and launch is None and not options.others:
        return False  # and no rule is imported
    for rule in options.selection.rules():
        if isinstance(rule, ScriptRule) and script is not None:
            _ask(rule, lambda rule=rule: list(rule.check(script)), report)  # type: ignore[misc]
        elif isinstance(rule, LaunchRule) and launch is not None:
            _ask(rule, lambda rule=rule: _mendable(rule.find(launch), report.text), report)  # type: ignore[misc]
    if script is not None and len(script.program.modules) > 1:
        # Fixes of findings that nobody will see are not worth building.
        kept = filter(options.selection.keeps, report.diagnostics)
        report.elsewhere = told_elsewhere(script, kept, lambda view, codes: _found_in(view, codes, options.selection))
        report.diagnostics = local(script, report.diagnostics)
    if options.others:
        is_program = script_gate.is_program(tree)
        codes = {rule.code for rule in options.selection.rules()}
        found = merged(report.diagnostics, options.others, is_program=is_program)
        report.diagnostics = [item for item in found if item.code in codes]
    return True


def _found_in(view: Script, codes: frozenset[str], selection: Selection) -> list[Diagnostic]:
    """Ask the rules with certain codes about a script as one of its other files sees it."""
    rules = [rule for rule in selection.rules() if isinstance(rule, ScriptRule) and rule.code in codes]
    return with_enough_stack(lambda: [found for rule in rules for found in rule.check(view)])


def _mendable(diagnostics: Iterable[Diagnostic], text: str) -> list[Diagnostic]:
    """Return findings of launch rules in Python, without the fixes that only hold in shell."""
    found = list(diagnostics)
    if not any(diagnostic.fix for diagnostic in found):
        return found
    from wbsignal_lint.launch.python.soundness import with_sound_fixes

    return list(with_sound_fixes(found, text))


def _lint_shell(report: FileReport, options: LintOptions) -> None:
    launch = launch_file_of(report.text, options.path)
    if launch is None:
        return
    _check_launch(report, options, launch)
    if launch.sourced:
        from wbsignal_lint.launch.sourcing import in_this_file

        report.diagnostics = in_this_file(report.diagnostics, launch.sourced)
    _finish(report, options, lambda: shell_comments(report.text), continued_rows)


def _check_launch(report: FileReport, options: LintOptions, launch: LaunchFile) -> None:
    """Ask the rules about a file that launches."""
    for rule in options.selection.rules():
        if isinstance(rule, LaunchRule):
            _ask(rule, lambda rule=rule: list(rule.find(launch)), report)  # type: ignore[misc]


def _lint_host(report: FileReport, options: LintOptions, kind: Kind) -> None:
    """Lint a file that shell stands in, and in some kinds Python."""
    launch = launch_file_of(report.text, options.path, kind.value)
    if launch is not None:
        _check_launch(report, options, launch)
    if kind in (Kind.NOTEBOOK, Kind.DOCUMENTATION):
        from wbsignal_lint.embedded import embedded_in

        for program in embedded_in(report.text, kind.value):
            inner = FileReport(report.filename, program.text)
            with suppress(Unreadable):  # a snippet in a text need not be a program
                _check_script(inner, options, parse_python(program.text))
            report.problems += inner.problems
            report.diagnostics += map(program.brought_home, inner.diagnostics)
    _finish(report, options, lambda: hash_comments(report.text), continued_rows)


def _ask(rule: Rule, check: Callable[[], list[Diagnostic]], report: FileReport) -> None:
    """Add what a rule finds; a rule that fails is a bug of ours, which must not cost the findings of the others."""
    try:
        report.diagnostics += with_enough_stack(check)
    except Exception as error:
        message = f"rule {rule.code} {rule.name} failed on this file {_blame_us(error)}"
        report.problems.append(Problem(report.filename, message))


def _blame_us(error: Exception) -> str:
    """Say in one line that an exception is nobody else's fault."""
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return f"({reason}): a bug in wbsignal-lint, please report it"


def _finish(
    report: FileReport,
    options: LintOptions,
    comments: Callable[[], Iterable[Comment]],
    rows_around: Callable[[LineIndex, int], range],
) -> None:
    """Take out what is suppressed or not asked for, and sort."""
    report.diagnostics = [diagnostic for diagnostic in report.diagnostics if options.selection.keeps(diagnostic)]
    report.diagnostics.sort(key=lambda diagnostic: (diagnostic.span, diagnostic.code, diagnostic.message))
    unused = next((rule for rule in options.selection.rules() if isinstance(rule, UnusedSuppression)), None)
    if (not report.diagnostics and unused is None) or not options.noqa or not mentions_noqa(report.text):
        return
    suppressions = read_suppressions(comments())
    lines = LineIndex(report.text)

    def is_suppressed(diagnostic: Diagnostic) -> bool:
        rows: set[int] = set()
        for span in filter(None, (diagnostic.span, diagnostic.scope)):
            first, last = lines.position(span.start).row, lines.position(max(span.start, span.end - 1)).row
            rows.update(range(first, last + 1), rows_around(lines, first), rows_around(lines, last))
        return suppressions.suppress(diagnostic.code, rows)

    report.diagnostics = [diagnostic for diagnostic in report.diagnostics if not is_suppressed(diagnostic)]
    if unused is not None and not report.problems:
        report.diagnostics += unused.find(report.text, lines, suppressions.written, options.selection.whole)
        report.diagnostics.sort(key=lambda diagnostic: (diagnostic.span, diagnostic.code, diagnostic.message))
