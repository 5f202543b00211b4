"""Shows the table of outcomes: in colour on a terminal, plain in a pipe, as a picture, as JSON.

Needs rich, which only ``forecast`` and ``drill`` use; it is imported when a table is shown.
"""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from wbsignal_lint.contract import Scenario, Verdict
from wbsignal_lint.outcome_table import UNKNOWN, Outcome, Row, Unknown, ideal

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["label", "print_json", "print_parts", "print_table", "save_parts", "save_svg", "state_of"]

WIDTH = 80
"""Columns of a picture; a terminal's own width is used where there is one."""

_LABELS = {
    Scenario.COMPLETES: "completes",
    Scenario.FAILS: "fails",
    Scenario.STOPPED: "Stop run",
    Scenario.CANCELLED: "--cancel",
}


def label(row: Row) -> str:
    """Return a row's short name: what the scheduler calls it, its signal, or what else happens."""
    return row.event or row.signal or _LABELS.get(row.scenario, row.scenario.value)


def print_table(rows: Sequence[Row], title: str, file: TextIO) -> None:
    """Write the table for people: in colour on a terminal, else as plain text."""
    print_parts(_parts(rows, title), file)


def print_parts(parts: Sequence[RenderableType], file: TextIO) -> None:
    """Write tables and texts for people: in colour on a terminal, else as plain text."""
    from rich.console import Console

    console = Console(file=file, highlight=False)
    with console.capture() as capture:
        for part in parts:
            console.print(part)
    # rich fills lines up with blanks, which only a terminal with a background needs.
    lines = capture.get().splitlines()
    file.write("".join((line if console.is_terminal else line.rstrip()) + "\n" for line in lines))


def save_svg(rows: Sequence[Row], title: str, path: Path) -> None:
    """Save the table as an SVG picture.

    Raises:
        OSError: the file can't be written.
    """
    save_parts(_parts(rows, title), path)


def save_parts(parts: Sequence[RenderableType], path: Path) -> None:
    """Save tables and texts as an SVG picture.

    Raises:
        OSError: the file can't be written.
    """
    from rich.console import Console

    console = Console(file=io.StringIO(), record=True, width=WIDTH, highlight=False, force_terminal=True)
    for part in parts:
        console.print(part)
    console.save_svg(str(path), title="wbsignal-lint")


def print_json(rows: Sequence[dict[str, Any]], file: TextIO) -> None:
    """Write rows, already turned into JSON values, as one array."""
    json.dump(rows, file, indent=2)
    file.write("\n")


def _parts(rows: Sequence[Row], title: str) -> list[RenderableType]:
    """Return what is shown: the title and, for each launcher, a table and the list of what decides its outcomes."""
    from rich.text import Text

    parts: list[RenderableType] = [Text(title, style="bold")]
    for launcher, group in itertools.groupby(rows, key=lambda row: row.launcher):
        if launcher:
            parts.append(Text(f"\nunder {launcher}", style="bold"))
        parts += _table_and_reasons(list(group))
    if any(row.falls_short for row in rows):
        parts.append(Text("! falls short of the ideal, which is the documented pattern", style="dim"))
    return parts


def _table_and_reasons(rows: Sequence[Row]) -> list[RenderableType]:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in ("Scenario", "Handler", "Marked", "Recorded", "Process", "Run state", "Requeued", "Ideal"):
        table.add_column(heading)
    reasons = Table.grid(padding=(0, 2, 0, 0))
    for row in rows:
        best = ideal(row.scenario)
        for number, outcome in enumerate(row.outcomes):
            verdict = row.verdict(outcome)
            style = "yellow" if verdict is None else "green" if verdict == best else "red"
            name = (label(row) if number == 0 else "") + (" !" if style == "red" else "")
            table.add_row(
                Text(name, style="bold"),
                _yes_no(row.handler_run) if number == 0 else "",
                _yes_no(outcome.marked),
                _code(outcome.recorded, none="-"),
                _code(outcome.status, none="goes on"),
                Text(state_of(outcome, verdict), style=style),
                Text("?" if verdict is None else _yes_no(verdict.requeued), style=style),
                Text(_when(best), style="dim" if verdict == best else "bold"),
            )
            where = "" if outcome.line is None else f" (line {outcome.line})"
            reasons.add_row(Text(name, style="bold"), Text(outcome.why + where))
    return [table, reasons]


def state_of(outcome: Outcome, verdict: Verdict | None) -> str:
    """Return the run's final state as tables show it."""
    if not outcome.has_run:
        return "no run"
    return "unknown" if verdict is None else _when(verdict)


def _when(verdict: Verdict) -> str:
    return verdict.state.value + ("\n~5 min" if verdict.delayed else "")


def _code(value: int | Unknown | None, none: str) -> str:
    return "?" if value is UNKNOWN else none if value is None else str(value)


def _yes_no(value: bool | Unknown) -> str:
    return "?" if value is UNKNOWN else "yes" if value else "no"
