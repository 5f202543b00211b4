"""From drills to rows of the outcome table."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wbsignal_lint.contract import Scenario
from wbsignal_lint.drill.agent import agent_command, drill_agent
from wbsignal_lint.drill.loopback import Loopback, Sweep
from wbsignal_lint.drill.measurement import Measurement, Plan, drill
from wbsignal_lint.drill.processes import Disposition
from wbsignal_lint.drill.script import runs_python_agent
from wbsignal_lint.drill.transaction_log import LogRecord, RunRecord
from wbsignal_lint.outcome_table import UNKNOWN, Outcome, Row, Unknown, scenario_of

__all__ = ["MeasuredRow", "measure", "row_of"]


@dataclass(frozen=True)
class MeasuredRow:
    """A row, and the measurement that it was made from."""

    row: Row
    measurement: Measurement
    handed_out: tuple[str, ...] = ()
    """The runs that an agent was given during the drill; empty without an agent."""

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON values, with what was measured besides."""
        measured = self.measurement
        return self.row.to_json() | {
            "measured": {
                "runs": [
                    {
                        "run_id": run.run_id,
                        "logged": run.logged,
                        "records": [
                            {
                                "kind": record.kind,
                                "exit_code": record.exit_code,
                                "seconds_after_signal": _after(measured, record),
                            }
                            for record in run.deciding
                        ],
                    }
                    for run in measured.runs
                ],
                "log_followed": measured.flushed,
                "signalled": measured.signalled_at is not None,
                "seconds_to_exit": _rounded(measured.seconds_to_exit),
                "ended_by_the_drill": measured.killed,
                "left_behind": [{"pid": left.pid, "command": left.command} for left in measured.left_behind],
                "handed_out": list(self.handed_out),
            }
        }


def measure(
    command: Sequence[str],
    signals: Sequence[int | None],
    plan: Plan,
    *,
    agent: bool = False,
    cwd: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> list[MeasuredRow]:
    """Drill a command once for each signal, one after another.

    Args:
        command: the program and its arguments.
        signals: the signals, each a drill of its own; ``None`` lets the command run to its end.
        plan: everything else about the drills.
        agent: run the command as child of ``wandb agent``, once without and once with ``--forward-signals``.
        cwd: where the command runs; default here.
        progress: told in a few words how far it is.

    Raises:
        OSError, ModuleNotFoundError: as `drill`.
    """
    drills = [(signum, forward) for forward in ((False, True) if agent else (None,)) for signum in signals]
    rows = []
    for number, (signum, forward) in enumerate(drills, 1):
        # Without a signal there is no grace either: the command may take as long as the moment would.
        one = (
            replace(plan, signals=(), grace=plan.start_timeout) if signum is None else replace(plan, signals=(signum,))
        )
        name = "to the end" if signum is None else signal.Signals(signum).name
        launcher = {None: "", False: "wandb agent", True: "wandb agent --forward-signals"}[forward]

        def tell(what: str, lead: str = f"{number}/{len(drills)} {launcher} {name}".replace("  ", " ")) -> None:
            progress(f"{lead}: {what}")

        if forward is None:
            # wandb.agent(function=…) asks a server for its runs; everything else is drilled offline.
            sweep = Sweep(tuple(command), runs=1) if runs_python_agent(command, cwd) else None
            with Loopback(sweep) as server:
                mode = "online" if sweep is not None else "offline"
                measured = drill(command, one, server=server.url, mode=mode, cwd=cwd, progress=tell)
            rows.append(MeasuredRow(row_of(measured, signum, one), measured))
        else:
            under = drill_agent(command, one, launcher=agent_command(forward_signals=forward), cwd=cwd, progress=tell)
            row = row_of(under.agent, signum, one, launcher, under.handed_out)
            rows.append(MeasuredRow(row, under.agent, under.handed_out))
    return rows


def row_of(
    measured: Measurement, signum: int | None, plan: Plan, launcher: str = "", handed_out: Sequence[str] = ()
) -> Row:
    """Return the row that a measurement fills; ``signum`` is the signal of the drill, or ``None``."""
    run = _struck_run(measured)
    why = _why(measured, signum, plan, run, launcher, handed_out)
    if signum is not None:
        scenario = scenario_of(signum)
        came_about = measured.signalled_at is not None
    else:
        scenario = Scenario.COMPLETES if measured.killed or measured.status == 0 else Scenario.FAILS
        came_about = not measured.killed
    if run is not None and run.recorded is None and not measured.flushed:
        came_about = False  # what the client had not written yet, the signal took with it
    if came_about:
        outcome = Outcome(
            marked=run.marked if run else False,
            recorded=run.recorded if run else None,
            status=measured.status,
            why=why,
            has_run=run is not None,
        )
    else:
        status = UNKNOWN if measured.killed else measured.status
        outcome = Outcome(UNKNOWN, UNKNOWN, status, why, has_run=run is not None)
    name = None if signum is None else signal.Signals(signum).name
    return Row(scenario, name, _handler_run(measured, signum, run), (outcome,), launcher)


def _struck_run(measured: Measurement) -> RunRecord | None:
    """Return the run that the signal met: the last one that had begun when it came, else the first one."""
    sent = measured.signalled_at
    begun = [run for run in measured.runs if sent is not None and run.records and run.records[0].seen_at <= sent]
    return begun[-1] if begun else measured.runs[0] if measured.runs else None


def _handler_run(measured: Measurement, signum: int | None, run: RunRecord | None) -> bool | Unknown:
    """Tell from outside whether the script's handler was run.

    The process table says what the process was set to do with the signal. Python catches SIGINT in any case; its own
    handler ends in a KeyboardInterrupt, which W&B records as 255 and the process returns as a death by SIGINT.
    """
    if signum is None:
        return False
    sent = measured.signalled_at
    if sent is None:
        return UNKNOWN
    if run is not None and any(record.kind == "preempting" and record.seen_at > sent for record in run.records):
        return True
    if measured.disposition is not Disposition.CAUGHT:
        return False
    if signum == signal.SIGINT and (measured.status == -signum or (run is not None and run.recorded == 255)):
        return False
    if measured.killed:
        return UNKNOWN
    changed = measured.status != 0 or (run is not None and run.recorded not in (0, None))
    return True if changed else UNKNOWN


def _why(
    measured: Measurement,
    signum: int | None,
    plan: Plan,
    run: RunRecord | None,
    launcher: str,
    handed_out: Sequence[str],
) -> str:
    """Say in words what was seen."""
    if signum is not None and measured.signalled_at is None:
        return _why_never_signalled(measured, plan, run)
    parts = []
    if signum is not None:
        name = signal.Signals(signum).name
        if measured.disposition is Disposition.IGNORED:
            parts.append(f"{name} is ignored")
        elif measured.status == -signum and measured.disposition is Disposition.DEFAULT:
            parts.append(_why_ended(signum, launcher))
    if run is None:
        parts.append("no W&B run was started")
    for record in run.deciding if run else ():
        after = _after(measured, record)
        when = "" if after is None else f" after {after:.2f} s" if after >= 0 else " before the signal"
        parts.append(("marked" if record.kind == "preempting" else f"exit {record.exit_code} recorded") + when)
    if run is not None and not run.deciding:
        parts.append("nothing recorded")
    if measured.killed:
        parts.append(f"still running after {plan.grace:g} s, ended with SIGKILL")
    elif measured.seconds_to_exit is not None:
        parts.append(f"gone after {measured.seconds_to_exit:.2f} s")
    parts += [f"left running: {left.command} (pid {left.pid})" for left in measured.left_behind]
    if len(handed_out) > 1:
        parts.append("the agent went on with the next run")
    elif run is not None and len(measured.runs) > 1:
        parts.append(f"run {measured.runs.index(run) + 1} of {len(measured.runs)}")
    if not measured.flushed:
        parts.append("this client keeps its log in memory (before wandb 0.31.0), so records may be missing")
    return "; ".join(parts)


def _why_ended(signum: int, launcher: str) -> str:
    """Say why a signal without a handler ended the process."""
    if launcher:
        return f"the signal ended {launcher.removesuffix(' --forward-signals')} and was not forwarded"
    if signum == signal.SIGKILL:
        return "nothing can handle it"
    return "no handler, the signal ended the process"


def _why_never_signalled(measured: Measurement, plan: Plan, run: RunRecord | None) -> str:
    if measured.killed:
        what = "no W&B run was started" if run is None else f"the run logged {run.logged} times"
        return f"{what} within {plan.start_timeout:g} s; ended by the drill, the signal was not sent"
    what = "before a W&B run was started" if run is None else "before the signal could be sent"
    last = next((line.strip() for line in reversed(measured.output.splitlines()) if line.strip()), "")
    return f"ended with status {measured.status} {what}" + (f": {last}" if last and measured.status else "")


def _after(measured: Measurement, record: LogRecord) -> float | None:
    return None if measured.signalled_at is None else _rounded(record.seen_at - measured.signalled_at)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 2)
