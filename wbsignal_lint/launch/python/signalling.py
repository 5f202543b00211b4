"""What a Python file does to the processes that it has started: ``process.kill()``, ``os.kill(process.pid, …)``."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from wbsignal_lint.diagnostics import Span
from wbsignal_lint.launch.batch import gives_way
from wbsignal_lint.launch.facts import Command, LaunchFile, ProcessKill
from wbsignal_lint.launch.python.literals import Source
from wbsignal_lint.launch.python.values import Const, Element, Named

__all__ = ["STARTS_PROCESS", "Signalled", "signalled_by", "uncatchable_kills"]

STARTS_PROCESS = frozenset({"subprocess.Popen", "psutil.Popen"})
"""Calls that give the process they start."""
_NUMBERS = {9: "KILL", 15: "TERM", 2: "INT", 10: "USR1", 12: "USR2", 1: "HUP"}


@dataclass(frozen=True)
class Signalled:
    """A process gets a signal."""

    process: Span
    """The call that started it."""
    signal: str | None
    """``KILL``; ``None``: not known."""
    span: Span
    milder: tuple[Span, str] | None = None
    """For SIGKILL: what to write where to send SIGTERM instead."""


def signalled_by(source: Source, node: ast.Call, function: Named, given: Sequence[Element]) -> Signalled | None:
    """Return what a call signals; ``None`` if it signals no process that the file starts."""
    path, origin, rest = function.path, function.origin, list(given)
    name = path.rpartition(".")[2]
    if path in ("os.kill", "os.killpg") and rest:
        target = rest.pop(0).value
        origin = target.origin if isinstance(target, Named) and target.path.endswith(".pid") else None
        name = "send_signal"
    if origin is None or name not in ("kill", "terminate", "send_signal"):
        return None
    span = source.span(node)
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
    if signal == "KILL" and isinstance(number, ast.Attribute):
        end = source.span(number).end
        milder = (Span(end - len("SIGKILL"), end), "SIGTERM")
    return Signalled(origin, signal, span, milder)


def uncatchable_kills(
    launch: LaunchFile,
    signalled: Sequence[Signalled],
    started: Mapping[Span, Sequence[Span]],
    trains: Callable[[Command], bool],
) -> Iterator[ProcessKill]:
    """Yield every SIGKILL to an agent or a training that the file itself starts and has sent nothing else before.

    Args:
        launch: what the file launches.
        signalled: what it signals, in the order in which it does.
        started: where the commands stand that a call starts.
        trains: tells a training.
    """
    agents = {agent.command.span for agent in launch.agents}
    asked: set[Span] = set()
    found: dict[Span, ProcessKill | None] = {}
    for one in signalled:
        if one.signal != "KILL":
            asked.add(one.process)
            continue
        commands = [command for command in launch.commands if command.span in started.get(one.process, ())]
        is_agent = all(command.span in agents for command in commands)
        is_ours = bool(commands) and all(map(_is_the_process, commands)) and (is_agent or all(map(trains, commands)))
        if not is_ours or one.process in asked:
            found[one.span] = None  # of several processes that it can be, all are to be ours
        else:
            found.setdefault(one.span, ProcessKill(one.span, "sweep agent" if is_agent else "training", one.milder))
    yield from (kill for kill in found.values() if kill is not None)


def _is_the_process(command: Command) -> bool:
    """Whether the process that was started is, or becomes, the command."""
    names = [runner.name for runner in command.runners]
    return all(name.startswith("python") or gives_way(name) for name in names)
