"""Launch file → facts. The only door of this package that rules' callers need."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from wbsignal_lint.diagnostics import Span
from wbsignal_lint.launch.agent import agent_of
from wbsignal_lint.launch.behaviour import Run, options_set, steps_of
from wbsignal_lint.launch.building import with_its_image
from wbsignal_lint.launch.calls import told_apart
from wbsignal_lint.launch.containers import ContainerStart, SweepCommand
from wbsignal_lint.launch.directives import Directive, directives_of, options_of
from wbsignal_lint.launch.documents import Document, documents_of, shebang_is_shell
from wbsignal_lint.launch.facts import AgentCommand, Command, Forwarding, LaunchFile, Runner, Word
from wbsignal_lint.launch.hosts import read_hosted
from wbsignal_lint.launch.hosts.parts import Arguments, ShellPart, moved_into
from wbsignal_lint.launch.in_play import speaks_of_wandb
from wbsignal_lint.launch.mapped import MappedText
from wbsignal_lint.launch.recording import Recording, Variables, recording_of, recording_under, told_in
from wbsignal_lint.launch.running import Innermost, Script, unwrap
from wbsignal_lint.launch.shell import parse_shell
from wbsignal_lint.launch.shell_text import Block, ShellCommand
from wbsignal_lint.launch.sourcing import with_sourced
from wbsignal_lint.launch.steps import Launch, ShellScript
from wbsignal_lint.launch.submitting import submitter_of
from wbsignal_lint.launch.trainers import UsesWandb, trainer_of
from wbsignal_lint.launch.variables import Choices, Environment
from wbsignal_lint.launch.words import Expander
from wbsignal_lint.launch.wrappers import MENTIONS, SHELLS

__all__ = ["launch_of", "read_launch", "read_shell"]

_MAX_NESTING = 6
"""Scripts in scripts: ``ssh host "tmux new 'bash -c …'"`` is three."""
_MAX_EVALUATIONS = 20_000
"""Commands evaluated in one file, over all the ways their variables can turn out."""

_SHEBANG_SHELL = re.compile(r"\s*#!\s*\S*?(?:/env\s+(?:-\S+\s+)*)?(?<![\w-])(\w*sh)\b")
_SOURCES = re.compile(r"(?<![\w./-])(?:source|\.)\s+\S")
_PIN = re.compile(r"wandb(?:\[[\w,-]*\])?={1,3}(\d[\w.]*)")


def read_launch(
    text: str,
    uses_wandb: UsesWandb | None = None,
    host: str | None = None,
    *,
    mentions_wandb: bool = False,
    text_of: Callable[[str], str | None] | None = None,
) -> LaunchFile:
    """Read a file that launches.

    :param text: the file's text as it is, line endings included.
    :param uses_wandb: says of a Python file whether it uses wandb; ``None``: nothing can be looked up.
    :param host: one of `HOSTS`, what shell stands in; ``None`` for a shell or batch script.
    :param mentions_wandb: whether to take it for one that speaks of wandb, even if it does not.
    :param text_of: returns the text of a file that a script names; ``None``: files that it sources are unknown.
    :return: its facts; empty for a script whose first line names another interpreter (a Python job script).
    """
    if host is not None:
        hosted = read_hosted(text, host)
        return replace(
            read_shell(text, hosted.parts, uses_wandb),
            shell_forms=hosted.shell_forms,
            sweeps=tuple(_followed(one, None, mentions_wandb=True) for one in hosted.sweeps),
            container_starts=tuple(
                _followed(with_its_image(one, text_of), uses_wandb, mentions_wandb=speaks_of_wandb(text))
                for one in hosted.container_starts
            ),
            grace_periods=hosted.grace_periods,
        )
    if shebang_is_shell(text) is False:
        return LaunchFile(text)
    source = MappedText.of(text)
    sourced: tuple[Span, ...] = ()
    if text_of is not None and _SOURCES.search(text) is not None:
        source, sourced = with_sourced(source, text_of)
    return replace(read_shell(text, [source], uses_wandb, mentions_wandb=mentions_wandb), sourced=sourced)


def read_shell(
    text: str,
    snippets: Iterable[MappedText | ShellPart | Arguments],
    uses_wandb: UsesWandb | None = None,
    *,
    mentions_wandb: bool = False,
) -> LaunchFile:
    """Read the shell that stands in a file of any kind.

    :param text: the whole file; spans count its characters.
    :param snippets: each piece of shell or list of arguments in it, with the place of every character in the file.
    :param uses_wandb: as for `read_launch`.
    :param mentions_wandb: as for `read_launch`.
    """
    reading = _Reading(uses_wandb, mentions_wandb=mentions_wandb or speaks_of_wandb(text))
    for snippet in snippets:
        reading.variables = {} if isinstance(snippet, MappedText) else snippet.environment
        if isinstance(snippet, Arguments):
            reading.read_arguments(snippet)
        else:
            reading.read(snippet.text if isinstance(snippet, ShellPart) else snippet, None, 0, None, (), 0)
    return LaunchFile(
        text,
        tuple(reading.commands),
        tuple(_one_a_place(reading.agents)),
        tuple(reading.versions),
        _one_a_text(reading.scripts),
        recorded=reading.recorded,
    )


_Listed = TypeVar("_Listed", SweepCommand, ContainerStart)


def _followed(listed: _Listed, uses_wandb: UsesWandb | None, *, mentions_wandb: bool) -> _Listed:
    """Add what a list of arguments runs in the end. An agent or a container runs it, not the file it stands in."""
    for run in unwrap(list(listed.arguments()), {}):
        if isinstance(run, Innermost):
            return replace(listed, command=Command(run.words, listed.span, run.runners))
        reading = _Reading(uses_wandb, mentions_wandb=mentions_wandb)
        script = reading.read(run.text, None, 0, None, run.runners, 1)
        return replace(listed, command=Command((), listed.span, run.runners), script=script)
    return listed


def launch_of(words: Sequence[Word], span: Span, uses_wandb: UsesWandb | None = None) -> Launch | None:
    """Return what a list of arguments starts that a process becomes, as if ``exec`` stood in front of it.

    :param words: the arguments.
    :param span: what launches it.
    :param uses_wandb: as for `read_launch`.
    :return: the launch; ``None`` where there is nothing to start.
    """
    became = Runner("exec", span)
    for run in unwrap(list(words), {}):
        if isinstance(run, Innermost):
            command = Command(run.words, span, run.runners)
            trainer = trainer_of(command, uses_wandb, mentions_wandb=True)
            command = replace(command, runners=(became, *run.runners))
            return Launch(span=span, blocks=(), command=command, agent=agent_of(command), trainer=trainer, is_last=True)
        shell = run.runners[-1]
        rest = tuple(words[next((at for at, word in enumerate(words) if word.program == shell.name), 0) :])
        inner = _Reading(uses_wandb, mentions_wandb=True).read(run.text, None, 0, None, run.runners, 1)
        command = Command(rest, span, (became, *run.runners[:-1]))
        return Launch(span=span, blocks=(), command=command, inner=inner, is_last=True)
    return None


class _Reading:
    """What has been found so far."""

    def __init__(self, uses_wandb: UsesWandb | None, *, mentions_wandb: bool) -> None:
        self.uses_wandb = uses_wandb
        self.mentions_wandb = mentions_wandb
        self.scripts: list[ShellScript] = []
        self.commands: list[Command] = []
        self.agents: list[AgentCommand] = []
        self.versions: list[tuple[str, Span]] = []
        self.recorded: dict[Span, bool] = {}
        self.variables: Variables = {}
        """What the script that is being read finds in its environment."""
        self.evaluations = 0

    def read(
        self,
        source: MappedText,
        outer: Environment | None,
        position: int,
        block: Block | None,
        runners: tuple[Runner, ...],
        depth: int,
        submitted: tuple[Directive, ...] = (),
        settings: tuple[tuple[str, bool], ...] = (),
    ) -> ShellScript:
        """Read a script; ``outer``, ``position`` and ``block`` say where it stands in the script around it.

        ``submitted`` are the options of the command that submits it as a job, ``settings`` those of its shell.
        """
        place = len(self.scripts)
        directives = (*directives_of(source), *submitted)
        around = self.variables
        for one in directives:
            if one.name == "--export":
                self.variables = {**self.variables, **told_in(one.value or "")}
        shell = parse_shell(source)
        environment = Environment(shell, outer, position, block)
        run_arguments = _functions_that_run_arguments(shell.commands)
        runs: dict[ShellCommand, list[Run]] = {}
        for command in shell.commands:
            runs[command] = self._evaluate(command, environment, run_arguments, runners, depth)
            if depth < _MAX_NESTING:
                for document in documents_of(command, shell):
                    outer_environment = environment if document.sees_variables else None
                    inner_runners = (*runners, document.runner)
                    if document.host is not None:
                        self._read_hosted(document, inner_runners, depth + 1)
                        continue
                    self.read(
                        document.text,
                        outer_environment,
                        command.position,
                        command.block,
                        inner_runners,
                        depth + 1,
                        self._submitted(command, environment),
                    )
        self.variables = around
        script = ShellScript(
            source,
            steps_of(shell, environment, told_apart(runs)),
            directives,
            runners,
            _shell_of(source.text, runners),
            settings or _settings_of(source.text),
        )
        self.scripts.insert(place, script)
        return script

    def _evaluate(
        self,
        command: ShellCommand,
        environment: Environment,
        run_arguments: dict[str, bool],
        runners: tuple[Runner, ...],
        depth: int,
    ) -> list[Run]:
        """Note what a command runs, in every way its variables can turn out; the most telling one first."""
        # Where no agent can be, one way is as good as another.
        choices = Choices() if environment.can_hold(command.whole.text, "agent") else Choices(rounds=1)
        first_agent = len(self.agents)
        runs: list[Run] = []
        while self.evaluations < _MAX_EVALUATIONS and choices.start():
            self.evaluations += 1
            expander = Expander(environment, command.position, command.block, choices)
            words = expander.words(command.words)
            for run in unwrap(words, run_arguments):
                if isinstance(run, Innermost):
                    agents = len(self.agents)
                    noted = self._note(run.words, command, (*runners, *run.runners))
                    own = replace(noted, runners=run.runners)
                    agent = agent_of(own)
                    trainer = trainer_of(own, self.uses_wandb, mentions_wandb=self.mentions_wandb)
                    if agent is not None or trainer is not None:
                        recording = recording_of(command, expander, self.variables)
                        if recording is Recording.NOTHING:
                            agent = trainer = None
                            del self.agents[agents:]
                        else:
                            self.recorded[command.whole.span] = recording is Recording.ONLINE
                    runs.append(Run(own, agent, trainer))
                elif isinstance(run, Script) and depth < _MAX_NESTING:
                    reader = run.runners[-1].span
                    rest = tuple(words[next((at for at, word in enumerate(words) if word.span == reader), 0) :])
                    around = self.variables
                    self.variables = {**around, **told_in(_up_to(command.whole, run.text))}
                    inner = self.read(
                        run.text,
                        environment,
                        command.position,
                        command.block,
                        (*runners, *run.runners),
                        depth + 1,
                        options_of(words),
                        options_set(word.value or "" for word in rest) if rest[0].program in SHELLS else (),
                    )
                    self.variables = around
                    runs.append(Run(Command(rest, command.whole.span, run.runners[:-1]), inner=inner))
        self.agents[first_agent:] = _agreed(self.agents[first_agent:], complete=choices.is_exhausted)
        agreed = {agent.span: agent.forwarding for agent in self.agents[first_agent:]}
        runs = [
            run
            if run.agent is None
            else replace(run, agent=replace(run.agent, forwarding=agreed.get(run.agent.span, Forwarding.UNKNOWN)))
            for run in runs
        ]
        return sorted(runs, key=lambda run: run.agent is None and run.trainer is None)

    def _note(self, words: tuple[Word, ...], written: ShellCommand, runners: tuple[Runner, ...]) -> Command:
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
        self._keep(command)
        return command

    @staticmethod
    def _submitted(command: ShellCommand, environment: Environment) -> tuple[Directive, ...]:
        """Return the options of the ``sbatch`` that submits what a command gets or prints."""
        submitter = submitter_of(command, environment.shell) or command
        choices = Choices(rounds=1)
        choices.start()
        expander = Expander(environment, submitter.position, submitter.block, choices)
        return options_of(expander.words(submitter.words))

    def _read_hosted(self, document: Document, runners: tuple[Runner, ...], depth: int) -> None:
        """Read a document that shell stands in, such as YAML for ``kubectl apply -f -``."""
        for part in read_hosted(document.text.text, document.host or "").parts:
            moved = moved_into(part, document.text)
            self.variables = moved.environment
            if isinstance(moved, Arguments):
                self.read_arguments(moved)
            else:
                self.read(moved.text, None, 0, None, runners, depth)

    def read_arguments(self, part: Arguments) -> None:
        """Read a list of arguments that no shell reads, such as the command of a container."""
        words = [argument.word() for argument in part.arguments]
        for run in unwrap(words, {}):
            if isinstance(run, Innermost):
                command = Command(run.words, part.span, run.runners)
                options = " ".join(argument.text.text for argument in part.arguments)
                recording = recording_under({**self.variables, **told_in(options)})
                starts = agent_of(command) is not None
                if starts or trainer_of(command, self.uses_wandb, mentions_wandb=True) is not None:
                    if recording is Recording.NOTHING:
                        continue
                    self.recorded[part.span] = recording is Recording.ONLINE
                self._keep(command)
            else:
                self.read(run.text, None, 0, None, run.runners, 1, options_of(words))

    def _keep(self, command: Command) -> None:
        self.commands.append(command)
        agent = agent_of(command)
        if agent is not None:
            self.agents.append(agent)
        for word in command.words:
            pin = _PIN.fullmatch(word.pattern)
            if pin is not None:
                self.versions.append((pin[1], word.span))


def _up_to(whole: MappedText, inner: MappedText) -> str:
    """Return what of a command stands in front of the text in it that it has a shell read."""
    start = inner.span.start
    return "".join(char for char, at in zip(whole.text, whole.starts, strict=True) if at < start)


def _shell_of(text: str, runners: tuple[Runner, ...]) -> str | None:
    """Return the name of the shell that reads a script: its first line says it, or the command that runs it."""
    named = _SHEBANG_SHELL.match(text)
    if named is not None:
        return named[1]
    return runners[-1].name if runners and runners[-1].name in SHELLS else None


def _settings_of(text: str) -> tuple[tuple[str, bool], ...]:
    """Return what the first line of a script switches on: ``#!/bin/bash -e``."""
    named = _SHEBANG_SHELL.match(text)
    if named is None:
        return ()
    return options_set(text[named.start(1) :].split("\n", 1)[0].split())


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


def _one_a_text(scripts: list[ShellScript]) -> tuple[ShellScript, ...]:
    """Keep one script for each place in the file, however often its variables made it be read."""
    places: dict[Span, ShellScript] = {}
    for script in scripts:
        places.setdefault(script.source.span, script)
    return tuple(places.values())
