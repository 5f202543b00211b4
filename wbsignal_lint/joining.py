"""The reports on one project, joined: what scripts find in files that they import is reported with those files."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from wbsignal_lint.diagnostics import Elsewhere, FileReport
from wbsignal_lint.files import Job, lint_source
from wbsignal_lint.siblings import SIBLINGS
from wbsignal_lint.sources import Kind, Source

__all__ = ["join"]


def join(sources: Sequence[Source], reports: Iterable[FileReport], job: Job) -> Iterator[FileReport]:
    """Yield the reports in the order of the sources, each with what other scripts have to say about its file.

    Files that are not among the sources are not reported on, whatever there is to say about them.

    Args:
        sources: what is linted, including what passes no gate by itself.
        reports: on those of them that do, in the same order (and on what is no source, such as a missing file).
        job: what to do with each.
    """
    found = list(reports)
    if any(report.elsewhere for report in found):
        found = _Joined(sources, found, job).reports()
    yield from found


class _Joined:
    def __init__(self, sources: Sequence[Source], reports: list[FileReport], job: Job) -> None:
        self._sources = {source.filename: source for source in sources}
        self._by_path = {source.path: source for source in sources if source.path and source.kind is Kind.PYTHON}
        self._known = {report.filename: report for report in reports}
        self._order = {source.filename: number for number, source in enumerate(sources)}
        self._first = reports
        self._job = job

    def reports(self) -> list[FileReport]:
        """Return all reports, the files told of in their places."""
        unwritten = self._unwritten()
        again: set[str] = set()
        for path, importers in self._importers().items():
            source = self._by_path[path]
            with SIBLINGS.instead(unwritten):
                report = lint_source(source, self._job, self._others_of(path, importers))
            if not self._job.write:
                unwritten[path] = report.text
            if source.filename in self._known or report.diagnostics or report.fixed or report.problems:
                self._update(source.filename, report)
            again |= {name for name in importers if report.fixed}
        for name in again:
            # What was mended elsewhere may have been what was found in the script.
            with SIBLINGS.instead(unwritten):
                self._update(name, lint_source(self._sources[name], self._job))
        new = [report for name, report in self._known.items() if name not in {first.filename for first in self._first}]
        ordered = [self._known[report.filename] for report in self._first] + new
        unplaced = len(self._order)
        return sorted(ordered, key=lambda report: self._order.get(report.filename, unplaced)) if new else ordered

    def _update(self, name: str, report: FileReport) -> None:
        """Put a later report in the place of an earlier one; what was mended and written before counts."""
        before = self._known.get(name)
        if before is not None and self._job.write:
            report.fixed = dict(sorted((Counter(before.fixed) + Counter(report.fixed)).items()))
            report.original = before.original
        self._known[name] = report

    def _unwritten(self) -> dict[Path, str]:
        """Return the fixed texts that are not on the disk."""
        if self._job.write:
            return {}
        changed = (report for report in self._first if report.text != report.original)
        pairs = ((self._sources.get(report.filename), report.text) for report in changed)
        return {source.path: text for source, text in pairs if source is not None and source.path is not None}

    def _importers(self) -> dict[Path, list[str]]:
        """Return the files that are to be linted once more, each with the scripts that have something to say."""
        importers: dict[Path, list[str]] = {}
        told: set[Path] = set()
        for report in self._first:
            for item in report.elsewhere:
                importers.setdefault(item.path, []).append(report.filename)
                if item.diagnostics:
                    told.add(item.path)
        found: dict[Path, list[str]] = {}
        for path, names in importers.items():
            source = self._by_path.get(path)
            known = self._known.get(source.filename) if source is not None else None
            if source is not None and (path in told or (known is not None and (known.diagnostics or known.fixed))):
                found[path] = names
        return found

    def _others_of(self, path: Path, importers: list[str]) -> Callable[[str], tuple[Elsewhere, ...]]:
        first: list[str] = []
        reading = dataclasses.replace(self._job, fix=False, write=False)

        def others_of(text: str) -> tuple[Elsewhere, ...]:
            reports = [self._known[name] for name in importers]
            if first or self._job.fix:
                with SIBLINGS.instead({path: text}):
                    reports = [lint_source(self._sources[name], reading) for name in importers]
            first.append(text)
            return tuple(item for report in reports for item in report.elsewhere if item.path == path)

        return others_of
