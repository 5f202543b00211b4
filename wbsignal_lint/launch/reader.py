"""Launch file → facts. The only door of this package that rules' callers need."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from wbsignal_lint.diagnostics import Span
from wbsignal_lint.launch.agent import agent_of
from wbsignal_lint.launch.documents import documents_of, shebang_is_shell
from wbsignal_lint.launch.facts import AgentCommand, Command, Forwarding, LaunchFile, Runner, Word
from wbsignal_lint.launch.mapped import MappedText
from wbsignal_lint.launch.running import Innermost, Script, unwrap
from wbsignal_lint.launch.shell import parse_shell
from wbsignal_lint.launch.shell_text import Block, ShellCommand
from wbsignal_lint.launch.variables import Choices, Environment
from wbsignal_lint.launch.words import Expander
from wbsignal_lint.launch.wrappers import MENTIONS

__all__ = ["read_launch", "read_shell"]

_MAX_NESTING = 6
"""Scripts in scripts: ``ssh host "tmux new 'bash -c …'"`` is three."""
_MAX_EVALUATIONS = 20_000
"""Commands evaluated in one file, over all the ways their variables can turn out."""

_PIN = re.compile(r"wandb(?:\[[\w,-]*\])?={1,3}(\d[\w.]*)")


def read_launch(text: str) -> LaunchFile:
    """Read a shell or batch script.

    :param text: the file's text as it is, line endings included.
    :return: its facts; empty for a script whose first line names another interpreter (a Python job script).
    """
    if shebang_is_shell(text) is False:
        return LaunchFile(text)
    return read_shell(text, [MappedText.of(text)])


def read_shell(text: str, snippets: Iterable[MappedText]) -> LaunchFile:
    """Read the shell that stands in a file of any kind.

    :param text: the whole file; spans count its characters.
    :param snippets: each piece of shell in it, with the place of every character in the file.
    """
    reading = _Reading()
    for snippet in snippets:
        reading.read(snippet, None, 0, None, (), 0)
    return LaunchFile(text, tuple(reading.commands), tuple(_one_a_place(reading.agents)), tuple(reading.versions))


class _Reading:
    """What has been found so far."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.agents: list[AgentCommand] = []
        self.versions: list[tuple[str, Span]] = []
        self.evaluations = 0

    def read(
        self,
        source: MappedText,
        outer: Environment | None,
        position: int,
        block: Block | None,
        runners: tuple[Runner, ...],
        depth: int,
    ) -> None:
        """Read a script; ``outer``, ``position`` and ``block`` say where it stands in the script around it."""
        shell = parse_shell(source)
        environment = Environment(shell, outer, position, block)
        run_arguments = _functions_that_run_arguments(shell.commands)
        for command in shell.commands:
            self._evaluate(command, environment, run_arguments, runners, depth)
            if depth < _MAX_NESTING:
                for document in documents_of(command, shell):
                    outer_environment = environment if document.sees_variables else None
                    inner_runners = (*runners, document.runner)
                    self.read(
                        document.text, outer_environment, command.position, command.block, inner_runners, depth + 1
                    )

    def _evaluate(
        self,
        command: ShellCommand,
        environment: Environment,
        run_arguments: dict[str, bool],
        runners: tuple[Runner, ...],
        depth: int,
    ) -> None:
        """Note what a command runs, in every way its variables can turn out."""
        # Where no agent can be, one way is as good as another.
        choices = Choices() if environment.can_hold(command.whole.text, "agent") else Choices(rounds=1)
        first_agent = len(self.agents)
        while self.evaluations < _MAX_EVALUATIONS and choices.start():
            self.evaluations += 1
            words = Expander(environment, command.position, command.block, choices).words(command.words)
            for run in unwrap(words, run_arguments):
                if isinstance(run, Innermost):
                    self._note(run.words, command, (*runners, *run.runners))
                elif isinstance(run, Script) and depth < _MAX_NESTING:
                    self.read(
                        run.text, environment, command.position, command.block, (*runners, *run.runners), depth + 1
                    )
        self.agents[first_agent:] = _agreed(self.agents[first_agent:], complete=choices.is_exhausted)

    def _note(self, words: tuple[Word, ...], written: ShellCommand, runners: tuple[Runner, ...]) -> None:
        function = written.block.function
        command = Command(
            words,
            written.whole.span,
            runners,
            written.in_background,
            written.stage,
            written.pipeline.stages,
            None if function is None else function.name,
        )
        self.commands.append(command)
        agent = agent_of(command)
        if agent is not None:
            self.agents.append(agent)
        for word in words:
            pin = _PIN.fullmatch(word.pattern)
            if pin is not None:
                self.versions.append((pin[1], word.span))


def _functions_that_run_arguments(commands: Iterable[ShellCommand]) -> dict[str, bool]:
    """Return the functions that run their arguments, and whether all of them are the command (``run() { "$@"; }``)."""
    functions: dict[str, bool] = {}
    for command in commands:
        function = command.block.function
        if function is None or function.name is None:
            continue
        texts = [word.text.strip('"') for word in command.words]
        if texts[0] not in MENTIONS and any(text.startswith(("$@", "$*", "${@", "${*")) for text in texts):
            whole = texts[0] in ("$@", "$*", "${@}", "${*}") or functions.get(function.name, False)
            functions[function.name] = whole
    for command in commands:
        function = command.block.function
        if command.words[0].text == "shift" and function is not None and function.name in functions:
            functions[function.name] = False
    return functions


def _agreed(agents: list[AgentCommand], *, complete: bool) -> list[AgentCommand]:
    """Make one of the agents that one command can turn out to be: they forward only if all of them do, and so on."""
    places: dict[tuple[int, int], AgentCommand] = {}
    for agent in agents:
        known = places.get(agent.span)
        if known is None:
            places[agent.span] = agent if complete else replace(agent, forwarding=Forwarding.UNKNOWN)
        elif known.forwarding is not agent.forwarding:
            places[agent.span] = replace(known, forwarding=Forwarding.UNKNOWN)
    return list(places.values())


def _one_a_place(agents: list[AgentCommand]) -> list[AgentCommand]:
    """Keep one agent for each place in the file; of several uses of one variable, one that does not forward."""
    places: dict[Span, AgentCommand] = {}
    for agent in agents:
        if agent.span not in places or agent.forwarding is Forwarding.NO:
            places[agent.span] = agent
    return sorted(places.values(), key=lambda agent: agent.span)
