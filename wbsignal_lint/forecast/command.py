"""``wbsignal-lint forecast``: what W&B will record for a script, by reading it."""

from __future__ import annotations

import argparse
import importlib.util
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from wbsignal_lint.outcome_table import Row
from wbsignal_lint.reading import Unreadable, parse_python
from wbsignal_lint.settings import SettingsError, nearest_settings
from wbsignal_lint.sources import Kind, UndecodableSource, decode, kind_of
from wbsignal_lint.sources.kinds import HEAD_SIZE
from wbsignal_lint.stack import with_enough_stack

__all__ = ["Unforeseeable", "add_arguments", "main", "rows_of_file", "rows_of_launch", "run"]


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
    parser.add_argument(
        "scripts",
        metavar="SCRIPT",
        nargs="+",
        help="the Python script, or - for standard input; with --launch, the sweep's YAML file may stand before it",
    )
    parser.add_argument(
        "--launch",
        metavar="JOB",
        help="the shell or batch script that starts it: say what becomes of each signal that the job gets, on its way "
        "through script and agent to the training",
    )
    parser.add_argument("--output-format", choices=["table", "json"], default="table", help="default: table")
    parser.add_argument("--save-svg", type=Path, metavar="FILE", help="save the table as a picture, too")


def run(arguments: argparse.Namespace) -> int:
    """Forecast as the arguments say; return the exit status."""
    if importlib.util.find_spec("rich") is None:
        return _fail("a table needs rich, which is not installed: pip install 'wbsignal-lint[forecast]'")
    from wbsignal_lint import outcome_table_view as view

    try:
        *sweeps, script = arguments.scripts
        if len(sweeps) > (arguments.launch is not None):
            raise Unforeseeable("one Python script at a time; a sweep's file goes with --launch only")
        rows = rows_of_file(script)
        if arguments.launch is not None:
            rows = rows_of_launch(arguments.launch, sweeps[0] if sweeps else None, script, rows)
    except Unforeseeable as error:
        return _fail(str(error))
    title = f"forecast: {script}" + (f" launched by {arguments.launch}" if arguments.launch is not None else "")
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
        if kind_of(name, path.read_bytes()[:HEAD_SIZE] if name != "-" else b"") is Kind.SHELL:
            raise Unforeseeable(f"{name}: a shell script; name the Python script, and this one with --launch") from None
        place = name if error.row is None else f"{name}:{error.row}:{error.column or 1}"
        raise Unforeseeable(f"{place}: {error.message}") from None
    except RecursionError:
        raise Unforeseeable(f"{name}: nesting too deep") from None
    except SettingsError as error:
        raise Unforeseeable(str(error)) from None


def rows_of_launch(job: str, sweep: str | None, script: str, rows: list[Row]) -> list[Row]:
    """Forecast what becomes of the signals that a job gets.

    Args:
        job: the path of the shell script that starts the training or its agent.
        sweep: the path of the sweep's YAML file; ``None`` for W&B's default command.
        script: the path of the Python script.
        rows: its own rows.

    Raises:
        Unforeseeable: a file can't be read, is no sweep, or the job does not start the script.
    """
    from wbsignal_lint.forecast.launched import NoRoute, forecast_launch
    from wbsignal_lint.launch.hosts import read_hosted

    try:
        text = _text_of(job, Kind.SHELL)
        kind = kind_of(job, text.encode("utf-8", "replace")[:HEAD_SIZE])
        if kind is not None and kind is not Kind.SHELL:
            raise Unforeseeable(f"{job}: not a shell script but {kind.value}: --launch follows shell and batch scripts")
        command = None
        if sweep is not None:
            sweep_text = _text_of(sweep, Kind.YAML)
            hosted = read_hosted(sweep_text, "yaml")
            if not hosted.is_whole or (not hosted.sweeps and re.search(r"(?m)^command\s*:", sweep_text)):
                raise Unforeseeable(f"{sweep}: can't be read as a sweep: YAML with method, parameters and a command")
            command = hosted.sweeps[0].words if hosted.sweeps else None
        folder = Path(job).resolve().parent
        return with_enough_stack(
            lambda: forecast_launch(Path(job).name, text, folder, Path(script).name, rows, command)
        )
    except OSError as error:
        raise Unforeseeable(f"{error.filename}: {error.strerror or error}") from None
    except NoRoute as error:
        raise Unforeseeable(str(error)) from None


def _text_of(name: str, kind: Kind) -> str:
    try:
        return decode(Path(name).read_bytes(), kind).text
    except UndecodableSource as error:
        raise Unforeseeable(f"{name}: {error.message}") from None


def _fail(message: str) -> int:
    print(f"wbsignal-lint forecast: {message}", file=sys.stderr)
    return 2
