"""``wbsignal-lint forecast``: what W&B will record for a script, by reading it."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

from wbsignal_lint.outcome_table import Row
from wbsignal_lint.reading import Unreadable, parse_python
from wbsignal_lint.settings import SettingsError, nearest_settings
from wbsignal_lint.sources import Kind, UndecodableSource, decode
from wbsignal_lint.stack import with_enough_stack

__all__ = ["Unforeseeable", "add_arguments", "main", "rows_of_file", "run"]


class Unforeseeable(Exception):
    """A script that can't be forecast at all; the message names it and says why."""


def main(argv: Sequence[str]) -> int:
    """Run the subcommand with its arguments; return the exit status."""
    parser = argparse.ArgumentParser(prog="wbsignal-lint forecast")
    add_arguments(parser)
    return run(parser.parse_args(argv))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options and the script to the parser of the subcommand."""
    parser.description = (
        "Say which state W&B will record for a training script in each way that its process can end, by reading it. "
        "Nothing is run. What cannot be known is said to be unknown, with what would have to be known."
    )
    parser.epilog = "Status: 0 as the documented pattern, 1 a row falls short of it, 2 the script can't be read."
    parser.add_argument("script", metavar="SCRIPT", help="the Python script, or - for standard input")
    parser.add_argument("--output-format", choices=["table", "json"], default="table", help="default: table")
    parser.add_argument("--save-svg", type=Path, metavar="FILE", help="save the table as a picture, too")


def run(arguments: argparse.Namespace) -> int:
    """Forecast as the arguments say; return the exit status."""
    if importlib.util.find_spec("rich") is None:
        return _fail("a table needs rich, which is not installed: pip install 'wbsignal-lint[forecast]'")
    from wbsignal_lint import outcome_table_view as view

    try:
        rows = rows_of_file(arguments.script)
    except Unforeseeable as error:
        return _fail(str(error))
    title = f"forecast: {arguments.script}"
    if arguments.output_format == "json":
        view.print_json([row.to_json() for row in rows], sys.stdout)
    else:
        view.print_table(rows, title, sys.stdout)
    if arguments.save_svg is not None:
        try:
            view.save_svg(rows, title, arguments.save_svg)
        except OSError as error:
            return _fail(str(error))
    return int(any(row.falls_short for row in rows))


def rows_of_file(name: str) -> list[Row]:
    """Forecast the script in a file; ``-`` reads standard input.

    Raises:
        Unforeseeable: the file can't be read, is no valid Python, or its settings can't be used.
    """
    from wbsignal_lint.forecast import forecast
    from wbsignal_lint.script.facts import ScriptSettings
    from wbsignal_lint.script.reader import read_script
    from wbsignal_lint.siblings import SIBLINGS

    path = Path.cwd() / ("stdin.py" if name == "-" else name)
    try:
        text = decode(sys.stdin.buffer.read() if name == "-" else path.read_bytes(), Kind.PYTHON).text
        found = nearest_settings(path.resolve().parent)
        settings = ScriptSettings(found.preemption_signals, found.training_calls)
        tree = parse_python(text)
        return with_enough_stack(lambda: forecast(read_script(text, settings, tree, path.resolve(), SIBLINGS.read)))
    except OSError as error:
        raise Unforeseeable(f"{name}: {error.strerror or error}") from None
    except (UndecodableSource, Unreadable) as error:
        place = name if error.row is None else f"{name}:{error.row}:{error.column or 1}"
        raise Unforeseeable(f"{place}: {error.message}") from None
    except RecursionError:
        raise Unforeseeable(f"{name}: nesting too deep") from None
    except SettingsError as error:
        raise Unforeseeable(str(error)) from None


def _fail(message: str) -> int:
    print(f"wbsignal-lint forecast: {message}", file=sys.stderr)
    return 2
