"""The outcome table of a training in a container: what stops the container, from its process 1 to the training.

Those who stop a container send a signal to its process 1, and after a grace period SIGKILL to everything that is left.
Whether a handler is through within the grace is not for reading to say; the rows say how long it has.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping, Sequence
from dataclasses import replace

from wbsignal_lint.contract import Scenario
from wbsignal_lint.forecast.launched import LaunchReader, NoRoute, launcher_of, row_of
from wbsignal_lint.launch.containers import ContainerStart, Stop, hands_over, has_dash
from wbsignal_lint.launch.facts import LaunchFile, Word
from wbsignal_lint.launch.route import Arrival, Route, find_routes, launch_of_words
from wbsignal_lint.launch.steps import ShellScript
from wbsignal_lint.outcome_table import UNKNOWN, Outcome, Row

__all__ = ["forecast_containers"]

_PLATFORMS = {"stop": "docker's default", "deletion": "the default of Kubernetes"}


def forecast_containers(
    name: str, launch: LaunchFile, reader: LaunchReader, rows: Sequence[Row], command: Sequence[Word] | None = None
) -> list[Row]:
    """Forecast what W&B records for a training that containers start.

    Args:
        name: what to call the launch file: a Dockerfile, a compose file, a manifest of Kubernetes.
        launch: its facts.
        reader: reads what is on the way.
        rows: the script's own outcome table.
        command: the ``command:`` of the sweep; ``None``: W&B's default.

    Returns:
        For every container that starts the training or an agent, a row for what stops it.

    Raises:
        NoRoute: none starts either.
    """
    by_signal = {row.signal: row for row in rows if row.signal is not None}
    table: list[Row] = []
    for start in launch.container_starts:
        if not start.stop.event:
            continue  # neither compose nor a pod, and who stops it is not known
        for route in _routes(name, launch.text, start, reader, command):
            place = route.hops[0].line(start.span.start)
            row = _row(start, route, by_signal)
            table.append(replace(row, launcher=f"{launcher_of(route, reader.trainer)} ({place})"))
    if not table:
        raise NoRoute(f"{name}: no container of it starts {reader.trainer} or a sweep agent, as far as it can be read")
    return table


def _routes(
    name: str, text: str, start: ContainerStart, reader: LaunchReader, command: Sequence[Word] | None
) -> list[Route]:
    def open_script(path: str) -> tuple[str, ShellScript] | None:
        for candidate in start.project_paths(path):
            content = reader.text_of(candidate)
            if content is not None:
                return reader.script_of(candidate, content)
        return None

    launch = launch_of_words(start.words, start.span, open_script, reader.launch_of)
    if launch is None:
        return []
    # Process 1 becomes the command: no shell, unless the command is one.
    first = ShellScript(launch.command.words[0].literal, (launch,))
    behind = reader.behind_agent(command)
    routes = find_routes(name, text, first, reader.trainer, open_script, reader.launch_of, behind)
    knows_sh = hands_over(start.image) and has_dash(start.image)
    return [replace(route, knows_sh=knows_sh, whole="container") for route in routes]


def _row(start: ContainerStart, route: Route, rows: Mapping[str, Row]) -> Row:
    stop = start.stop
    sent = _signal_of(stop)
    if sent is None:
        why = "which signal stops the container is not known"
        return Row(Scenario.SIGNAL, None, UNKNOWN, (Outcome(UNKNOWN, UNKNOWN, UNKNOWN, why),), event=stop.event)
    grace = _grace(stop)
    is_first = not stop.has_init and not stop.shares_processes
    arrival = Arrival("KILL") if sent == "KILL" else route.stop(sent, is_first=is_first)
    to = (
        "the init is process 1, and passes SIG{} on" if stop.has_init else "SIG{} goes to the container's first process"
    )
    arrival = replace(arrival, reasons=(to.format(sent), *arrival.reasons))
    own = rows.get(f"SIG{arrival.signal}")
    if stop.grace == 0 and arrival.signal is not None:
        arrival = replace(arrival, reasons=(*arrival.reasons, "SIGKILL follows at once"), is_cut_short=True)
    elif own is not None and own.handler_run is True:
        arrival = replace(arrival, reasons=(*arrival.reasons, f"the training's handler has {grace}"))
    elif own is None and arrival.is_first and arrival.signal not in (None, "KILL"):
        why = f"the training is process 1 and has no handler for SIG{arrival.signal}: the kernel drops it"
        arrival = replace(arrival, signal=None, reasons=(*arrival.reasons, why))
    own_rows = _as_first(rows, grace) if arrival.is_first else rows
    end = "killed with the container" if arrival.ends_all else f"killed after {grace}"
    row = row_of(stop.event, sent, arrival, own_rows, end=end)
    unknown = _unknown(start)
    if unknown is None:
        return row
    reasons = "; ".join((unknown, "otherwise " + row.outcomes[0].why))
    return replace(row, handler_run=UNKNOWN, outcomes=(Outcome(UNKNOWN, UNKNOWN, UNKNOWN, reasons),))


def _unknown(start: ContainerStart) -> str | None:
    """Return what is not known of what becomes of the signal before it comes to what the file names."""
    if start.stop.is_preceded:
        return "what the preStop hook does, which comes first, is not known"
    if start.unknown_entrypoint is None:
        return None
    of = f"of {start.unknown_entrypoint}" if start.unknown_entrypoint else "of the image"
    return f"the ENTRYPOINT {of}, if there is one, gets the signal first, and what that is is not known"


def _as_first(rows: Mapping[str, Row], grace: str) -> dict[str, Row]:
    """Return the rows of a training that is process 1: the kernel drops a signal that would end it without a handler.

    Python ends by SIGINT through a handler of its own, and exits with 130 where it cannot send SIGINT to itself.
    """
    return {
        name: replace(row, outcomes=tuple(_spared(outcome, name, grace) for outcome in row.outcomes))
        for name, row in rows.items()
    }


def _spared(outcome: Outcome, name: str, grace: str) -> Outcome:
    if not isinstance(outcome.status, int) or outcome.status >= 0 or outcome.status == -signal.SIGKILL:
        return outcome
    if outcome.status == -signal.SIGINT:
        return replace(outcome, status=128 + signal.SIGINT)
    why = f"as process 1 the training is not ended by {name}: the kernel drops it, and SIGKILL ends it after {grace}"
    return replace(outcome, status=-signal.SIGKILL, why=why)


def _signal_of(stop: Stop) -> str | None:
    """Return the name of the signal, without SIG; ``None``: not known."""
    asked = (stop.signal or "SIGTERM").upper()
    if asked.isdigit():
        known = {int(one): one.name for one in signal.Signals}
        return known[int(asked)].removeprefix("SIG") if int(asked) in known else None
    name = asked.removeprefix("SIG")
    return name if re.fullmatch(r"[A-Z0-9]+", name) and f"SIG{name}" in signal.Signals.__members__ else None


def _grace(stop: Stop) -> str:
    """Return how long the container has, in words."""
    if stop.grace is None:
        return "the grace period"
    default = f" ({_PLATFORMS[stop.event]})" if stop.has_default_grace else ""
    return f"{stop.grace:g} s{default}"
