"""The command line: arguments in, exit status out."""

from __future__ import annotations

import argparse
import functools
import importlib
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NoReturn, TextIO

from wbsignal_lint import __version__
from wbsignal_lint.arguments import make_parser
from wbsignal_lint.diagnostics import FileReport, Problem
from wbsignal_lint.files import Job
from wbsignal_lint.formats import Style, renderer
from wbsignal_lint.formats._diff import render_diff
from wbsignal_lint.formats._headline import problem_line
from wbsignal_lint.patterns import compile_patterns
from wbsignal_lint.runner import run
from wbsignal_lint.selection import Layer, UnknownSelector, check_selector
from wbsignal_lint.settings import Settings, SettingsError, nearest_settings, read_settings
from wbsignal_lint.sources import Source, decode, find_sources, stdin_source

__all__ = ["main"]

# A subcommand is a module with `main(argv) -> exit status`, imported when it is called for.
COMMANDS = {
    "rule": ("wbsignal_lint.explain", "explain a rule: rule [CODE|NAME|--all]"),
    "forecast": ("wbsignal_lint.forecast.command", "say what W&B will record for a script: forecast train.py"),
    "drill": ("wbsignal_lint.drill.command", "measure what W&B records for a command: drill [OPTIONS] -- COMMAND"),
}

CLEAN, FINDINGS, TROUBLE = 0, 1, 2
INTERRUPTED, BROKEN_PIPE = 130, 141
"""What shells report for a process that SIGINT or SIGPIPE ended."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run wbsignal-lint.

    Args:
        argv: the arguments, without the program's name; ``None`` takes those of the process.

    Returns:
        The exit status: 0 nothing left to report, 1 findings, 2 something could not be read or the call was wrong.
    """
    arguments = sys.argv[1:] if argv is None else list(argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A file name or a source line that the terminal's encoding lacks must not end the run.
            stream.reconfigure(errors="backslashreplace")
    try:
        status = _dispatch(arguments)
        sys.stdout.flush()
        return status
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else CLEAN
    except KeyboardInterrupt:
        print("wbsignal-lint: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough (`| head`); the interpreter must not try to flush again at its end.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE


def _dispatch(arguments: list[str]) -> int:
    if arguments and arguments[0] in COMMANDS:
        module, _ = COMMANDS[arguments[0]]
        status: int = importlib.import_module(module).main(arguments[1:])
        return status
    parser = make_parser({name: summary for name, (_, summary) in COMMANDS.items()})
    options = parser.parse_args(arguments)
    if options.version:
        print(f"wbsignal-lint {__version__}")
        return CLEAN
    if options.list_rules:
        print(importlib.import_module("wbsignal_lint.explain").list_rules())
        return CLEAN
    try:
        return _lint(options, parser.error)
    except SettingsError as error:
        print(f"wbsignal-lint: error: {error}", file=sys.stderr)
        return TROUBLE


def _lint(options: argparse.Namespace, fail: Callable[[str], NoReturn]) -> int:
    settings_of = _settings_source(options, fail)
    here = settings_of(Path.cwd())
    wants_fix = options.diff or (here.fix if options.fix is None else options.fix)
    unsafe = here.unsafe_fixes if options.unsafe_fixes is None else options.unsafe_fixes
    layer = Layer(
        None if options.select is None else _selectors(options.select, fail),
        _selectors(options.extend_select, fail),
        _selectors(options.ignore, fail),
        options.pedantic,
    )
    job = Job(wants_fix, unsafe, wants_fix and not options.diff, layer, not options.disable_noqa)
    paths = options.paths or ["."]
    source: Source | None = None
    if "-" in paths:
        if len(paths) > 1:
            fail("- (standard input) can't be mixed with other paths")
        data = sys.stdin.buffer.read()
        source = stdin_source(data, options.stdin_filename, settings_of)
        if source is None:
            if wants_fix and not options.diff:
                _write_bytes(data)
            return CLEAN
        sources: Iterable[Source | Problem] = [source]
    else:
        sources = _warn_if_none(find_sources(paths, settings_of))
    reports = run(sources, job, options.jobs)
    counter = _Counter()
    if options.diff:
        return _show_diff(counter.watch(reports), counter, _style(options, unsafe, sys.stdout))
    # What comes through standard input goes back through standard output when it is fixed; the findings stay out of it.
    output = sys.stderr if source is not None and wants_fix else sys.stdout
    style = _style(options, unsafe, output)
    if source is not None and wants_fix:
        reports = _fixed_to_stdout(reports, source)
    for piece in renderer(options.output_format or here.output_format)(counter.watch(reports), style):
        output.write(piece)
    if counter.problems:
        return TROUBLE
    return FINDINGS if counter.remaining and not options.exit_zero else CLEAN


class _Counter:
    """Counts what decides on the exit status while reports pass through."""

    def __init__(self) -> None:
        self.remaining = 0
        self.problems = 0
        self.changed = 0

    def watch(self, reports: Iterable[FileReport]) -> Iterator[FileReport]:
        for report in reports:
            self.remaining += len(report.diagnostics)
            self.problems += len(report.problems)
            self.changed += report.original != report.text
            yield report


def _show_diff(reports: Iterable[FileReport], counter: _Counter, style: Style) -> int:
    for report in reports:
        for problem in report.problems:
            print(problem_line(problem, replace(style, color=False)), file=sys.stderr)
        for line in render_diff(report, style):
            sys.stdout.write(line)
    if counter.problems:
        return TROUBLE
    return FINDINGS if counter.changed else CLEAN


def _fixed_to_stdout(reports: Iterable[FileReport], source: Source) -> Iterator[FileReport]:
    for report in reports:
        data = source.data or b""
        if report.text != report.original:
            data = decode(data, source.kind).encode(report.text)
        _write_bytes(data)
        yield report


def _write_bytes(data: bytes) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(data)


def _warn_if_none(sources: Iterable[Source | Problem]) -> Iterator[Source | Problem]:
    found = False
    for source in sources:
        found = True
        yield source
    if not found:
        print("wbsignal-lint: warning: nothing to lint found under the given paths", file=sys.stderr)


def _settings_source(options: argparse.Namespace, fail: Callable[[str], NoReturn]) -> Callable[[Path], Settings]:
    """Return the function that gives the settings for a folder, with the command line's wishes in them."""
    excluded = _split(options.exclude)
    try:
        if excluded:
            compile_patterns(excluded)
    except ValueError as error:
        fail(f"argument --exclude: {error}")
    fixed: Settings | None = None
    if options.isolated:
        fixed = Settings()
    elif options.config is not None:
        fixed = read_settings(Path(options.config))
        if fixed is None:
            raise SettingsError(f"{options.config}: has no table [tool.wbsignal-lint]")
        fixed = replace(fixed, root=Path.cwd())

    @functools.cache
    def settings_of(folder: Path) -> Settings:
        found = fixed or nearest_settings(folder)
        return replace(
            found,
            caller_exclude=excluded,
            respect_gitignore=found.respect_gitignore and not options.no_gitignore,
            documentation=found.documentation if options.documentation is None else options.documentation,
            force_exclude=found.force_exclude if options.force_exclude is None else options.force_exclude,
        )

    return settings_of


def _selectors(values: list[str] | None, fail: Callable[[str], NoReturn]) -> tuple[str, ...]:
    selectors = _split(values)
    for selector in selectors:
        try:
            check_selector(selector)
        except UnknownSelector as error:
            fail(str(error))
    return selectors


def _split(values: list[str] | None) -> tuple[str, ...]:
    return tuple(part.strip() for value in values or [] for part in value.split(",") if part.strip())


def _style(options: argparse.Namespace, unsafe: bool, output: TextIO) -> Style:
    color = options.color == "always" or (options.color == "auto" and _wants_color(output))
    return Style(color, unsafe, summary=not options.quiet, show_fixes=options.show_fixes)


def _wants_color(output: TextIO) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (output.isatty() and os.environ.get("TERM") != "dumb")
