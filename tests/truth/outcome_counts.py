"""Says after every test run how many forecast rows were equal to the measured ones, different or unknown.

tests/conftest.py imports the hook: with -n, pytest's main process loads no conftest of a folder further down.
"""

from __future__ import annotations

from collections import Counter

import pytest

__all__ = ["pytest_terminal_summary"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Add a line to the summary, from the properties that test_outcomes.py records for each row."""
    counts = Counter(
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, value in report.user_properties
        if name == "forecast"
    )
    if counts:
        said = ", ".join(f"{counts[agreement]} {agreement}" for agreement in ("equal", "different", "unknown"))
        terminalreporter.write_line(f"forecast against drill: {sum(counts.values())} rows: {said}")
