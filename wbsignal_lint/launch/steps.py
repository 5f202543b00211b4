"""What a shell script does with processes and signals, step by step in the order in which it does it.

Functions stand where they are called. Spans count characters of the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from wbsignal_lint.diagnostics import Span
from wbsignal_lint.launch.directives import Directive, JobSignal, job_signal_of
from wbsignal_lint.launch.facts import AgentCommand, Command, Runner
from wbsignal_lint.launch.mapped import MappedText
from wbsignal_lint.launch.shell_text import Block, Job, Redirect

__all__ = [
    "Action",
    "Capture",
    "Early",
    "Exit",
    "Kill",
    "Launch",
    "Option",
    "OrElse",
    "Requeue",
    "ShellScript",
    "Source",
    "Step",
    "Target",
    "TargetKind",
    "Trainer",
    "Trap",
    "Wait",
]


class TargetKind(Enum):
    """Whom a ``kill`` or ``wait`` names."""

    VARIABLE = "variable"
    """``$PID``, ``"${PIDS[@]}"``; ``name`` is the variable."""
    FILE = "file"
    """``$(cat agent.pid)``; ``name`` is the file."""
    ALL_JOBS = "all jobs"
    """``$(jobs -p)``; ``wait`` without operands."""
    JOB = "job"
    """``%1``, ``$!``: some background job."""
    GROUP = "group"
    """``0``, ``-$$``: the script's own process group."""
    SELF = "self"
    """``$$``."""
    PATTERN = "pattern"
    """What ``pkill`` and ``killall`` look for; ``name`` is the pattern."""
    CHILDREN = "children"
    """``pkill -P $$``."""
    SLURM_JOB = "slurm job"
    """The operand of ``scancel``."""
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Target:
    """One operand of a ``kill`` or ``wait``."""

    kind: TargetKind
    span: Span
    name: str = ""
    is_group: bool = False
    """``-$PID``: every process of the group that it leads."""
    jobs: tuple[Job, ...] = ()
    """The background jobs that it can be, as far as the script tells; empty: not known."""
    is_unset: bool = False
    """Expanded when its trap was set, before there was such a pid: nothing is signalled."""


@dataclass(frozen=True)
class Trainer:
    """A training process that a command starts."""

    command: Command
    span: Span
    """The script's or module's word."""
    script: str | None
    """Its path as written; ``None`` for a module."""
    file: str | None
    """The path of its file, that of a module too; ``None`` where a part of it is not known."""
    launchers: tuple[str, ...] = ()
    """What starts it and stays its parent: ``torchrun``, ``accelerate`` …"""


@dataclass(frozen=True)
class OrElse:
    """``… || alternative``."""

    operator: Span
    alternative: Span
    words: tuple[str, ...] = ()
    """The alternative's first command as written."""
    commands: int = 1
    """How many commands the alternative has."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that the script does."""

    span: Span
    """The command from its first to its last character in the file."""
    blocks: tuple[Block, ...]
    """The blocks it stands in, from the inside out; those of the calls on the way to it included."""
    job: Job | None = None
    """The background job that it is or is a part of."""
    in_condition: bool = False
    """Whether an ``if``, ``while`` or ``until`` decides by its status."""
    statement: Span | None = None
    """The command with its redirections; ``None`` where it does not stand in the file in one piece."""
    or_else: OrElse | None = None
    stage: int = 0
    stages: int = 1

    @property
    def in_loop(self) -> bool:
        """Whether a loop can bring the script back to it."""
        return any(block.kind == "loop" for block in self.blocks)

    @property
    def is_conditional(self) -> bool:
        """Whether it is skipped in some cases."""
        return any(block.kind == "branch" for block in self.blocks)

    @property
    def in_subshell(self) -> bool:
        """Whether it runs in a shell process of its own: ``( … )``, a stage of a pipeline, a background group."""
        return (
            any(block.kind in ("subshell", "stage", "substitution") for block in self.blocks)
            or (self.job is not None and self.job.form != "command")
        )  # fmt: skip

    @property
    def in_substitution(self) -> bool:
        """Whether it stands in ``$( … )`` or ``>( … )``."""
        return any(block.kind == "substitution" for block in self.blocks)


@dataclass(frozen=True, kw_only=True)
class Launch(Step):
    """A program is started."""

    command: Command
    agent: AgentCommand | None = None
    trainer: Trainer | None = None
    inner: ShellScript | None = None
    """The shell text that it runs, for ``bash -c '…'`` and the like."""
    pipes: tuple[Span, ...] = ()
    """The ``|`` of its pipeline."""
    neighbours: tuple[str, ...] = ()
    """The programs of the pipeline's stages, its own included."""
    redirects: tuple[Redirect, ...] = ()
    pipeline: Span | None = None
    """The whole of its pipeline, if it is in one."""
    and_then: Span | None = None
    """The ``&&`` whose right side runs by its status."""
    is_status_read: bool = False
    """Whether ``$?`` is the next thing that the script asks for."""
    is_last: bool = False
    """Nothing of the script runs after it."""

    @property
    def is_foreground(self) -> bool:
        """Whether the shell waits for it at once."""
        return self.job is None

    @property
    def is_simple_last(self) -> bool:
        """Whether it is a last command that shells may run in their own place."""
        return self.is_last and self.stages == 1 and self.or_else is None and not self.in_subshell

    @property
    def is_exec(self) -> bool:
        """Whether it takes the shell's place."""
        if self.program == "exec":  # the reader takes it off only where something is known behind it
            return len(self.command.words) > 1
        return bool(self.command.runners) and self.command.runners[0].name == "exec"

    @property
    def runs_arguments(self) -> bool:
        """Whether what it starts is what the script or function is given: ``"$@"``."""
        words = self.command.words[1:] if self.program == "exec" else self.command.words
        return bool(words) and words[0].is_list and words[0].is_opaque

    @property
    def is_watched(self) -> bool:
        """Whether it is a sweep agent or a trainer, that is, whether W&B has to hear of its end."""
        return (self.agent is not None and not self.agent.wants_help) or self.trainer is not None

    @property
    def place(self) -> Span:
        """Where to speak of it: the agent's ``wandb``, the trainer's ``python``."""
        return self.agent.span if self.agent is not None else self.command.words[0].span

    @property
    def what(self) -> str:
        """What to call it, in a message about one that is watched."""
        return "sweep agent" if self.agent is not None else "training"

    @property
    def program(self) -> str:
        """The program's name, ``""`` when it is not known."""
        return self.command.words[0].program if self.command.words else ""

    def is_run_by(self, *names: str) -> bool:
        """Whether one of these programs stands in front of it."""
        return any(runner.name in names for runner in self.command.runners)


@dataclass(frozen=True, kw_only=True)
class Capture(Step):
    """``PID=$!``: the pid of the newest background job is kept."""

    name: str
    """The variable; for ``echo $! > file`` the file."""
    is_file: bool = False
    captured: tuple[Job, ...] = ()
    """The job whose pid it is; several for ``PIDS`` that are copied from others."""
    from_list: bool = False
    """``$(jobs -p)``, which gives the first command of a pipeline, not the last."""
    appends: bool = False
    """Whether what the variable held before stays: ``PIDS+=($!)``."""


@dataclass(frozen=True, kw_only=True)
class Wait(Step):
    """``wait``."""

    targets: tuple[Target, ...]
    any_one: bool = False
    """``wait -n``: for whichever job ends first."""


class Action(Enum):
    """What a ``trap`` sets up."""

    RUN = "run"
    IGNORE = "ignore"
    RESET = "reset"


@dataclass(frozen=True)
class Early:
    """An expansion in a trap's body that takes place when the trap is set, and not when it runs."""

    name: str
    """The variable; ``""`` for ``$( … )``."""
    span: Span
    is_unset: bool = False
    """A pid that the script does not have yet, as far as the script tells."""


@dataclass(frozen=True, kw_only=True)
class Trap(Step):
    """``trap 'body' SIGNALS``."""

    signals: tuple[str, ...]
    """Normalised: ``USR1``, ``EXIT``."""
    action: Action
    word: Span
    """The body's word with its quotes."""
    body: MappedText | None = None
    """What is run, as it stands in the file; ``None`` where that is not known."""
    steps: tuple[Step, ...] = ()
    """What the body does, functions followed."""
    early: tuple[Early, ...] = ()
    prefixed: tuple[str, ...] = ()
    """Those of the signals that are written with ``SIG``, which dash does not know."""

    def each(self, kind: type[Kill] | type[Wait] | type[Requeue] | type[Exit]) -> Iterator[Step]:
        """Yield the body's steps of one kind."""
        return (step for step in self.steps if isinstance(step, kind))


@dataclass(frozen=True, kw_only=True)
class Kill(Step):
    """``kill``, ``pkill``, ``killall`` or ``scancel``."""

    program: str
    signal: str | None
    """Normalised; ``None`` where it is not known, ``EXIT`` for ``kill -0``, which only asks."""
    targets: tuple[Target, ...]
    signal_span: Span | None = None
    """The word that names the signal; ``None``: none does."""
    fails_in_dash: bool = False
    """Whether dash does not understand it: ``-SIGTERM``, ``-TERM --``, ``-s TERM -$PID``."""

    @property
    def is_probe(self) -> bool:
        """Whether it sends nothing: ``kill -0``."""
        return self.signal == "EXIT"


@dataclass(frozen=True, kw_only=True)
class Option(Step):
    """``set``."""

    settings: tuple[tuple[str, bool], ...]
    """What it switches on or off: ``errexit``, ``monitor``, ``pipefail``, ``nounset`` …"""


@dataclass(frozen=True, kw_only=True)
class Exit(Step):
    """``exit``."""

    status: str | None
    """Its operand as written."""


@dataclass(frozen=True, kw_only=True)
class Requeue(Step):
    """``scontrol requeue``."""


@dataclass(frozen=True, kw_only=True)
class Source(Step):
    """``source file``: what that does is not known."""

    path: str | None


@dataclass(frozen=True, eq=False)
class ShellScript:
    """One piece of shell that a shell process runs: the file, a here-document that is submitted, ``bash -c '…'``."""

    source: MappedText
    steps: tuple[Step, ...]
    """What it does, in order, functions in place of their calls."""
    directives: tuple[Directive, ...] = ()
    runners: tuple[Runner, ...] = ()
    """What runs it; empty for the file itself."""
    shell: str | None = None
    """``bash``, ``sh`` …: from the first line or the command that runs it; ``None``: not known."""
    settings: tuple[tuple[str, bool], ...] = ()
    """The ``set`` options that the first line or the command that runs it switches on: ``bash -eo pipefail``."""

    @cached_property
    def job_signal(self) -> JobSignal | None:
        """What ``#SBATCH --signal`` asks for."""
        return job_signal_of(self.directives)

    @cached_property
    def launches(self) -> tuple[Launch, ...]:
        """The programs it starts."""
        return tuple(step for step in self.steps if isinstance(step, Launch))

    @cached_property
    def watched(self) -> tuple[Launch, ...]:
        """The sweep agents and trainers it starts."""
        return tuple(launch for launch in self.launches if launch.is_watched)

    def may_trap(self, signal: str) -> bool:
        """Whether some trap is, or may be, for a signal."""
        return any(signal in trap.signals or not trap.signals for trap in self.traps)

    @cached_property
    def traps(self) -> tuple[Trap, ...]:
        """The traps it sets."""
        return tuple(step for step in self.steps if isinstance(step, Trap))

    @cached_property
    def ignored_signals(self) -> frozenset[str]:
        """The signals that some trap of it ignores."""
        return frozenset(name for trap in self.traps if trap.action is Action.IGNORE for name in trap.signals)

    @cached_property
    def waits(self) -> tuple[Wait, ...]:
        """Its ``wait``s, without those in traps."""
        return tuple(step for step in self.steps if isinstance(step, Wait))

    @cached_property
    def kills(self) -> tuple[Kill, ...]:
        """Its ``kill``s, without those in traps."""
        return tuple(step for step in self.steps if isinstance(step, Kill))

    @cached_property
    def captures(self) -> tuple[Capture, ...]:
        """Where it keeps pids."""
        return tuple(step for step in self.steps if isinstance(step, Capture))

    def directive(self, name: str, system: str = "SBATCH") -> Directive | None:
        """Return the last directive with this long name."""
        found = [one for one in self.directives if one.name == name and one.system == system]
        return found[-1] if found else None

    def index(self, step: Step) -> int:
        """Return a step's place in the order."""
        return self._places[id(step)]

    @cached_property
    def _places(self) -> dict[int, int]:
        """The place of each step, by its ``id()``; of one that is there twice, the first."""
        return {id(step): place for place, step in reversed(list(enumerate(self.steps)))}

    @cached_property
    def _options(self) -> list[tuple[int, Option]]:
        found = ((place, step) for place, step in enumerate(self.steps) if isinstance(step, Option))
        return [(place, step) for place, step in found if not step.in_subshell]

    def option(self, name: str, at: Step) -> bool:
        """Whether a ``set`` option is on where a step is."""
        value = dict(self.settings).get(name, False)
        end = self.index(at)
        for place, step in self._options:
            if place < end:
                value = dict(step.settings).get(name, value)
        return value

    def launches_of(self, job: Job) -> tuple[Launch, ...]:
        """Return what a background job runs."""
        return tuple(launch for launch in self.launches if launch.job is job)
