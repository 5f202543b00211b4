"""For programs: an array of objects with the keys that ruff's JSON has, and a few of our own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from wbsignal_lint.diagnostics import Confidence, Diagnostic, FileReport, Fix, LineIndex, Problem, Severity
from wbsignal_lint.formats._style import Style

__all__ = ["render"]


def render(reports: Iterable[FileReport], style: Style) -> Iterator[str]:
    """Yield one JSON array, whatever there is to report; rows and columns count from 1."""
    objects: list[dict[str, Any]] = []
    for report in reports:
        lines = LineIndex(report.text)
        objects += [_problem(problem) for problem in report.problems]
        objects += [_finding(report.filename, lines, diagnostic) for diagnostic in report.diagnostics]
    yield json.dumps(objects, indent=2) + "\n"


def _finding(filename: str, lines: LineIndex, diagnostic: Diagnostic) -> dict[str, Any]:
    return {
        "cell": lines.place(diagnostic.span.start).cell,
        "code": diagnostic.code,
        "confidence": diagnostic.confidence.value,
        "end_location": _location(lines, diagnostic.span.end),
        "filename": filename,
        "fix": _fix(lines, diagnostic.fix),
        "location": _location(lines, diagnostic.span.start),
        "message": diagnostic.message,
        "name": diagnostic.name,
        "noqa_row": lines.place(diagnostic.span.start).row,
        "outcome": diagnostic.outcome,
        "severity": diagnostic.severity.value,
        "url": diagnostic.url,
    }


def _problem(problem: Problem) -> dict[str, Any]:
    location = {"row": problem.row or 1, "column": problem.column or 1}
    return {
        "cell": None,
        "code": "WBS001",
        "confidence": Confidence.HIGH.value,
        "end_location": location,
        "filename": problem.filename,
        "fix": None,
        "location": location,
        "message": problem.message,
        "name": "unreadable-source",
        "noqa_row": None,
        "outcome": "",
        "severity": Severity.ERROR.value,
        "url": None,
    }


def _fix(lines: LineIndex, fix: Fix | None) -> dict[str, Any] | None:
    if fix is None:
        return None
    edits = [
        {
            "content": edit.content,
            "end_location": _location(lines, edit.span.end),
            "location": _location(lines, edit.span.start),
        }
        for edit in fix.edits
    ]
    return {"applicability": fix.applicability.value, "edits": edits, "message": fix.message}


def _location(lines: LineIndex, offset: int) -> dict[str, int]:
    place = lines.place(offset)
    return {"row": place.row, "column": place.column}
