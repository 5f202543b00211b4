"""One source from the disk to its report: read, gate, decode, lint or fix, write back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from wbsignal_lint.diagnostics import FileReport, Problem
from wbsignal_lint.fixing import OthersOf, fix_text
from wbsignal_lint.linter import LintOptions, gate_passes, lint_text
from wbsignal_lint.patterns import compile_patterns, matches_within
from wbsignal_lint.selection import Layer, Selection
from wbsignal_lint.settings import Settings
from wbsignal_lint.siblings import SIBLINGS, meets_wandb
from wbsignal_lint.sources import Decoded, Kind, Source, UndecodableSource, decode, write_atomically

__all__ = ["Job", "lint_source", "may_report"]


@dataclass(frozen=True)
class Job:
    """What to do with every source."""

    fix: bool = False
    unsafe: bool = False
    """Fix with unsafe fixes, too."""
    write: bool = False
    """Write fixed files back; otherwise the fixed text is only in the report."""
    layer: Layer = field(default_factory=Layer)
    """What the command line says about the rules."""
    noqa: bool = True


def may_report(source: Source) -> bool:
    """Return whether linting a source can come to anything; a cheap look at the bytes of files found in a walk."""
    if source.named or source.path is None:
        return True
    try:
        data = source.path.read_bytes()
        return gate_passes(data, source.kind) and (source.kind is not Kind.PYTHON or meets_wandb(source.path, data))
    except OSError:
        return True


def lint_source(source: Source, job: Job, others_of: OthersOf | None = None) -> FileReport:
    """Lint or fix one source. Whatever goes wrong with it is a problem in the report.

    Args:
        source: what to lint.
        job: what to do with it.
        others_of: says what the scripts that import the file say about a text of it.
    """
    try:
        data = _read(source)
        decoded = decode(data, source.kind)
    except OSError as error:
        return _unread(source, f"can't be read: {_reason(error)}")
    except UndecodableSource as error:
        return _unread(source, error.message, error.row, error.column)
    options = _options(source, job)
    if not job.fix:
        told = options if others_of is None else replace(options, others=others_of(decoded.text))
        return lint_text(decoded.text, source.kind, source.filename, told)
    report = fix_text(decoded.text, source.kind, source.filename, options, unsafe=job.unsafe, others_of=others_of)
    if report.text == report.original:
        return report
    reason = _encode_and_write(source, job, data, decoded, report.text)
    if reason is None:
        return report
    # Nothing was mended after all: report what the file on the disk has.
    report = lint_text(decoded.text, source.kind, source.filename, options)
    report.problems.append(Problem(source.filename, f"can't be fixed: {reason}"))
    return report


def _read(source: Source) -> bytes:
    if source.data is not None:
        return source.data
    assert source.path is not None
    return source.path.read_bytes()


def _encode_and_write(source: Source, job: Job, data: bytes, decoded: Decoded, text: str) -> str | None:
    """Bring a fixed text to where it belongs; return the reason if that is impossible."""
    try:
        if decoded.encode(decoded.text) != data:
            return f"the encoding {decoded.encoding} would not give its bytes back as they are"
        encoded = decoded.encode(text)
    except UnicodeError as error:
        return f"the fixed text can't be written in the encoding {decoded.encoding} ({error})"
    if job.write and source.path is not None:
        try:
            write_atomically(source.path, encoded, expected=data)
        except OSError as error:
            return _reason(error)
    return None


def _options(source: Source, job: Job) -> LintOptions:
    settings = source.settings
    selection = Selection().plus(Layer(settings.select, settings.extend_select, settings.ignore)).plus(job.layer)
    ignored = _ignored_in(source, settings)
    return LintOptions(
        selection.plus(Layer(ignore=ignored)),
        settings.preemption_signals,
        settings.training_calls,
        job.noqa,
        Path(source.path or source.filename).absolute(),
        SIBLINGS.read,
    )


def _ignored_in(source: Source, settings: Settings) -> tuple[str, ...]:
    """Return the selectors that ``per-file-ignores`` switches off in a source."""
    place = source.path or source.filename
    if not settings.per_file_ignores or place == "-":
        return ()
    try:
        relative = (settings.root.cwd() / place).relative_to(settings.root.resolve()).as_posix()
    except ValueError:
        return ()
    pairs = settings.per_file_ignores
    return tuple(
        code for pattern, codes in pairs if matches_within(compile_patterns([pattern]), relative) for code in codes
    )


def _unread(source: Source, message: str, row: int | None = None, column: int | None = None) -> FileReport:
    return FileReport(source.filename, problems=[Problem(source.filename, message, row, column)])


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
