"""Drill a command as a sweep runs it: as child of the real ``wandb agent``, with the loopback server as its sweep."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wbsignal_lint.drill.loopback import SWEEP_PATH, Loopback, Sweep
from wbsignal_lint.drill.measurement import Measurement, Plan, drill

__all__ = ["AgentMeasurement", "agent_command", "drill_agent"]


@dataclass(frozen=True)
class AgentMeasurement:
    """What one drill of an agent found."""

    agent: Measurement
    """The agent's own end, and the transaction logs of all runs that it started."""
    handed_out: tuple[str, ...]
    """The runs that the agent was given; a second one means that it went on after the signal."""


def agent_command(*, forward_signals: bool) -> list[str]:
    """Return the command line of an agent for the loopback server's sweep, under this Python's wandb."""
    return [sys.executable, "-m", "wandb", "agent", *(["--forward-signals"] if forward_signals else []), SWEEP_PATH]


def drill_agent(
    command: Sequence[str],
    plan: Plan,
    *,
    launcher: Sequence[str],
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> AgentMeasurement:
    """Let an agent run a command for the runs of a sweep of two, and send the signal to what started the agent.

    The agent is online, with the loopback server; the runs are offline, so that their logs say what they recorded.

    Args:
        command: the sweep's ``command:``.
        plan: as for `drill`; the moment is that of the first run.
        launcher: what starts the agent and gets the signal: `agent_command`, or a job script that runs it.
        cwd: as for `drill`.
        environment: as for `drill`.
        progress: as for `drill`.

    Raises:
        OSError, ModuleNotFoundError: as `drill`.
    """
    with Loopback(Sweep(["/usr/bin/env", "WANDB_MODE=offline", *command])) as loopback:
        measured = drill(
            launcher,
            plan,
            server=loopback.url,
            cwd=cwd,
            environment=environment,
            mode="online",
            progress=progress,
        )
        return AgentMeasurement(measured, tuple(loopback.handed_out))
