"""What a Python file does to the processes that it has started: ``process.kill()``, ``os.kill(process.pid, …)``."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from wbsignal_lint.diagnostics import Span
from wbsignal_lint.launch.batch import gives_way
from wbsignal_lint.launch.children import (
    CheckedShell,
    Children,
    ProcessKill,
    SignalledAgent,
    SignalledProgram,
    SignalledShell,
    TimeLimit,
)
from wbsignal_lint.launch.facts import AgentCommand, Command, LaunchFile
from wbsignal_lint.launch.hosts.parts import Arguments, ShellPart
from wbsignal_lint.launch.python.literals import Source
from wbsignal_lint.launch.python.values import Const, Element, Named, Value
from wbsignal_lint.launch.steps import ShellScript

__all__ = ["STARTS_PROCESS", "Signalled", "Started", "children_of", "has_time_limit", "is_checked", "signalled_by"]

STARTS_PROCESS = frozenset(
    {
        *("subprocess.Popen", "psutil.Popen"),
        *("asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell"),
        *("asyncio.subprocess.create_subprocess_exec", "asyncio.subprocess.create_subprocess_shell"),
    }
)
"""Calls that give the process they start."""
_AWAITS_PROCESS = frozenset(f"subprocess.{name}" for name in ("run", "call", "check_call", "check_output"))
"""Calls that wait for the process they start, and send SIGKILL when their ``timeout`` is over."""
_CHECKS_STATUS = frozenset({"subprocess.check_call", "subprocess.check_output"})
_NUMBERS = {9: "KILL", 15: "TERM", 2: "INT", 10: "USR1", 12: "USR2", 1: "HUP"}
_SIGNALS_MORE = re.compile(r"\bkillpg\b|\.children\(|\bpkill\b|\bkillall\b")
"""What can reach the processes below a shell."""


@dataclass(frozen=True)
class Started:
    """A call that starts a process."""

    call: str
    """``subprocess.Popen``."""
    parts: tuple[ShellPart | Arguments, ...]
    """What it can come to that the process runs."""
    limit: Span | None = None
    """The argument that limits its time; ``None``: none, or it may have no value."""
    is_checked: bool = False
    """Whether the call fails if the process does."""


@dataclass(frozen=True)
class Signalled:
    """A process gets a signal, or it is waited for until it has ended (then ``has_ended``)."""

    process: Span
    """The call that started it."""
    signal: str | None
    """``KILL``; ``None``: not known."""
    span: Span
    milder: tuple[Span, str] | None = None
    """What to write where to send SIGTERM instead."""
    to_group: bool = False
    """Whether all of its process group gets it."""
    has_ended: bool = False
    within: tuple[ast.AST, ...] = ()
    """The functions it happens in, the outermost first; the module's own statements stand in the module."""


def has_time_limit(call: str, node: ast.Call, value: Value | None) -> bool:
    """Whether ``timeout=`` surely is a time after which a call kills what it has started.

    Args:
        call: the dotted name of the called function.
        node: the call.
        value: what the argument is worth.
    """
    if call not in _AWAITS_PROCESS or value is None:
        return False
    written = next((keyword.value for keyword in node.keywords if keyword.arg == "timeout"), None)
    is_number = isinstance(value, Const) and isinstance(value.value, (int, float)) and not isinstance(value.value, bool)
    return is_number or isinstance(written, ast.BinOp)  # None can't be calculated with


def is_checked(call: str, check: Value | None) -> bool:
    """Whether a call fails if the process that it starts does."""
    return call in _CHECKS_STATUS or (call == "subprocess.run" and isinstance(check, Const) and check.value is True)


def signalled_by(source: Source, node: ast.Call, function: Named, given: Sequence[Element]) -> Signalled | None:
    """Return what a call signals or waits for; ``None`` if that is no process that the file starts."""
    path, origin, rest = function.path, function.origin, list(given)
    name = path.rpartition(".")[2]
    to_group = path == "os.killpg"
    if path in ("os.kill", "os.killpg") and rest:
        target = rest.pop(0).value
        is_pid = isinstance(target, Named) and target.path.endswith((".pid", "os.getpgid()"))
        origin = target.origin if isinstance(target, Named) and is_pid else None
        name = "send_signal"
    if origin is None:
        return None
    span = source.span(node)
    if name in ("wait", "communicate"):
        is_over = not node.args and not node.keywords and not path.startswith("asyncio.")
        return Signalled(origin, None, span, has_ended=True) if is_over else None
    if name not in ("kill", "terminate", "send_signal"):
        return None
    if name != "send_signal":
        end = source.span(node.func).end
        milder = (Span(end - len("kill"), end), "terminate") if name == "kill" else None
        return Signalled(origin, "KILL" if name == "kill" else "TERM", span, milder)
    number = node.args[-1] if node.args else None
    value = rest[0].value if rest else None
    if isinstance(value, Named) and value.path.startswith("signal.SIG"):
        signal: str | None = value.path.removeprefix("signal.SIG")
    else:
        signal = _NUMBERS.get(value.value) if isinstance(value, Const) and isinstance(value.value, int) else None
    milder = None
    if signal != "TERM" and isinstance(number, ast.Attribute) and number.attr == f"SIG{signal}":
        end = source.span(number).end
        milder = (Span(end - len(number.attr), end), "SIGTERM")
    return Signalled(origin, signal, span, milder, to_group)


def children_of(
    launch: LaunchFile,
    signalled: Sequence[Signalled],
    started: Mapping[Span, Sequence[Started]],
    trains: Callable[[Command], bool],
) -> Children:
    """Return what a file does to the agents and trainings that it starts.

    Args:
        launch: what the file launches.
        signalled: what it signals, in the order in which it does.
        started: the processes that it starts, by the calls.
        trains: tells a training.
    """
    if not signalled and not any(one.limit or one.is_checked for each in started.values() for one in each):
        return Children()
    processes = {call: _Process(launch, each, trains) for call, each in started.items()}
    limited = [(processes[call], one) for call, each in started.items() for one in each[:1] if one.limit is not None]
    signals_more = _SIGNALS_MORE.search(launch.text) is not None
    return Children(
        kills=_kills(signalled, processes),
        limits=tuple(
            TimeLimit(one.limit, one.call, process.what, script)
            for process, one in limited
            for script in process.scripts or (None,)
            if one.limit is not None and process.what is not None
        ),
        shells=(
            *(
                SignalledShell(one.span, one.signal, script)
                for one in signalled
                if not (signals_more or one.has_ended)
                for script in processes[one.process].scripts
            ),
            *(
                SignalledShell(one.limit, "KILL", script, is_time_limit=True)
                for process, one in limited
                if one.limit is not None
                for script in process.scripts
            ),
        ),
        programs=(
            *(
                SignalledProgram(one.span, one.signal, command)
                for one in signalled
                if not (signals_more or one.has_ended)
                for command in processes[one.process].others
            ),
            *(
                SignalledProgram(one.limit, "KILL", command, is_time_limit=True)
                for process, one in limited
                if one.limit is not None
                for command in process.others
            ),
        ),
        checked=tuple(
            CheckedShell(one.call, script)
            for call, each in started.items()
            for one in each[:1]
            if one.is_checked
            for script in processes[call].scripts
        ),
        agents=tuple(
            SignalledAgent(one.span, one.signal, agent, one.milder)
            for one in signalled
            if one.signal is not None and not one.has_ended
            for agent in processes[one.process].agents
        ),
    )


class _Process:
    """What a process is that a call starts; of several that it can be, all are to be ours."""

    def __init__(self, launch: LaunchFile, started: Sequence[Started], trains: Callable[[Command], bool]) -> None:
        parts = [part for one in started for part in one.parts]
        spans = {part.span for part in parts if isinstance(part, Arguments)}
        texts = {part.text.span for part in parts if isinstance(part, ShellPart)}
        commands = [command for command in launch.commands if command.span in spans]
        agents = {agent.command.span: agent for agent in launch.agents}
        scripts = [script for script in launch.scripts if script.source.span in texts and not script.runners]
        is_one = bool(spans) != bool(texts)
        is_ours = is_one and bool(commands) and all(map(_is_the_process, commands))
        are_agents = is_ours and all(command.span in agents for command in commands)
        are_trainings = is_ours and not are_agents and all(map(trains, commands))
        self.agents: tuple[AgentCommand, ...] = tuple(agents[span] for span in spans) if are_agents else ()
        self.others: tuple[Command, ...] = tuple(commands) if is_ours and not (are_agents or are_trainings) else ()
        """What it runs, if that is something else."""
        self.scripts: tuple[ShellScript, ...] = ()
        """What it reads, if it is the shell above an agent or a training."""
        self.what: str | None = "sweep agent" if are_agents else "training" if are_trainings else None
        """``sweep agent`` or ``training``, also where it is the shell above one; ``None``: not known."""
        if is_one and scripts and all(script.watched for script in scripts):
            self.scripts = tuple(scripts)
            self.what = scripts[0].watched[0].what


def _kills(signalled: Sequence[Signalled], processes: Mapping[Span, _Process]) -> tuple[ProcessKill, ...]:
    """Return every SIGKILL to an agent or a training that nothing milder is sent, and that has not ended before."""
    asked = {one.process for one in signalled if one.signal != "KILL" and not one.has_ended}
    ended: list[Signalled] = []
    found: dict[Span, ProcessKill | None] = {}
    for one in signalled:
        if one.has_ended:
            ended.append(one)
        if one.signal != "KILL":
            continue
        process = processes[one.process]
        # What another function waits for may still be running: handlers and threads do not wait with it.
        is_over = any(other.process == one.process and _is_before(other, one) for other in ended)
        is_told = one.to_group or not process.scripts
        if process.what is None or not is_told or is_over or one.process in asked:
            found[one.span] = None  # of several processes that it can be, all are to be ours
        else:
            found.setdefault(one.span, ProcessKill(one.span, process.what, one.milder))
    return tuple(kill for kill in found.values() if kill is not None)


def _is_before(one: Signalled, other: Signalled) -> bool:
    """Whether what was read earlier also happens earlier: in the same function, or in one that calls it."""
    return one.within == other.within[: len(one.within)]


def _is_the_process(command: Command) -> bool:
    """Whether the process that was started is, or becomes, the command."""
    names = [runner.name for runner in command.runners]
    return all(name.startswith("python") or gives_way(name) for name in names)
