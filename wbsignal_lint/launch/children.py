"""What Python does to the processes that it has started: signals, time limits, and asking for their status."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wbsignal_lint.diagnostics import Span

if TYPE_CHECKING:
    from wbsignal_lint.launch.facts import AgentCommand, Command
    from wbsignal_lint.launch.steps import ShellScript

__all__ = [
    "CheckedShell",
    "Children",
    "ProcessKill",
    "SignalledAgent",
    "SignalledProgram",
    "SignalledShell",
    "TimeLimit",
]


@dataclass(frozen=True)
class ProcessKill:
    """SIGKILL to an agent or a training, and nothing milder before."""

    span: Span
    what: str
    """``sweep agent`` or ``training``."""
    milder: tuple[Span, str] | None = None
    """What to write where to send SIGTERM instead; ``None``: that isn't one word."""


@dataclass(frozen=True)
class TimeLimit:
    """A call that waits for an agent or a training, and kills it when a time is up: ``subprocess.run(timeout=…)``."""

    span: Span
    """The argument."""
    call: str
    """``subprocess.run``."""
    what: str
    script: ShellScript | None = None
    """What the shell reads that gets SIGKILL first; ``None``: none does."""


@dataclass(frozen=True)
class SignalledShell:
    """A signal to the shell of ``shell=True``, and to that process alone."""

    span: Span
    signal: str | None
    """``TERM``; ``None``: not known."""
    script: ShellScript
    """What that shell reads."""
    is_time_limit: bool = False
    """Whether a ``timeout=`` sends it."""


@dataclass(frozen=True)
class SignalledProgram:
    """A signal to some other process, and to that alone: it may be the shell of a script of the project."""

    span: Span
    signal: str | None
    command: Command
    is_time_limit: bool = False


@dataclass(frozen=True)
class CheckedShell:
    """A call that fails if the shell that it starts does: ``subprocess.run(…, shell=True, check=True)``."""

    call: str
    script: ShellScript


@dataclass(frozen=True)
class SignalledAgent:
    """A signal to a sweep agent."""

    span: Span
    signal: str
    agent: AgentCommand
    milder: tuple[Span, str] | None = None


@dataclass(frozen=True)
class Children:
    """All that a Python file does to the agents and trainings that it starts, and to the shells above them."""

    kills: tuple[ProcessKill, ...] = ()
    limits: tuple[TimeLimit, ...] = ()
    shells: tuple[SignalledShell, ...] = ()
    programs: tuple[SignalledProgram, ...] = ()
    checked: tuple[CheckedShell, ...] = ()
    agents: tuple[SignalledAgent, ...] = ()
