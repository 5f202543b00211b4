"""Python that launches → the facts of a launch file."""

from __future__ import annotations

import ast
from dataclasses import replace

from wbsignal_lint.launch.facts import AgentCommand, Command, LaunchFile
from wbsignal_lint.launch.in_play import speaks_of_wandb
from wbsignal_lint.launch.python.calls import Calls
from wbsignal_lint.launch.python.job import job_of, job_of_submitit
from wbsignal_lint.launch.python.literals import Source
from wbsignal_lint.launch.python.signalling import children_of
from wbsignal_lint.launch.reader import read_shell
from wbsignal_lint.launch.recording import Recording, recording_under
from wbsignal_lint.launch.trainers import UsesWandb, trainer_of

__all__ = ["read_python"]

_TESTING = frozenset({"pytest", "unittest"})


def read_python(text: str, tree: ast.Module, uses_wandb: UsesWandb | None = None) -> LaunchFile:
    """Read what a Python file launches.

    :param text: the file's text as it is, line endings included.
    :param tree: the same, parsed.
    :param uses_wandb: says of a Python file whether it uses wandb; ``None``: nothing can be looked up.
    """
    calls = Calls(Source(text))
    calls.run(tree)
    launch = read_shell(text, calls.hosted().parts, uses_wandb)

    def in_its_list(agent: AgentCommand) -> AgentCommand:
        """Return an agent whose command was joined from a list with the slot of that list."""
        if agent.slot is None or agent.slot.before != " ":
            return agent
        return replace(agent, slot=calls.slots.get(agent.slot.offset, agent.slot))

    mentions_wandb = speaks_of_wandb(text)

    def trains(command: Command) -> bool:
        return trainer_of(command, uses_wandb, mentions_wandb=mentions_wandb) is not None

    launch = replace(launch, agents=tuple(in_its_list(agent) for agent in launch.agents))
    if mentions_wandb and recording_under(calls.environment_of({})) is not Recording.NOTHING:
        jobs = [job_of(text, tree), *(job_of_submitit(text, signal) for signal in calls.submitted)]
        launch = replace(launch, scripts=(*launch.scripts, *(job for job in jobs if job is not None)))
    if _is_test(tree):
        return launch
    return replace(launch, children=children_of(launch, calls.signalled, calls.started, trains))


def _is_test(tree: ast.Module) -> bool:
    """Whether a file is a test: what that starts is no run anybody waits for, and is ended as the test wants."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and any(alias.name in _TESTING for alias in node.names):
            return True
        if isinstance(node, ast.ImportFrom) and node.module in _TESTING:
            return True
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test_"):
            return True
    return False
