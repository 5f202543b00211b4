"""The flake8 plugin: the findings of the command line on Python files, as flake8 wants them."""

from __future__ import annotations

import ast
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wbsignal_lint import __version__
from wbsignal_lint.diagnostics import LineIndex, Severity
from wbsignal_lint.linter import LintOptions, lint_text
from wbsignal_lint.rules import all_rules, find_rule
from wbsignal_lint.selection import Layer, Selection
from wbsignal_lint.settings import Settings, nearest_settings, signal_names
from wbsignal_lint.siblings import SIBLINGS
from wbsignal_lint.sources.kinds import Kind

if TYPE_CHECKING:
    from flake8.options.manager import OptionManager

__all__ = ["WbsignalPlugin"]


class WbsignalPlugin:
    """One file, checked for flake8, which decides on its own what it selects and ignores of what this yields.

    Script settings come from flake8's configuration, and where that says nothing from the nearest
    ``[tool.wbsignal-lint]`` table.
    """

    name = "wbsignal-lint"
    version = __version__

    def __init__(self, tree: ast.Module, lines: Sequence[str], filename: str, options: Namespace) -> None:
        """Take what flake8 knows of a file.

        Args:
            tree: the parsed file.
            lines: its lines, decoded, without byte order mark, with newlines at their ends.
            filename: its path; ``stdin`` (or the display name that was set) for standard input.
            options: flake8's options, ours among them.
        """
        self._tree = tree
        self._lines = lines
        self._filename = filename
        self._options = options

    @classmethod
    def add_options(cls, manager: OptionManager) -> None:
        """Register our options, and have flake8 leave out the rules that are off by default."""
        manager.add_option(
            "--wbsignal-preemption-signals",
            default="",
            comma_separated_list=True,
            parse_from_config=True,
            help="signals that announce a preemption (default: as in pyproject.toml, or SIGTERM, SIGUSR1, ...)",
        )
        manager.add_option(
            "--wbsignal-training-calls",
            default="",
            comma_separated_list=True,
            parse_from_config=True,
            help="further calls that train and block, as dotted names",
        )
        manager.extend_default_ignore(
            [rule.code for rule in all_rules() if rule.severity is Severity.INFO and rule.graver is None]
        )

    @classmethod
    def parse_options(cls, options: Namespace) -> None:
        """Check our options.

        Raises:
            flake8.exceptions.ExecutionError: there is no such signal.
        """
        try:
            options.wbsignal_preemption_signals = signal_names(options.wbsignal_preemption_signals)
        except ValueError as error:
            from flake8.exceptions import ExecutionError

            raise ExecutionError(f"wbsignal-preemption-signals: {error}") from None

    def run(self) -> Iterator[tuple[int, int, str, type[Any]]]:
        """Yield every finding as row (from 1), column (from 0), text beginning with the code, and the plugin."""
        text = "".join(self._lines)
        report = lint_text(text, Kind.PYTHON, self._filename, self._lint_options(), tree=self._tree)
        lines = LineIndex(text)
        for diagnostic in report.diagnostics:
            if diagnostic.severity is Severity.INFO and not self._is_wanted(diagnostic.code):
                continue
            row, column = lines.position(diagnostic.span.start)
            yield row, column - 1, f"{diagnostic.code} {diagnostic.message}", type(self)
        for problem in report.problems:
            yield problem.row or 1, (problem.column or 1) - 1, f"WBS001 {problem.message}", type(self)

    def _is_wanted(self, code: str) -> bool:
        """Say whether a finding of severity info counts; flake8 itself sees to rules that are all info."""
        rule = find_rule(code)
        if rule is None or rule.graver is None:
            return True
        selected = [*(self._options.select or ()), *(self._options.extend_select or ())]
        return any(code.startswith(prefix) for prefix in selected)

    def _lint_options(self) -> LintOptions:
        settings = self._settings()
        # Everything is asked for, and flake8 chooses: it knows its --select, --ignore and per-file-ignores.
        return LintOptions(
            Selection().plus(Layer(select=("ALL",))),
            self._options.wbsignal_preemption_signals or settings.preemption_signals,
            tuple(self._options.wbsignal_training_calls) or settings.training_calls,
            # flake8 sees to its own suppressions; ours know of long statements and of `# wbsignal-lint: noqa`, too.
            noqa=not self._options.disable_noqa,
            path=self._path(),
            read=SIBLINGS.read,
        )

    def _settings(self) -> Settings:
        return nearest_settings(self._path().parent)

    def _path(self) -> Path:
        path = Path(self._filename)
        return (path if path.exists() else Path("stdin")).absolute()
