"""Shows a forecast beside what was measured."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from wbsignal_lint.outcome_comparison import Agreement, Comparison
from wbsignal_lint.outcome_table import Outcome, Row, Unknown
from wbsignal_lint.outcome_table_view import label, print_parts, save_parts, state_of

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["print_json", "print_table", "save_svg"]

_STYLES = {Agreement.EQUAL: "green", Agreement.DIFFERENT: "red", Agreement.UNKNOWN: "yellow"}


def print_table(compared: Sequence[Comparison], title: str, file: TextIO) -> None:
    """Write the comparison for people: in colour on a terminal, else as plain text."""
    print_parts(_parts(compared, title), file)


def save_svg(compared: Sequence[Comparison], title: str, path: Path) -> None:
    """Save the comparison as an SVG picture.

    Raises:
        OSError: the file can't be written.
    """
    save_parts(_parts(compared, title), path)


def print_json(compared: Sequence[Comparison], file: TextIO) -> None:
    """Write the comparison as one JSON array."""
    rows = [
        {
            "agreement": row.agreement.value,
            "forecast": None if row.forecast is None else row.forecast.to_json(),
            "measured": row.measured.to_json(),
        }
        for row in compared
    ]
    json.dump(rows, file, indent=2)
    file.write("\n")


def _parts(compared: Sequence[Comparison], title: str) -> list[RenderableType]:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in ("Scenario", "Forecast", "Measured", ""):
        table.add_column(heading)
    for row in compared:
        foreseen = [_outcome(row.forecast, outcome) for outcome in row.forecast.outcomes] if row.forecast else ["?"]
        measured = [_outcome(row.measured, outcome) for outcome in row.measured.outcomes]
        table.add_row(
            Text(label(row.measured), style="bold"),
            "\n".join(foreseen),
            "\n".join(measured),
            Text(row.agreement.value, style=_STYLES[row.agreement]),
        )
    return [Text(title, style="bold"), table]


def _outcome(row: Row, outcome: Outcome) -> str:
    state = state_of(outcome, row.verdict(outcome)).replace("\n", " ")
    recorded = "?" if isinstance(outcome.recorded, Unknown) else "-" if outcome.recorded is None else outcome.recorded
    return f"{state} (W&B {recorded}, process {outcome.status})"
