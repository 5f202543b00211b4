"""The outcome table of a training as its scheduler sees it: signals to the job, through script and agent."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wbsignal_lint.contract import Scenario
from wbsignal_lint.diagnostics import Span
from wbsignal_lint.launch.directives import JobSignal
from wbsignal_lint.launch.facts import LaunchFile, Word
from wbsignal_lint.launch.lookup import text_beside
from wbsignal_lint.launch.processes import Fate, Kind, deliver
from wbsignal_lint.launch.reader import launch_of, read_launch
from wbsignal_lint.launch.route import Arrival, Hop, Route, find_routes
from wbsignal_lint.launch.running import is_script_name
from wbsignal_lint.launch.steps import Launch, Requeue, ShellScript
from wbsignal_lint.outcome_table import UNKNOWN, Outcome, Row

__all__ = ["LaunchReader", "NoRoute", "forecast_launch", "forecast_sweep", "launcher_of", "row_of"]

_DEFAULT_COMMAND = ("${env}", "${interpreter}", "${program}", "${args}")
_SIGNALS = ("TERM", "USR1")


class NoRoute(Exception):
    """The job script does not start the training, as far as it can be read; the message says so."""


def forecast_launch(
    name: str, text: str, folder: Path, trainer: str, rows: Sequence[Row], command: Sequence[Word] | None = None
) -> list[Row]:
    """Forecast what W&B records for a training that a job script starts.

    Args:
        name: what to call the job script.
        text: its text.
        folder: where it is; scripts that it runs are looked for there.
        trainer: the file name of the Python script.
        rows: the script's own outcome table.
        command: the ``command:`` of the sweep; ``None``: W&B's default.

    Returns:
        For every place at which the job starts the training or an agent, a row for each signal, as the scheduler or a
        person sends it to the job.

    Raises:
        NoRoute: the job starts neither.
    """
    reader = LaunchReader(folder.resolve(), trainer)
    job = reader.read(text)
    behind = reader.behind_agent(command)
    routes: list[Route] = []
    for script in _jobs(job):
        routes += find_routes(name, text, script, trainer, reader.open_script, reader.launch_of, behind)
    if not routes:
        raise NoRoute(f"{name} starts neither {trainer} nor a sweep agent, as far as it can be read")
    table: list[Row] = []
    for route in routes:
        launcher = f"{launcher_of(route, trainer)} ({route.hops[-1].line(route.hops[-1].launch.span.start)})"
        table += [replace(row, launcher=launcher) for row in _rows(route, rows)]
    return table


def forecast_sweep(
    name: str, folder: Path, trainer: str, rows: Sequence[Row], command: Sequence[Word] | None = None
) -> list[Row]:
    """Forecast what W&B records for a training that a sweep's agent starts, without and with ``--forward-signals``.

    Args:
        name: what to call the sweep's file.
        folder: where it is; scripts that its command runs are looked for there.
        trainer: the file name of the Python script.
        rows: the script's own outcome table.
        command: the ``command:`` of the sweep; ``None``: W&B's default.

    Returns:
        For both ways to start the agent, a row for each signal that it gets.
    """
    table: list[Row] = []
    for agent in ("wandb agent", "wandb agent --forward-signals"):
        found = forecast_launch(name, f"exec {agent} entity/project/sweep\n", folder, trainer, rows, command)
        table += [replace(row, launcher=f"{agent} ({name})") for row in found]
    return table


def launcher_of(route: Route, trainer: str) -> str:
    """Return what to call what a route ends at."""
    return "wandb agent" if route.hops[-1].launch.agent is not None else trainer


@dataclass(frozen=True)
class LaunchReader:
    """Reads the files on the way to a training, relative to a folder."""

    folder: Path
    trainer: str
    """The file name of its script."""

    def is_trainer(self, path: str) -> bool | None:
        """Whether a path is that of the training; ``None`` for others."""
        return True if path.rpartition("/")[2] == self.trainer else None

    def text_of(self, path: str) -> str | None:
        """Return the text of a file of the project."""
        return text_beside(self.folder / "job", path)

    def read(self, text: str, host: str | None = None) -> LaunchFile:
        """Read a launch file."""
        return read_launch(text, self.is_trainer, host, text_of=self.text_of)

    def open_script(self, path: str) -> tuple[str, ShellScript] | None:
        """Return the text and the facts of a shell script in the folder."""
        try:
            content = (self.folder / path).read_text(encoding="utf-8", errors="replace")
        except (OSError, ValueError):
            return None
        return self.script_of(path, content)

    def script_of(self, path: str, content: str) -> tuple[str, ShellScript] | None:
        """Return the text and the facts of a shell script; ``None`` for other programs."""
        if not is_script_name(path) and not content.startswith("#!"):
            return None
        scripts = self.read(content).scripts
        return (content, scripts[0]) if scripts else None

    def launch_of(self, words: Sequence[Word], span: Span) -> Launch | None:
        """Return what a list of arguments starts."""
        return launch_of(words, span, self.is_trainer)

    def behind_agent(self, command: Sequence[Word] | None) -> Sequence[Hop]:
        """Return the way from a sweep's command to the training; empty where there is none."""
        written = _command_line(command, self.trainer)
        sweep = self.read(written)
        if not sweep.scripts:
            return ()
        name = "the sweep's command"
        ways = find_routes(name, written, sweep.scripts[0], self.trainer, self.open_script, self.launch_of)
        return ways[0].hops if ways else ()


def _jobs(job: LaunchFile) -> list[ShellScript]:
    """Return the scripts that are jobs: the file, and the texts that it submits."""
    submitted = [one for one in job.scripts[1:] if one.directives]
    return [*job.scripts[:1], *submitted]


def _command_line(command: Sequence[Word] | None, trainer: str) -> str:
    """Write a sweep's command as shell that becomes it, as the agent starts it."""
    values = {"${env}": "/usr/bin/env", "${interpreter}": "python", "${program}": trainer}
    words = [word.pattern for word in command] if command is not None else list(_DEFAULT_COMMAND)
    known = [values.get(word, word) for word in words if not word.startswith("${args")]
    return "exec " + shlex.join(known) + "\n"


def _rows(route: Route, rows: Sequence[Row]) -> list[Row]:
    """Return a row for everything that can happen to the job."""
    by_signal = {row.signal: row for row in rows if row.signal is not None}
    table: list[Row] = []
    if any(one.system == "SBATCH" for one in route.script.directives):
        asked = route.script.job_signal
        if asked is not None:
            table.append(row_of("--signal", asked.signal, _warning(route, asked), by_signal))
        for event in ("preemption", "time limit", "scancel"):
            table.append(row_of(event, "TERM", _end_of_job(route, event), by_signal))
        return table
    for signal in (*_SIGNALS, *(one for one in _trapped(route) if one not in _SIGNALS)):
        table.append(row_of("", signal, route.follow(signal), by_signal))
    table.append(row_of("", "INT", route.interrupt(), by_signal))
    return table


def _warning(route: Route, asked: JobSignal) -> Arrival:
    """What the signal of ``--signal`` does, and if it tells the training nothing, what comes after it."""
    if not asked.to_batch_shell:
        arrival = route.follow_to_step(asked.signal)
        return _followed(arrival, _end_of_job(route, "time limit")) if arrival.signal is None else arrival
    arrival = route.follow(asked.signal)
    delivery = deliver(route.script, route.hops[0].launch, asked.signal)
    if arrival.signal is not None or not arrival.is_known or delivery is None:
        return arrival
    requeues = delivery.trap is not None and any(isinstance(step, Requeue) for step in delivery.trap.steps)
    if delivery.fate_of(Kind.SHELL) is Fate.DIES or requeues:
        # The job is over with it: SLURM tells the tasks of its steps, and kills whatever else the shell was running.
        return _followed(arrival, route.follow_to_step("TERM")) if route.is_step else arrival
    return _followed(arrival, _end_of_job(route, "time limit"))


def _followed(arrival: Arrival, later: Arrival) -> Arrival:
    """Put what comes later behind what did not tell the training."""
    return replace(later, reasons=(*arrival.reasons, "then SLURM ends the job", *later.reasons))


def _end_of_job(route: Route, event: str) -> Arrival:
    """What SLURM does when it ends a job: SIGTERM to the tasks of srun, and to the batch shell.

    At a preemption with a grace time the tasks are told first, the shell when the time is up.
    """
    if not route.is_step:
        return route.follow("TERM")
    if event != "preemption":
        by_shell = route.follow("TERM")
        if by_shell.signal == "KILL":
            return by_shell
    return route.follow_to_step("TERM")


def _trapped(route: Route) -> list[str]:
    """The other signals that the script is prepared for."""
    names = [name for trap in route.script.traps for name in trap.signals]
    return [name for name in dict.fromkeys(names) if name in ("USR2", "HUP", "QUIT", "XCPU")]


def row_of(event: str, sent: str, arrival: Arrival, rows: Mapping[str, Row], *, end: str = "killed in the end") -> Row:
    """Return the row of a signal that comes to the training, or does not.

    Args:
        event: what sends it, where that is more than the signal.
        sent: the signal's name.
        arrival: what of it comes to the training.
        rows: the training's own rows by their signals.
        end: what becomes of a training that is not told.
    """
    scenario = Scenario.SIGINT if sent == "INT" and not event else Scenario.SIGNAL
    if arrival.ignored is not None:
        arrival = _taken_up(arrival, arrival.ignored, rows)
    way = "; ".join(arrival.reasons)
    if not arrival.is_known:
        return Row(scenario, f"SIG{sent}", UNKNOWN, (Outcome(UNKNOWN, UNKNOWN, UNKNOWN, way),), event=event)
    if arrival.goes_on:
        why = f"{way}; the training goes on"
        return Row(scenario, f"SIG{sent}", False, (Outcome(UNKNOWN, UNKNOWN, None, why),), event=event)
    killed = rows["SIGKILL"]
    outlived = f"SIG{arrival.signal}" if arrival.signal is not None else "it"
    why = f"the agent outlives {outlived} and starts its next run, which is killed with the job"
    next_run = (Outcome(False, None, -9, why),) if arrival.has_next_run else ()
    if arrival.signal is None or arrival.signal == "KILL":
        why = f"{way}; the training is not told, and {end}" if arrival.signal is None else way
        return Row(scenario, f"SIG{sent}", False, _with(killed, why) + next_run, event=event)
    own = rows.get(f"SIG{arrival.signal}")
    if own is None:
        unhandled = f"{way}; SIG{arrival.signal} ends the training, which has no handler for it"
        return Row(scenario, f"SIG{sent}", False, _with(killed, unhandled), event=event)
    if arrival.is_cut_short and own.handler_run is True:
        outcomes: tuple[Outcome, ...] = (
            Outcome(False, None, -9, f"{way}, before it has marked"),
            Outcome(True, None, -9, f"{way}, before it has ended the run"),
        )
        return Row(scenario, f"SIG{sent}", True, outcomes, event=event)
    outcomes = tuple(
        replace(outcome, why="; ".join(part for part in (way, outcome.why) if part)) for outcome in own.outcomes
    )
    return Row(scenario, f"SIG{sent}", own.handler_run, outcomes + next_run, event=event)


def _taken_up(arrival: Arrival, signal: str, rows: Mapping[str, Row]) -> Arrival:
    """Return what becomes of a signal that the training has ignored from its start: a handler is set all the same."""
    own = rows.get(f"SIG{signal}")
    if own is not None and own.handler_run is True:
        return replace(arrival, goes_on=False, signal=signal)
    words = f"SIG{signal} is ignored there from the start"
    if own is not None and own.handler_run is not False:
        return replace(arrival, is_known=False, reasons=(*arrival.reasons, f"{words}, unless there is a handler"))
    return replace(arrival, reasons=(*arrival.reasons, words))


def _with(row: Row, why: str) -> tuple[Outcome, ...]:
    return tuple(replace(outcome, why=why, line=None) for outcome in row.outcomes)
