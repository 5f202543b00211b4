"""Who gets a signal: the line of processes from a script's shell down to the training, and what each does with it.

SLURM's default process tracking and bash are assumed: a signal to the job's script reaches its shell and nobody else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from wbsignal_lint.diagnostics import Span
from wbsignal_lint.launch.course import Course, Met, courses
from wbsignal_lint.launch.facts import AgentCommand, Forwarding, Runner
from wbsignal_lint.launch.naming import Reach, starts_in_front
from wbsignal_lint.launch.passing import ELSEWHERE, PASSING, Manner, Passing, passing_of
from wbsignal_lint.launch.reaching import kills_of, reaches
from wbsignal_lint.launch.steps import Action, Launch, ShellScript, Trap

__all__ = [
    "Delivery",
    "Fate",
    "Kind",
    "Process",
    "Reception",
    "becomes_last_command",
    "deliver",
    "deliver_to_job",
    "deliver_to_step",
    "job_process",
    "kills_of",
    "line_of",
    "pass_on",
    "reaches",
    "spared_as_first",
    "trap_in_force",
]


class Kind(Enum):
    """What a process is."""

    SHELL = "shell"
    SUBSHELL = "subshell"
    WRAPPER = "wrapper"
    AGENT = "agent"
    TRAINER = "trainer"
    OTHER = "other"
    """Something that runs the training in turn: ``bash -c``, a script in a file."""


class Fate(Enum):
    """What a process does with a signal."""

    GETS = "gets it"
    FORWARDS = "passes it on"
    RUNS_TRAP = "runs its trap"
    DEFERS = "runs its trap only after the command in the foreground has ended"
    DIES = "is ended by it"
    KILLS = "kills what it runs"
    IGNORES = "ignores it"
    SPARED = "is spared it, as process 1"
    UNTOLD = "is not told"
    GONE = "has left before it comes"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Process:
    """One process between the script and the training."""

    kind: Kind
    name: str
    span: Span
    passing: Passing | None = None
    agent: AgentCommand | None = None
    ignores_interrupt: bool | None = False
    """Started with ``&`` by a shell without job control: SIGINT is ignored from the start. ``None``: not known."""
    ignored: frozenset[str] = frozenset()
    """Signals that it ignores unless it has a handler for them: SIGHUP below ``nohup``, and those of ``trap ''``."""


@dataclass(frozen=True)
class Reception:
    """What becomes of the signal at one process."""

    process: Process
    signal: str | None
    """What it gets; ``None``: nothing."""
    fate: Fate


@dataclass(frozen=True)
class Delivery:
    """What becomes of one signal on its way."""

    signal: str
    receptions: tuple[Reception, ...]
    """In the order of the line, from the outside in."""
    trap: Trap | None = None
    """The trap that the shell runs."""
    is_awaited: bool | None = None
    """Whether the shell is still there when the training ends; ``None``: not known, or no shell is left to wait."""

    @property
    def told(self) -> str | None:
        """The signal that reaches the end of the line: the training, or the agent where the training is not known."""
        last = self.receptions[-1]
        return last.signal if last.fate in (Fate.GETS, Fate.FORWARDS) else None

    @property
    def is_certain(self) -> bool:
        """Whether everything on the way is known."""
        return all(reception.fate is not Fate.UNKNOWN for reception in self.receptions)

    @property
    def agent_goes_on(self) -> bool:
        """Whether a sweep agent outlives the signal and starts its next run."""
        return any(
            one.process.agent is not None and one.fate is Fate.FORWARDS and not ends_agent(one.process, one.signal)
            for one in self.receptions
        )

    def fate_of(self, kind: Kind) -> Fate | None:
        """Return what the first process of a kind does with the signal."""
        return next((one.fate for one in self.receptions if one.process.kind is kind), None)


def ends_agent(process: Process, signal: str | None) -> bool:
    """Whether a forwarding agent ends after the run that it has passed a signal on to (from wandb 0.28.0 on)."""
    if process.agent is None or ("--count", "1") in process.agent.options:
        return True
    return signal in ("TERM", "HUP", "QUIT") or (signal == "INT" and not process.ignores_interrupt)


_MAY_BE_DASH = ("sh", "dash", "ash")
_PREEMPTION_SIGNALS = frozenset({"TERM", "USR1", "USR2", "HUP", "QUIT"})


def line_of(script: ShellScript, launch: Launch) -> tuple[Process, ...] | None:
    """Return the processes from the script's shell down to what it launches.

    Returns:
        ``None`` where the launch is elsewhere: on another machine, in another terminal, in a job of its own.
    """
    names = [runner.name for runner in launch.command.runners]
    if any(name in ELSEWHERE for name in names):
        return None
    line: list[Process] = []
    if not launch.is_exec or launch.in_subshell or launch.job is not None:
        line.append(Process(Kind.SHELL, script.shell or "shell", script.source.span))
    in_background: bool | None = launch.job is not None and not script.option("monitor", launch)
    # `exec … &` takes the place of what `&` has started, not of the subshell around it.
    is_within = launch.job is not None and launch.job.outer is not None
    if (is_within or not launch.is_exec) and _has_shell_of_its_own(script, launch):
        span = launch.span if launch.job is None else launch.job.span
        is_plain = launch.job is not None and launch.job.form in ("group", "subshell")
        passing = None if is_plain and not _may_be_more(script, launch) else Passing(Manner.UNKNOWN)
        line.append(Process(Kind.SUBSHELL, script.shell or "shell", span, passing, ignores_interrupt=in_background))
    if in_background and launch.job is not None and launch.job.form in ("group", "subshell"):
        # What a list, group or subshell runs ignores SIGINT in dash; bash takes it back. Measured with both.
        in_background = {"dash": True, "ash": True, "bash": False}.get(script.shell or "")
    elif in_background and launch.is_exec:
        in_background = None if script.shell in _MAY_BE_DASH else False  # bash takes it back for `exec … &`
    ignoring = _ignoring(script, launch, "INT")
    if ignoring is not None:
        in_background = None if ignoring.is_conditional else True
    for runner in launch.command.runners:
        if runner.name.startswith("python"):
            continue  # `python -m wandb agent` is one process
        passing = PASSING.get(runner.name, Passing(Manner.UNKNOWN))
        if runner is launch.command.runners[0] and _may_be_keyword(runner) and not launch.is_exec:
            if script.shell not in _MAY_BE_DASH and launch.job is None:
                continue  # in the background a shell of its own does the timing
            passing = Passing(Manner.UNKNOWN) if script.shell == "sh" else passing
        if runner.name == "setsid" and line and not script.option("monitor", launch):
            continue  # it forks only as the leader of a process group, as whom no script starts anything by itself
        if passing.manner is not Manner.REPLACED:
            line.append(Process(Kind.WRAPPER, runner.name, runner.span, passing, ignores_interrupt=in_background))
            # What it catches is no longer ignored by what it starts.
            in_background = in_background and "INT" not in passing.forwards
    if launch.agent is not None:
        line.append(Process(Kind.AGENT, "wandb agent", launch.agent.span, None, launch.agent, in_background))
    elif launch.trainer is not None:
        for starter in launch.trainer.launchers:
            passing = passing_of(starter, launch.command.text) or Passing(Manner.UNKNOWN)
            line.append(Process(Kind.WRAPPER, starter, launch.span, passing, ignores_interrupt=in_background))
            in_background = in_background and "INT" not in passing.forwards
        name = launch.trainer.script or "python"
        line.append(Process(Kind.TRAINER, name, launch.trainer.span, ignores_interrupt=in_background))
    else:
        line.append(Process(Kind.OTHER, launch.program or "?", launch.span, ignores_interrupt=in_background))
    may_be_ignored = _PREEMPTION_SIGNALS & script.ignored_signals
    ignored = frozenset(name for name in may_be_ignored if _ignoring(script, launch, name) is not None)
    hung_up = names.index("nohup") if "nohup" in names else len(names)
    outside = {runner.span for runner in launch.command.runners[:hung_up]}
    below = ignored if hung_up == len(names) else ignored | {"HUP"}
    return tuple(
        one if one.kind is Kind.SHELL else replace(one, ignored=ignored if _is_outside(one, outside) else below)
        for one in line
    )


def _is_outside(process: Process, outside: set[Span]) -> bool:
    """Whether a process runs ``nohup``, and not the other way round."""
    return process.kind is Kind.SUBSHELL or process.span in outside


def _ignoring(script: ShellScript, launch: Launch, signal: str) -> Trap | None:
    """Return the trap by which the shell ignores a signal when it starts something, which inherits that."""
    if signal not in script.ignored_signals:
        return None  # most scripts ignore none, and there may be thousands of traps and launches
    found: Trap | None = None
    for trap in script.traps:
        if script.index(trap) > script.index(launch):
            break
        if signal in trap.signals and (not trap.in_subshell or trap.job is launch.job):
            found = trap
    return found if found is not None and found.action is Action.IGNORE else None


def _may_be_keyword(runner: Runner) -> bool:
    """Whether it is ``time`` as bash has it, which is no process; ``/usr/bin/time`` and dash's ``time`` are."""
    return runner.name == "time" and runner.span.end - runner.span.start == len("time")


def _has_shell_of_its_own(script: ShellScript, launch: Launch) -> bool:
    """Whether a shell process stands between the script's shell and the launched program."""
    if launch.job is not None and (launch.job.outer is not None or starts_in_front(launch)):
        return True
    if launch.job is not None and launch.is_run_by("eval"):
        return True
    if launch.job is not None and launch.job.form != "pipeline":
        return launch.job.form == "group" or (launch.job.form == "subshell" and not ends_subshell(script, launch))
    return False


def _may_be_more(script: ShellScript, launch: Launch) -> bool:
    """Whether a background job's shell has traps of its own, or, being dash, may become its last command."""
    mates = [step for step in script.steps if step.job is not None and step.job is launch.job]
    if any(isinstance(step, Trap) and step.in_subshell for step in script.steps):
        return True
    return script.shell in _MAY_BE_DASH and mates[-1:] == [launch]


def ends_subshell(script: ShellScript, launch: Launch) -> bool:
    """Whether it is the last simple command of its ``( … ) &``: bash then becomes that command.

    Not if it has redirections of its own, unless it is the only command, and not in a subshell that sets traps.
    """
    if launch.job is None or launch.stages > 1 or launch.or_else is not None or launch.in_loop:
        return False
    mates = [step for step in script.steps if step.job is launch.job]
    if not mates or mates[-1] is not launch or launch.is_run_by("time"):
        return False
    if any(block.chain is not None for block in launch.blocks) or any(isinstance(step, Trap) for step in mates):
        return False
    return launch.job.is_single or not launch.redirects


def becomes_last_command(script: ShellScript, launch: Launch) -> bool:
    """Whether the shell that reads ``-c '…'`` becomes a command instead of starting it.

    bash, zsh and ksh do so with a last simple command; dash does not. Measured with bash 5.2 and dash 0.5.12: not with
    one that has redirections, or stands in a branch, loop, function, group, subshell or pipeline.
    """
    return (
        script.shell in ("bash", "zsh", "ksh")
        and launch.is_last
        and launch.job is None
        and launch.stages == 1
        and not launch.redirects
        and launch.or_else is None
        and not launch.in_condition
        and not script.traps
        and all(block.kind == "script" or (block.kind == "branch" and block.chain is None) for block in launch.blocks)
    )


def job_process(script: ShellScript, launch: Launch) -> int | None:
    """Return which process of a background launch's line ``$!`` stands for; ``None``: none of them."""
    line = line_of(script, launch)
    if line is None or launch.job is None:
        return None
    if launch.job.form == "pipeline" and launch.stage + 1 < launch.stages:
        return None
    return 1 if len(line) > 1 and line[0].kind is Kind.SHELL else 0


def trap_in_force(script: ShellScript, launch: Launch, signal: str) -> Trap | None:
    """Return the trap for a signal that the script's shell has while it waits for a launch.

    For a background launch that is the one set before the script waits, wherever that is.
    """
    found: Trap | None = None
    at = script.index(launch)
    waits = [script.index(step) for step in script.waits if script.index(step) > at]
    limit = at if launch.is_foreground else (waits[0] if waits else len(script.steps))
    for step in script.steps[:limit]:
        if isinstance(step, Trap) and signal in step.signals and not step.in_subshell:
            found = step
    return found


def deliver(script: ShellScript, launch: Launch, signal: str) -> Delivery | None:
    """Send a signal to the process that runs a script, while it has a launch running.

    Args:
        script: the script.
        launch: one of its launches of an agent or trainer.
        signal: a name such as ``USR1``.

    Returns:
        What becomes of it at each process, or ``None`` where the launch is elsewhere.
    """
    line = line_of(script, launch)
    if line is None:
        return None
    if line[0].kind is not Kind.SHELL:
        return Delivery(signal, tuple(pass_on(line, 0, signal)))
    ways = courses(script, launch, signal)
    if ways is None:
        return Delivery(signal, tuple(Reception(one, None, Fate.UNKNOWN) for one in line))
    return _in_common(line, [_delivery(script, launch, signal, line, way) for way in ways])


_FATES = {
    Met.DIES: Fate.DIES,
    Met.IGNORES: Fate.IGNORES,
    Met.DEFERS: Fate.DEFERS,
    Met.RUNS_TRAP: Fate.RUNS_TRAP,
    Met.GONE: Fate.GONE,
}


def _delivery(script: ShellScript, launch: Launch, signal: str, line: tuple[Process, ...], course: Course) -> Delivery:
    """Follow what the shell does in one way that it can go, down the line."""
    head = Reception(line[0], None if course.met is Met.GONE else signal, _FATES[course.met])
    below = _untold(line[1:])
    is_ended = False  # what the shell waits for may be ended by the trap, and the training below it go on
    for index, sent in enumerate(course.sent):
        is_direct = sent.reach in (Reach.ALL, Reach.UNKNOWN)
        if is_ended and not is_direct:
            continue
        if sent.signal is None or sent.reach is Reach.UNKNOWN or (is_direct and line[-1].kind is Kind.OTHER):
            below = [Reception(one, None, Fate.UNKNOWN) for one in line[1:]]
            break
        start = {Reach.CHILD: 1, Reach.ALL: len(line) - 1}.get(sent.reach, job_process(script, launch))
        if start is None:
            is_ended = True
            continue
        below = pass_on(line, start, sent.signal)
        between = [_fate(one, sent.signal) for one in line[1:start]] if sent.reach is Reach.ALL else []
        ends = (Fate.DIES, Fate.KILLS)
        is_ended = is_ended or any(fate in ends for fate in (*between, *(one.fate for one in below)))
        if below[-1].signal is not None and below[-1].fate is Fate.GETS:
            if any(later.signal != sent.signal for later in course.sent[index + 1 :]):
                # SIGKILL close behind leaves it no time, and of two signals the kernel may deliver the later first.
                below = [Reception(one, None, Fate.UNKNOWN) for one in line[1:]]
            break
        if below[-1].fate in (Fate.FORWARDS, Fate.UNKNOWN) or below[-1].signal == "KILL":
            break
    return Delivery(signal, (head, *below), course.trap, None if is_ended and course.stays else course.stays)


def _in_common(line: tuple[Process, ...], ways: list[Delivery]) -> Delivery:
    """Return what holds whichever way it goes."""
    first = ways[0]
    awaited = first.is_awaited if all(one.is_awaited is first.is_awaited for one in ways) else None
    if all(one.receptions == first.receptions and one.trap is first.trap for one in ways):
        return replace(first, is_awaited=awaited)
    head = first.receptions[0]
    if all(one.receptions[0] == head and one.trap is first.trap for one in ways):
        unknown = tuple(Reception(one, None, Fate.UNKNOWN) for one in line[1:])
        return Delivery(first.signal, (head, *unknown), first.trap, awaited)
    below = first.receptions[1:]
    if all(one.receptions[1:] == below for one in ways):  # whatever the shell does: its trap for EXIT, or none
        return Delivery(first.signal, (Reception(line[0], None, Fate.UNKNOWN), *below))
    return Delivery(first.signal, tuple(Reception(one, None, Fate.UNKNOWN) for one in line))


def deliver_to_job(script: ShellScript, launch: Launch, signal: str) -> Delivery | None:
    """Send a signal to the pid that ``$!`` has for a background launch, as ``kill "$PID"`` does.

    Returns:
        ``None`` where that pid is no process on the way to the training: ``tee``'s, say.
    """
    line = line_of(script, launch)
    start = job_process(script, launch)
    if line is None or start is None:
        return None
    return Delivery(signal, tuple(pass_on(line, start, signal)))


def deliver_to_step(script: ShellScript, launch: Launch, signal: str) -> Delivery | None:
    """Send a signal to the task of ``srun``, as SLURM does for ``--signal`` without ``B:``.

    Returns:
        ``None`` for what ``srun`` does not start.
    """
    line = line_of(script, launch) or ()
    tasks = [index for index, process in enumerate(line) if process.kind is Kind.WRAPPER and process.name == "srun"]
    if not tasks or tasks[-1] + 1 >= len(line):
        return None
    return Delivery(signal, tuple(pass_on(line, tasks[-1] + 1, signal)))


def spared_as_first(delivery: Delivery) -> Delivery:
    """Return what becomes of a signal if the first process that gets it is process 1 of a container.

    The kernel drops a signal that process 1 has no handler for. (bash has one for its trap for ``EXIT``.) Measured with
    bash 5.2 and dash 0.5.12.
    """
    head, *rest = delivery.receptions
    if head.fate is not Fate.DIES or head.signal == "KILL" or head.process.kind is Kind.OTHER:
        return delivery
    return replace(delivery, receptions=(replace(head, fate=Fate.SPARED), *_untold(tuple(one.process for one in rest))))


def pass_on(line: tuple[Process, ...], start: int, signal: str) -> list[Reception]:
    """Follow a signal that the process ``line[start]`` gets, down the line."""
    receptions: list[Reception] = []
    current: str | None = signal
    for index in range(start, len(line)):
        process = line[index]
        fate = _fate(process, current)
        receptions.append(Reception(process, current, fate))
        if fate is Fate.UNKNOWN:
            return receptions + [Reception(one, None, Fate.UNKNOWN) for one in line[index + 1 :]]
        if fate is Fate.KILLS:
            current = "KILL"
            return receptions + [Reception(one, "KILL", Fate.DIES) for one in line[index + 1 :]]
        if fate is not Fate.FORWARDS:
            return receptions + _untold(line[index + 1 :])
    return receptions


def _fate(process: Process, signal: str | None) -> Fate:
    if signal is None:
        return Fate.UNTOLD
    if signal == "KILL":
        return Fate.DIES
    if signal in process.ignored:
        return Fate.UNKNOWN  # what has no handler for it ignores it
    if process.kind is Kind.TRAINER:
        return _fate_of_interrupt(process, Fate.GETS) if signal == "INT" else Fate.GETS
    if process.agent is not None:
        if process.agent.forwarding is Forwarding.UNKNOWN:
            return Fate.UNKNOWN
        if process.agent.forwarding is Forwarding.YES:
            return Fate.FORWARDS
        return Fate.IGNORES if signal == "INT" else Fate.DIES
    if process.passing is not None:
        if process.passing.manner is Manner.UNKNOWN:
            return Fate.UNKNOWN
        if signal in process.passing.forwards:
            return Fate.FORWARDS
        if signal in process.passing.kills:
            return Fate.KILLS
        return Fate.IGNORES if signal in process.passing.swallows else Fate.DIES
    return _fate_of_interrupt(process, Fate.DIES) if signal == "INT" else Fate.DIES


def _fate_of_interrupt(process: Process, otherwise: Fate) -> Fate:
    if process.ignores_interrupt is None:
        return Fate.UNKNOWN
    return Fate.IGNORES if process.ignores_interrupt else otherwise


def _untold(processes: tuple[Process, ...]) -> list[Reception]:
    return [Reception(process, None, Fate.UNTOLD) for process in processes]
