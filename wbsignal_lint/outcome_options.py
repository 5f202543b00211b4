"""The options by which ``forecast`` and ``drill`` show their tables, and how both say that they can't."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

__all__ = ["add_output", "refused"]


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how the table is shown."""
    parser.add_argument("--output-format", choices=["table", "json"], default="table", help="default: table")
    parser.add_argument("--save-svg", type=Path, metavar="FILE", help="save the table as a picture, too")


def refused(command: str, message: str) -> int:
    """Say on standard error why a subcommand can't do what it was asked to; return the exit status for it."""
    print(f"wbsignal-lint {command}: {message}", file=sys.stderr)
    return 2
