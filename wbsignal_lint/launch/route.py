"""The way of a signal from a job script to the training, through scripts in scripts and a sweep's command."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from wbsignal_lint.diagnostics import LineIndex, Span
from wbsignal_lint.launch.facts import Command, Runner, Word
from wbsignal_lint.launch.processes import (
    Delivery,
    Fate,
    Kind,
    Process,
    Reception,
    becomes_last_command,
    deliver,
    deliver_to_step,
    line_of,
    pass_on,
    spared_as_first,
)
from wbsignal_lint.launch.running import is_script_name
from wbsignal_lint.launch.steps import Launch, ShellScript
from wbsignal_lint.launch.wrappers import SHELLS

__all__ = ["Arrival", "Hop", "LaunchOf", "OpenScript", "Route", "find_routes", "launch_of_words"]

_MAX_HOPS = 5


@dataclass(frozen=True)
class Hop:
    """One script on the way, and what it starts there."""

    name: str
    """What to call the script; ``""`` for quoted text."""
    text: str
    script: ShellScript
    launch: Launch

    def line(self, offset: int) -> str:
        """Return where something stands in the script, in words."""
        row = LineIndex(self.text).position(offset).row
        return f"line {row}" if not self.name else f"{self.name}:{row}"


OpenScript = Callable[[str], "tuple[str, ShellScript] | None"]
"""Reads the shell script of a path that a launch file names: its text and its facts; ``None``: not found."""
LaunchOf = Callable[[Sequence[Word], Span], "Launch | None"]
"""Reads a list of arguments as the command that they are."""


@dataclass(frozen=True)
class _Given:
    """The arguments of a script."""

    words: tuple[Word, ...]
    text: str
    """The file that they stand in."""


@dataclass(frozen=True)
class Arrival:
    """What of a signal arrives at the training."""

    signal: str | None
    """What the training gets; ``None``: nothing, ``KILL``: it is killed."""
    reasons: tuple[str, ...] = ()
    """What becomes of the signal on its way, step by step."""
    is_known: bool = True
    is_cut_short: bool = False
    """The script leaves while the training handles the signal."""
    goes_on: bool = False
    """The training goes on as if nothing had happened, and nothing is lost by it."""
    ignored: str | None = None
    """What the training is sent and has ignored from its start: unless it has a handler for it, it goes on."""
    has_next_run: bool = False
    """The agent starts its next run."""
    is_first: bool = False
    """The training is process 1 of a container."""
    ends_all: bool = False
    """What it was sent to ends by it, before the training does."""


@dataclass(frozen=True)
class Route:
    """From a job's script to the training, from the outside in."""

    hops: tuple[Hop, ...]
    behind_agent: tuple[Hop, ...] = ()
    """From the sweep's command to the training, where an agent stands in between."""
    knows_sh: bool = True
    """Whether ``sh`` is known to be dash; in a container it depends on the image."""
    whole: str = "job"
    """What ends with the script: a ``job``, a ``container``."""

    @property
    def script(self) -> ShellScript:
        """The job's script."""
        return self.hops[0].script

    @property
    def is_step(self) -> bool:
        """Whether ``srun`` starts it."""
        return self.hops[0].launch.is_run_by("srun")

    def follow(self, signal: str) -> Arrival:
        """Send a signal to the process that runs the job's script."""
        return self._follow(self.hops, self.behind_agent, signal)

    def stop(self, signal: str, *, is_first: bool) -> Arrival:
        """Send a signal to what a container starts, as those who stop it do; then everything is killed.

        Args:
            signal: its name.
            is_first: whether what it starts is process 1.
        """
        arrival = self._follow(self.hops, self.behind_agent, signal, is_first=is_first)
        return replace(arrival, goes_on=False, signal=None) if arrival.goes_on else arrival

    def follow_to_step(self, signal: str) -> Arrival:
        """Send a signal to the tasks of ``srun``, as SLURM does."""
        delivery = deliver_to_step(self.script, self.hops[0].launch, signal)
        if delivery is None:
            return Arrival(None, (f"SLURM sends SIG{signal} to srun's tasks, and there are none: nobody gets it",))
        arrival = self._read(delivery, self.hops, self.behind_agent)
        return replace(arrival, reasons=(f"SLURM sends SIG{signal} to srun's task", *arrival.reasons))

    def interrupt(self) -> Arrival:
        """Press Ctrl-C in the terminal: every process of the foreground group gets SIGINT."""
        hop = self.hops[-1]
        line = line_of(hop.script, hop.launch)
        if any(one.launch.job is not None for one in self.hops) or line is None:
            arrival = self._follow(self.hops, self.behind_agent, "INT")
            if arrival.signal is not None:
                return arrival
            # SIGINT is ignored in the background, though it comes there, too.
            is_training = line is not None and line[-1].kind is Kind.TRAINER
            return replace(arrival, goes_on=True, ignored="INT" if is_training else None)
        last = len(line) - 1
        delivery = Delivery("INT", tuple(pass_on(line, last, "INT")))
        if delivery.receptions[0].fate is Fate.IGNORES:
            if delivery.receptions[0].process.kind is Kind.TRAINER:
                return Arrival(None, goes_on=True, ignored="INT")
            reasons = ("the agent waits for its run to end, which is in a process group of its own",)
            return Arrival(None, reasons, goes_on=True)
        return self._read(delivery, (hop,), self.behind_agent)

    def _follow(
        self, hops: Sequence[Hop], behind_agent: Sequence[Hop], signal: str, *, is_first: bool = False
    ) -> Arrival:
        delivery = deliver(hops[0].script, hops[0].launch, signal)
        if delivery is None:
            return Arrival(None, ("it runs elsewhere: on another machine, in a terminal, in a job of its own",), False)
        return self._read(delivery, hops, behind_agent, is_first=is_first)

    def _read(
        self, delivery: Delivery, hops: Sequence[Hop], behind_agent: Sequence[Hop], *, is_first: bool = False
    ) -> Arrival:
        """Put a delivery into words, and follow it into what is launched."""
        hop = hops[0]
        if is_first:
            delivery = spared_as_first(delivery)
        is_alone = is_first and len(delivery.receptions) == 1
        reasons: list[str] = []
        for reception in delivery.receptions:
            words = _words(reception, delivery, hop)
            if words:
                reasons.append(words)
        last = delivery.receptions[-1]
        has_next_run = delivery.agent_goes_on
        cut = delivery.trap is not None and delivery.is_awaited is False
        arrival: Arrival
        if not delivery.is_certain:
            unknown = next(one.process for one in delivery.receptions if one.fate is Fate.UNKNOWN)
            arrival = Arrival(None, (*reasons, f"what {unknown.name} does with it is not known"), False)
        elif last.signal is None:
            goes_on = delivery.signal == "INT" and delivery.receptions[0].fate is Fate.IGNORES
            arrival = Arrival(None, tuple(reasons), goes_on=goes_on)
        elif last.signal == "KILL" and (last.process.kind is not Kind.OTHER or _kills_all(delivery)):
            arrival = Arrival("KILL", tuple(reasons))
        elif last.process.kind is Kind.OTHER and last.fate is Fate.IGNORES:
            arrival = Arrival(None, tuple(reasons), goes_on=True)  # and so does what it starts
        elif last.process.kind is Kind.OTHER:
            inner = self._enter(hops[1:], behind_agent, last.signal, is_first=is_alone)
            arrival = replace(inner, reasons=(*reasons, *inner.reasons))
        elif last.process.kind is Kind.AGENT:
            if last.fate is not Fate.FORWARDS:
                arrival = Arrival(None, tuple(reasons))
            else:
                inner = self._enter(behind_agent, (), last.signal)
                # Also where what it has started dies of the signal, and leaves the training behind.
                is_ended = inner.signal is not None or inner.ends_all
                arrival = replace(inner, reasons=(*reasons, *inner.reasons), has_next_run=has_next_run and is_ended)
        elif last.fate is Fate.IGNORES:
            arrival = Arrival(None, tuple(reasons[:-1]), goes_on=True, ignored=last.signal)
        else:
            arrival = Arrival(last.signal, tuple(reasons), is_first=is_alone)
        if arrival.signal is None and (_ends_by_it(delivery) or cut):
            arrival = replace(arrival, ends_all=True)
        if cut and arrival.signal is not None:
            words = f"the script leaves while the handler runs, and the {self.whole}'s end kills it"
            arrival = replace(arrival, reasons=(*arrival.reasons, words), is_cut_short=True)
        return arrival

    def _enter(
        self, hops: Sequence[Hop], behind_agent: Sequence[Hop], signal: str, *, is_first: bool = False
    ) -> Arrival:
        """Follow a signal that the shell of an inner script gets."""
        if not hops:
            return Arrival(None, ("what it starts is not known",), False)
        hop = hops[0]
        if not hop.name and not hop.launch.is_exec and becomes_last_command(hop.script, hop.launch):
            line = line_of(hop.script, hop.launch) or ()
            if len(line) < 2:
                return Arrival(None, ("what it starts is not known",), False)
            delivery = Delivery(signal, tuple(pass_on(line, 1, signal)))
            return self._read(delivery, hops, behind_agent, is_first=is_first)
        as_bash = replace(hop.script, shell="bash")
        if not self.knows_sh and not hop.name and not hop.launch.is_exec and hop.script.shell == "sh":
            if becomes_last_command(as_bash, hop.launch):
                why = "whether its sh becomes its last command, as bash does, or stays, as dash does, is not known"
                return Arrival(None, (why,), False)
        return self._follow(hops, behind_agent, signal, is_first=is_first)


def find_routes(
    name: str,
    text: str,
    script: ShellScript,
    trainer: str,
    open_script: OpenScript,
    launch_of: LaunchOf,
    behind_agent: Sequence[Hop] = (),
) -> list[Route]:
    """Find the ways from a script to a training.

    Args:
        name: what to call the script.
        text: its text.
        script: its facts.
        trainer: the file name of the training's Python script, without folder.
        open_script: reads the shell scripts that it runs.
        launch_of: reads the arguments of a script that runs them.
        behind_agent: from a sweep's command to the training.

    Returns:
        One route for each agent or training that the script starts, once a place in the file.
    """
    finder = _Finder(trainer, open_script, launch_of)
    ways = [way for way in finder.ways(Hop(name, text, script, _NOWHERE), None) if way]
    places: dict[tuple[int, int, str], Route] = {}
    for way in ways:
        last = way[-1]
        places.setdefault((*last.launch.span, last.name), Route(tuple(way), tuple(behind_agent)))
    return list(places.values())


@dataclass(frozen=True)
class _Finder:
    """Looks for the ways to a training or an agent."""

    trainer: str
    open_script: OpenScript
    launch_of: LaunchOf

    def ways(self, place: Hop, given: _Given | None, depth: int = 0) -> list[list[Hop]]:
        """Return the ways from a script that is given some arguments."""
        found: list[list[Hop]] = []
        for step in place.script.launches:
            if step.in_substitution or depth >= _MAX_HOPS:
                continue
            hop, home = replace(place, launch=step), place.text
            if step.runs_arguments and given is not None:
                run = self._given(step, given)
                if run is None:
                    continue
                steps = tuple(run if one is step else one for one in place.script.steps)
                hop, home = replace(hop, launch=run, script=replace(place.script, steps=steps)), given.text
            launch = hop.launch
            if (launch.agent is not None and not launch.agent.wants_help) or self._is_trainer(launch):
                found.append([hop])
            elif launch.inner is not None:
                inner = Hop("", home, launch.inner, _NOWHERE)
                found += [[hop, *rest] for rest in self.ways(inner, None, depth + 1)]
            else:
                path = _script_run_by(launch)
                opened = None if path is None else self.open_script(path)
                if path is not None and opened is not None:
                    words = launch.command.words
                    at = next(index for index, word in enumerate(words) if word.value == path)
                    passed = _Given(words[at + 1 :], home)
                    inner = Hop(path.rpartition("/")[2], opened[0], opened[1], _NOWHERE)
                    found += [[hop, *rest] for rest in self.ways(inner, passed, depth + 1)]
        return found

    def _given(self, step: Launch, given: _Given) -> Launch | None:
        """Return the launch of a script's arguments by the script."""
        run = launch_of_words(given.words, step.span, self.open_script, self.launch_of)
        if run is None:
            return None
        own = step.command.runners
        if step.program == "exec" and not own:
            own = (Runner("exec", step.span),)
        command = replace(run.command, runners=(*own, *run.command.runners[1:]), span=step.command.span)
        return replace(step, command=command, agent=run.agent, trainer=run.trainer, inner=run.inner)

    def _is_trainer(self, launch: Launch) -> bool:
        file = None if launch.trainer is None else launch.trainer.file
        return file is not None and file.rpartition("/")[2] == self.trainer


def launch_of_words(words: tuple[Word, ...], span: Span, open_script: OpenScript, launch_of: LaunchOf) -> Launch | None:
    """Return the launch of arguments that a process becomes; a script among them that can be read is no wrapper.

    Args:
        words: the arguments.
        span: what launches them.
        open_script: as for `find_routes`.
        launch_of: as for `find_routes`.
    """
    command = Command(words, span, (Runner("exec", span),))
    launch = Launch(span=span, blocks=(), command=command, is_last=True)
    path = _script_run_by(launch)
    return launch if path is not None and open_script(path) is not None else launch_of(words, span)


_NOWHERE: Launch = None  # type: ignore[assignment]  # the launch of a place where none is chosen yet


def _script_run_by(launch: Launch) -> str | None:
    """Return the path of the shell script that a command runs: ``bash run.sh``, ``./run.sh``."""
    words = launch.command.words
    if not words:
        return None
    if launch.program in SHELLS:
        if any(word.value == "-c" for word in words[1:]):
            return None
        return next((word.value for word in words[1:] if not word.pattern.startswith(("-", "+"))), None)
    is_path = "/" in (words[0].value or "") and not launch.program.endswith(".py")
    return words[0].value if is_path or is_script_name(launch.program) else None


def _kills_all(delivery: Delivery) -> bool:
    """Whether something on the way kills all that it runs, also what SIGKILL to its child would leave behind."""
    return any(one.fate is Fate.KILLS for one in delivery.receptions)


def _ends_by_it(delivery: Delivery) -> bool:
    """Whether a process above the training dies of a signal."""
    dying = (one for one in delivery.receptions if one.fate is Fate.DIES)
    return any(one.process.kind not in (Kind.OTHER, Kind.TRAINER) for one in dying)


def _words(reception: Reception, delivery: Delivery, hop: Hop) -> str:
    """Say what a process does with the signal."""
    process, fate = reception.process, reception.fate
    name = _name(process, hop)
    signal = f"SIG{reception.signal}"
    if fate is Fate.RUNS_TRAP and delivery.trap is not None:
        return f"{name} runs its trap ({hop.line(delivery.trap.span.start)})"
    if fate is Fate.DEFERS and delivery.trap is not None:
        place = hop.line(delivery.trap.span.start)
        return f"{name} holds its trap ({place}) back until the command in the foreground has ended"
    if fate is Fate.DIES and process.kind is not Kind.OTHER:
        return f"{signal} ends {name}, which does not pass it on"
    if fate is Fate.SPARED:
        return f"{name} is process 1 and has no handler for {signal}: the kernel drops it"
    if fate is Fate.FORWARDS:
        return f"{name} passes {signal} on"
    if fate is Fate.KILLS:
        return f"{signal} makes {name} kill what it runs"
    if fate is Fate.IGNORES:
        return f"{name} ignores {signal}"
    return ""


def _name(process: Process, hop: Hop) -> str:
    if process.kind is Kind.SHELL:
        return f"the {process.name} of {hop.name}" if hop.name else f"the {process.name} around it"
    if process.kind is Kind.SUBSHELL:
        return "the subshell around it"
    if process.kind is Kind.AGENT:
        return "the agent"
    return "the training" if process.kind is Kind.TRAINER else process.name
