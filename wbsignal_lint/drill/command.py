"""``wbsignal-lint drill``: measure what W&B records for a command when its machine goes away."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

from wbsignal_lint.contract import PREEMPTION_SIGNALS
from wbsignal_lint.drill.measurement import Moment, Plan
from wbsignal_lint.drill.script import script_of_command
from wbsignal_lint.outcome_options import add_output, refused
from wbsignal_lint.outcome_table import Row

__all__ = ["add_arguments", "main", "run"]

TO_THE_END = "none"
ALL = ("SIGKILL", "SIGINT", *PREEMPTION_SIGNALS)


def main(argv: Sequence[str]) -> int:
    """Run the subcommand with its arguments; return the exit status."""
    parser = argparse.ArgumentParser(prog="wbsignal-lint drill")
    add_arguments(parser)
    return run(parser.parse_args(argv))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options and the command to the parser of the subcommand."""
    parser.description = (
        "Run a training command under the real wandb client, offline and in a temporary folder, send it a signal as a "
        "cluster would, and show what W&B recorded. Your W&B settings, key and folders are neither read nor written, "
        "WANDB_* variables are dropped (set some with: -- env WANDB_PROJECT=x python train.py). Everything that the "
        "command starts is ended."
    )
    parser.epilog = (
        "Status: 0 as the documented pattern, 1 a row falls short of it, 2 a row could not be drilled. "
        "With --compare: 0 the forecast holds, 1 it differs."
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--signal",
        action="append",
        type=_signal,
        metavar="NAME",
        help=f"the signal to send (default SIGTERM), again for more drills; {TO_THE_END!r} lets the command go on",
    )
    which.add_argument("--all", action="store_true", help=f"drill {', '.join(ALL)}, one after another")
    parser.add_argument(
        "--when",
        type=_moment,
        default=Moment.parse("first-log"),
        metavar="MOMENT",
        help="when to send it: started, first-log (default), N-logs, or a number of seconds",
    )
    parser.add_argument(
        "--grace",
        type=_seconds,
        default=30.0,
        metavar="SECONDS",
        help="seconds from the signal to SIGKILL (default 30, as on Kubernetes and SLURM)",
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=120.0,
        metavar="SECONDS",
        help=f"seconds that the moment may take to come, or, with {TO_THE_END!r}, the whole command (default 120)",
    )
    parser.add_argument(
        "--group",
        action="store_true",
        help="send to the whole process group, as SLURM does to a job step, and not to the command alone",
    )
    parser.add_argument(
        "--agent",
        action="store_true",
        help="run the command under the real wandb agent, with and without --forward-signals, and signal the agent",
    )
    parser.add_argument(
        "--compare",
        action="store_true",
        help="show the forecast of the command's script beside what was measured; status 1 where they differ",
    )
    add_output(parser)
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="the command, after --")


def run(arguments: argparse.Namespace) -> int:
    """Drill as the arguments say; return the exit status."""
    command = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    if not command:
        return _fail("no command was given; put it after --, as in: wbsignal-lint drill -- python train.py")
    script = script_of_command(command) if arguments.compare else None
    if arguments.compare and (script is None or arguments.agent):
        reason = "with --agent" if arguments.agent else "for this command: it names no Python script"
        return _fail(f"--compare has no forecast {reason}")
    for module in ("wandb", "rich"):
        if importlib.util.find_spec(module) is None:
            return _fail(f"a drill needs {module}, which is not installed: pip install 'wbsignal-lint[drill]'")
    from wbsignal_lint import outcome_table_view as view
    from wbsignal_lint.drill.rows import measure

    names = list(ALL) if arguments.all else arguments.signal or ["SIGTERM"]
    signals = [None if name == TO_THE_END else int(signal.Signals[name]) for name in names]
    plan = Plan(moment=arguments.when, grace=arguments.grace, start_timeout=arguments.timeout, group=arguments.group)
    try:
        with _ended_by_signals(), _progress() as progress:
            rows = measure(command, signals, plan, agent=arguments.agent, progress=progress)
    except KeyboardInterrupt as interrupt:
        print("wbsignal-lint drill: interrupted; everything that it had started was ended", file=sys.stderr)
        return 128 + (interrupt.args[0] if interrupt.args else signal.SIGINT)
    except OSError as error:
        return _fail(str(error))
    title = f"drill: {shlex.join(command)}"
    table = [row.row for row in rows]
    if script is not None:
        return _compare(script, table, title, arguments)
    if arguments.output_format == "json":
        view.print_json([row.to_json() for row in rows], sys.stdout)
    else:
        view.print_table(table, title, sys.stdout)
    if arguments.save_svg is not None:
        try:
            view.save_svg(table, title, arguments.save_svg)
        except OSError as error:
            return _fail(str(error))
    if any(row.verdict(outcome) is None for row in table for outcome in row.outcomes):
        return 2
    return int(any(row.falls_short for row in table))


def _compare(script: str, table: Sequence[Row], title: str, arguments: argparse.Namespace) -> int:
    """Show forecast and measurement side by side; return the exit status."""
    from wbsignal_lint import outcome_comparison_view as view
    from wbsignal_lint.forecast.command import Unforeseeable, rows_of_file
    from wbsignal_lint.outcome_comparison import Agreement, compare

    try:
        compared = compare(rows_of_file(script), table)
        if arguments.output_format == "json":
            view.print_json(compared, sys.stdout)
        else:
            view.print_table(compared, title, sys.stdout)
        if arguments.save_svg is not None:
            view.save_svg(compared, title, arguments.save_svg)
    except Unforeseeable as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(str(error))
    return int(any(row.agreement is Agreement.DIFFERENT for row in compared))


def _fail(message: str) -> int:
    return refused("drill", message)


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Take SIGTERM and SIGHUP as Ctrl-C, so that the command does not outlive a drill that is ended."""

    def interrupt(signum: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt(signum)

    before = {signum: signal.signal(signum, interrupt) for signum in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Show on standard error how far it is: on a terminal one line that changes, in a pipe a line each."""
    if not sys.stderr.isatty():
        yield lambda text: print(text, file=sys.stderr, flush=True)
        return
    from rich.console import Console

    with Console(stderr=True, highlight=False).status("") as status:
        yield status.update


def _signal(text: str) -> str:
    name = text if text == TO_THE_END or text.startswith("SIG") else f"SIG{text}"
    if name != TO_THE_END and name not in signal.Signals.__members__:
        raise argparse.ArgumentTypeError(f"{text!r} is not the name of a signal")
    if name == "SIGSTOP":
        raise argparse.ArgumentTypeError("SIGSTOP stops a process and does not end it")
    return name


def _moment(text: str) -> Moment:
    try:
        return Moment.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return seconds
