"""``wbsignal-lint forecast``: what W&B will record for a script, by reading it."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from wbsignal_lint.outcome_options import add_output, refused
from wbsignal_lint.outcome_table import Row
from wbsignal_lint.reading import Unreadable, parse_python
from wbsignal_lint.settings import SettingsError, nearest_settings
from wbsignal_lint.sources import Kind, UndecodableSource, decode, kind_of
from wbsignal_lint.sources.kinds import HEAD_SIZE
from wbsignal_lint.stack import with_enough_stack

if TYPE_CHECKING:
    from wbsignal_lint.launch.containers import SweepCommand
    from wbsignal_lint.launch.facts import Word

__all__ = ["Unforeseeable", "add_arguments", "main", "program_of_sweep", "rows_of_file", "rows_of_launch", "run"]


_FOLLOWED = (Kind.SHELL, Kind.DOCKERFILE, Kind.YAML)
_WHAT = {
    Kind.PYTHON: "Python that launches is not followed",
    Kind.MAKEFILE: "a Makefile, whose recipes make runs",
    Kind.JUSTFILE: "a justfile, whose recipes just runs",
    Kind.NOTEBOOK: "a notebook, which a kernel runs",
    Kind.DOCUMENTATION: "documentation",
}


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
        nargs="*",
        help="the Python script, or - for standard input; with --launch, the sweep's YAML file may stand before it, or "
        "alone if its program is the script",
    )
    parser.add_argument(
        "--launch",
        metavar="FILE",
        help="what starts it, a shell or batch script, a Dockerfile, a file of compose or Kubernetes, or the sweep's "
        "file: say what becomes of each signal on its way through scripts and agent to the training",
    )
    add_output(parser)


def run(arguments: argparse.Namespace) -> int:
    """Forecast as the arguments say; return the exit status."""
    if importlib.util.find_spec("rich") is None:
        return _fail("a table needs rich, which is not installed: pip install 'wbsignal-lint[forecast]'")
    from wbsignal_lint import outcome_table_view as view

    try:
        script, sweep = _script_and_sweep(arguments.scripts, arguments.launch)
        rows = rows_of_file(script)
        if arguments.launch is not None:
            rows = rows_of_launch(arguments.launch, sweep, script, rows)
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


def _script_and_sweep(names: Sequence[str], launch: str | None) -> tuple[str, str | None]:
    """Return the Python script, and the sweep's file if one is named; a sweep's program need not be named.

    Raises:
        Unforeseeable: too many files are named, or none that says what is trained.
    """
    *sweeps, script = names or ([launch] if launch is not None and _is_yaml(launch) else [""])
    if not script:
        raise Unforeseeable("name the Python script")
    if launch is not None and _is_yaml(script) and not sweeps:
        return program_of_sweep(script), script if script != launch else None
    if len(sweeps) > (launch is not None):
        raise Unforeseeable("one Python script at a time; a sweep's file goes with --launch only")
    return script, sweeps[0] if sweeps else None


def _is_yaml(name: str) -> bool:
    return kind_of(name, b"") is Kind.YAML


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
    """Forecast what becomes of the signals that a job, a container or a sweep's agent gets.

    Args:
        job: the path of the file that starts the training or its agent: a shell script, a Dockerfile, YAML of compose
            or Kubernetes, or a sweep's.
        sweep: the path of the sweep's YAML file; ``None`` for W&B's default command.
        script: the path of the Python script.
        rows: its own rows.

    Raises:
        Unforeseeable: a file can't be read, is no sweep, or the job does not start the script.
    """
    from wbsignal_lint.forecast.launched import NoRoute

    try:
        data = Path(job).read_bytes()
        kind = kind_of(job, data[:HEAD_SIZE]) or Kind.SHELL
        if kind not in _FOLLOWED:
            raise Unforeseeable(
                f"{job}: {_WHAT.get(kind, kind.value)}: --launch follows shell and batch scripts, Dockerfiles, "
                "YAML of compose and Kubernetes, and sweeps"
            )
        text = _text_of(job, kind)
        command = None if sweep is None else _command_of(_sweep_of(sweep))
        follow = {Kind.SHELL: _rows_of_shell, Kind.DOCKERFILE: _rows_of_containers, Kind.YAML: _rows_of_yaml}[kind]
        return with_enough_stack(lambda: follow(Path(job), text, Path(script).name, rows, command))
    except OSError as error:
        raise Unforeseeable(f"{error.filename}: {error.strerror or error}") from None
    except NoRoute as error:
        raise Unforeseeable(str(error)) from None


def _rows_of_shell(job: Path, text: str, trainer: str, rows: list[Row], command: Sequence[Word] | None) -> list[Row]:
    from wbsignal_lint.forecast.launched import forecast_launch

    return forecast_launch(job.name, text, job.resolve().parent, trainer, rows, command)


def _rows_of_containers(
    job: Path, text: str, trainer: str, rows: list[Row], command: Sequence[Word] | None
) -> list[Row]:
    from wbsignal_lint.forecast.contained import forecast_containers
    from wbsignal_lint.forecast.launched import LaunchReader

    reader = LaunchReader(job.resolve().parent, trainer)
    host = "yaml" if kind_of(job.name, b"") is Kind.YAML else "dockerfile"
    return forecast_containers(job.name, reader.read(text, host), reader, rows, command)


def _rows_of_yaml(job: Path, text: str, trainer: str, rows: list[Row], command: Sequence[Word] | None) -> list[Row]:
    """Follow the agent of a sweep, or the containers of compose and pods."""
    from wbsignal_lint.forecast.launched import forecast_sweep
    from wbsignal_lint.launch.hosts import read_hosted

    hosted = read_hosted(text, "yaml")
    if not hosted.is_whole:
        raise Unforeseeable(f"{job}: can't be read as YAML")
    if hosted.sweeps:
        own = command if command is not None else _command_of(hosted.sweeps[0])
        return forecast_sweep(job.name, job.resolve().parent, trainer, rows, own)
    if not any(start.stop.event for start in hosted.container_starts):
        raise Unforeseeable(
            f"{job}: neither a sweep nor containers of compose or Kubernetes: who ends what it starts is not known"
        )
    return _rows_of_containers(job, text, trainer, rows, command)


def program_of_sweep(name: str) -> str:
    """Return the path of the Python script that a sweep's ``program:`` names.

    Raises:
        Unforeseeable: the file can't be read, is no sweep, or has no such program.
    """
    program = _sweep_of(name).program
    path = None if program is None or program.value is None else Path(name).parent / program.value
    if path is None or path.suffix != ".py" or not path.is_file():
        raise Unforeseeable(f"{name}: its program is no Python script beside it: name the script that it trains with")
    return str(path)


def _command_of(sweep: SweepCommand) -> Sequence[Word] | None:
    """Return the command of a sweep, with its program in place if that is no Python script; ``None``: the default."""
    program = sweep.program
    if program is None or program.pattern.endswith(".py"):
        return sweep.words or None
    return [replace(word, pattern=program.pattern) if word.value == "${program}" else word for word in sweep.words]


def _sweep_of(name: str) -> SweepCommand:
    """Read a sweep.

    Raises:
        Unforeseeable: the file can't be read, or is no sweep.
    """
    from wbsignal_lint.launch.hosts import read_hosted

    try:
        hosted = read_hosted(_text_of(name, Kind.YAML), "yaml")
    except OSError as error:
        raise Unforeseeable(f"{name}: {error.strerror or error}") from None
    if not hosted.is_whole or not hosted.sweeps:
        raise Unforeseeable(f"{name}: can't be read as a sweep: YAML with method, parameters and a command")
    return hosted.sweeps[0]


def _text_of(name: str, kind: Kind) -> str:
    try:
        return decode(Path(name).read_bytes(), kind).text
    except UndecodableSource as error:
        raise Unforeseeable(f"{name}: {error.message}") from None


def _fail(message: str) -> int:
    return refused("forecast", message)
