"""What a shell does when a signal comes while it has something running: step by step, until it waits or leaves.

A trap runs in the middle of a script. What it finds there, whom it signals, and whether the script is still there when
the training has ended, is decided by all that stands before and behind it. Where that depends on something that the
script does not tell, both ways are followed; what they have in common is known.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from wbsignal_lint.launch.conditions import holds, tail_waits_for
from wbsignal_lint.launch.naming import Naming, Reach, Sent, starts_in_front
from wbsignal_lint.launch.shell_text import Block
from wbsignal_lint.launch.steps import (
    Action,
    Capture,
    Exit,
    Kill,
    Launch,
    Option,
    Requeue,
    ShellScript,
    Source,
    Step,
    TargetKind,
    Trap,
    Wait,
)

__all__ = ["Course", "Met", "courses"]

_MAX_FORKS = 200
"""How often both ways are followed for one signal."""
_MAX_LENGTH = 3_000
"""Steps that are taken for one signal."""

_SHELLS = {"sh": ("bash", "dash"), "dash": ("dash",), "ash": ("dash",)}
"""Which shell it can be, by the name that runs the script; any other is taken for bash."""
_NAPS = frozenset({"sleep", "usleep"})
_INSTANT = (
    ": [ [[ test true false echo printf cd pwd date export unset local declare typeset readonly shift let read mkdir "
    "rm rmdir touch mv cp ln cat ls hostname umask ulimit shopt hash type module nvidia-smi jobs disown return break "
    "continue kill ps grep basename dirname df free whoami id uname"
)
_AT_ONCE = frozenset(_INSTANT.split())
"""Programs that take no time to speak of."""


class Met(Enum):
    """What a signal does to a shell."""

    DIES = "dies"
    IGNORES = "ignores"
    DEFERS = "defers"
    """It runs the trap when the command in the foreground has ended."""
    RUNS_TRAP = "runs its trap"
    GONE = "gone"
    """It had left before anything could be sent."""


@dataclass(frozen=True)
class Course:
    """One way it can go."""

    met: Met
    trap: Trap | None = None
    sent: tuple[Sent, ...] = ()
    """What the trap sends to the launch, in order."""
    stays: bool | None = None
    """Whether the shell is still there when the launch has ended."""


class _Phase(Enum):
    BEFORE = "before"
    """The launch is yet to be started."""
    UNTIL = "until"
    """It runs in the background; the shell has not yet come to where it waits."""
    AFTER = "after"
    """The signal has come."""


class _TooMany(Exception):
    """There are more ways than can be followed."""


@dataclass(frozen=True)
class _State:
    phase: _Phase = _Phase.BEFORE
    traps: Mapping[str, Trap] = field(default_factory=dict)
    options: Mapping[str, bool] = field(default_factory=dict)
    taken: Mapping[Block, bool] = field(default_factory=dict)
    """Which branches are taken, as far as that has been decided."""
    met: Met = Met.GONE
    trap: Trap | None = None
    sent: tuple[Sent, ...] = ()
    takes_time: bool = False
    """Whether the shell has spent time after the signal, nobody knows how much."""
    trains_again: bool = False
    """Whether another training has run since: what is sent behind it comes much later than the signal."""
    interrupted: Step | None = None
    """The ``wait`` or ``sleep`` in which the signal came."""
    at_exit: bool = False
    """Whether the trap for EXIT has been run."""
    kept: frozenset[str] = frozenset()
    """The variables that the shell has put a pid into."""


_Then = Callable[[_State], Iterator[Course]]
_Taking = Generator[Course, None, "tuple[bool, _State]"]
"""Yields how it goes where that is clear; returns whether it always is, and else the state to go on with."""


def courses(script: ShellScript, launch: Launch, signal: str) -> list[Course] | None:
    """Follow a signal that the shell of a script gets while a launch runs.

    Returns:
        The ways it can go; ``None`` if that is not known.
    """
    found: dict[Course, None] = {}
    shells = _SHELLS.get(script.shell or "sh", ("bash",))
    try:
        for shell in shells:
            for course in _Player(script, launch, signal, shell).play():
                found[course] = None
    except _TooMany:
        return None
    return list(found) or None


class _Player:
    def __init__(self, script: ShellScript, launch: Launch, signal: str, shell: str) -> None:
        self.script = script
        self.shell = shell
        self.launch = launch
        self.signal = signal
        self.naming = Naming(script, launch, shell)
        self.in_front = starts_in_front(launch)
        self.forks = 0
        self.length = 0

    def play(self) -> Iterator[Course]:
        taken: dict[Block, bool] = {}
        for block in self.launch.blocks:
            if block.kind == "branch":
                taken[block] = True
        state = _State(options=dict(self.script.settings), taken=taken)
        yield from self._walk(self.script.steps, 0, state, self._leave)

    # Going on

    def _walk(self, steps: Sequence[Step], index: int, state: _State, then: _Then) -> Iterator[Course]:
        while index < len(steps):
            self.length += 1
            if self.length > _MAX_LENGTH:
                raise _TooMany
            step = steps[index]
            if step is self.launch and state.phase is _Phase.BEFORE:
                if self.in_front:
                    yield from self._hit(index, state, None)
                    return
                state = replace(state, phase=_Phase.UNTIL)
                index += 1
                continue
            if not self._is_here(step):
                index += 1
                continue
            state, runs, block = self._runs(step, state)
            if block is not None:
                self._fork()
                for choice in (True, False):
                    chosen = replace(state, taken={**state.taken, block: choice})
                    yield from self._walk(steps, index, chosen, then)
                return
            if runs:
                if isinstance(step, Launch) and step.program == "break":
                    index = self._behind_loop(steps, index)
                    state = replace(state, interrupted=None)
                    continue
                ended, state = yield from self._take(steps, index, step, state, then)
                if ended:
                    return
            if self._ends_round(steps, index, state):
                comes_again = self._comes_again(state)
                if comes_again is not False:
                    yield self._course(state, stays=True)
                    if comes_again:
                        return
                    self._fork()
                state = replace(state, interrupted=None)
            index += 1
        yield from then(state)

    def _fork(self) -> None:
        self.forks += 1
        if self.forks > _MAX_FORKS:
            raise _TooMany

    def _is_here(self, step: Step) -> bool:
        """Whether it is the shell itself that takes a step, or waits for it."""
        return step.job is None and not step.in_substitution

    def _runs(self, step: Step, state: _State) -> tuple[_State, bool, Block | None]:
        """Tell whether a step is taken, or else which block decides about it."""
        for block in reversed(step.blocks):
            if block.kind != "branch":
                continue
            if block not in state.taken:
                mates = [one for one in state.taken if one.chain is block.chain] if block.chain is not None else []
                known: bool | None
                if any(state.taken[one] for one in mates):
                    known = False
                elif block.condition is None:
                    is_rest = block.chain is not None and len(mates) == block.chain.branches - 1
                    known = True if is_rest and block.chain is not None and block.chain.is_exhaustive else None
                else:
                    known = self._holds(block, state)
                    if known is not None and block.on_failure:
                        known = not known
                if known is None:
                    return state, False, block
                state = replace(state, taken={**state.taken, block: known})
            if not state.taken[block]:
                return state, False, None
        return state, True, None

    def _take(self, steps: Sequence[Step], index: int, step: Step, state: _State, then: _Then) -> _Taking:
        in_subshell = any(block.kind in ("subshell", "stage") for block in step.blocks)
        if isinstance(step, Trap) and not in_subshell:
            return False, self._with_trap(step, state)
        if isinstance(step, Option) and not in_subshell:
            return False, replace(state, options={**state.options, **dict(step.settings)})
        if isinstance(step, Capture) and not in_subshell:
            return False, replace(state, kept=state.kept | {step.name})
        if isinstance(step, (Kill, Wait)) and state.options.get("nounset", False) and self._may_be_unset(step, state):
            raise _TooMany  # by `set -u` it ends the script, unless the environment gives it a value
        if isinstance(step, Exit) and not in_subshell:
            if state.phase is not _Phase.BEFORE:
                yield from self._leave(state)
            return True, state
        if isinstance(step, (Launch, Source, Requeue)):
            return (yield from self._take_time(index, step, state))
        if isinstance(step, Wait) and not in_subshell:
            return (yield from self._take_wait(index, step, state))
        if isinstance(step, Kill):
            return (yield from self._take_kill(steps, index, step, state, then))
        return False, state

    @staticmethod
    def _may_be_unset(step: Kill | Wait, state: _State) -> bool:
        return any(
            target.kind is TargetKind.VARIABLE and not target.is_unset and target.name not in state.kept
            for target in step.targets
        )

    def _with_trap(self, step: Trap, state: _State) -> _State:
        traps = dict(state.traps)
        for name in step.signals:
            if self.shell == "dash" and name in step.prefixed:
                continue
            traps.pop(name, None)
            if step.action is not Action.RESET:
                traps[name] = step
        return replace(state, traps=traps)

    def _take_time(self, index: int, step: Launch | Source | Requeue, state: _State) -> _Taking:
        """Pass over a command, or stay in it."""
        if state.phase is _Phase.BEFORE:
            is_over = isinstance(step, Launch) and step.is_exec and not step.in_subshell
            return is_over, state
        if isinstance(step, Launch) and step.program in _AT_ONCE and not step.is_watched:
            return False, state
        if (
            isinstance(step, Launch)
            and step.program == "tail"
            and (until := tail_waits_for(" ".join(word.literal.text for word in step.command.words), self.naming))
            is not None
        ):
            if until is False or any(trap.early for trap in state.traps.values()):
                raise _TooMany
            if state.phase is _Phase.AFTER:
                yield self._course(state, stays=True)
            else:
                yield from self._hit(index, state, None)
            return True, state
        if state.phase is _Phase.AFTER:
            trains = isinstance(step, Launch) and step.is_watched
            return False, replace(state, takes_time=True, trains_again=state.trains_again or trains)
        if not isinstance(step, Launch):
            return False, state
        if step.program in _NAPS:
            if not any(block.kind == "loop" and block not in self.launch.blocks for block in step.blocks):
                return False, state  # it is over before long
            yield from self._hit(index, state, step)
            return True, state
        if step.is_watched or step.inner is not None or step.program == "tail":
            yield from self._hit(index, state, None)
            return True, state
        raise _TooMany  # a program of which nothing is known

    def _take_wait(self, index: int, step: Wait, state: _State) -> _Taking:
        if state.phase is _Phase.BEFORE:
            return False, state
        blocks = self._blocks(step)
        if state.phase is _Phase.UNTIL:
            if blocks is None:
                raise _TooMany
            if blocks:
                yield from self._hit(index, state, step)
            return blocks, state
        if blocks and self._covers(step):
            at_exit = state.traps.get("EXIT")
            if state.sent and self.launch.in_subshell and at_exit is not None and any(at_exit.each(Kill)):
                raise _TooMany  # the subshell that is waited for may be gone, and the training is told in the end
            yield self._course(state, stays=True)
            return True, state
        return False, replace(state, takes_time=state.takes_time or blocks is not False)

    def _blocks(self, step: Wait) -> bool | None:
        """Whether a ``wait`` finds something to wait for."""
        if any(self.naming.may_be_gone(target) for target in step.targets):
            return None
        if self._covers(step):
            others = [one for one in self.script.launches if one.job is not None and one.job is not self.launch.job]
            return None if step.any_one and not all(one.is_watched for one in others) else True
        if any(self.naming.is_list(target) for target in step.targets):
            return None
        jobs = [job for target in step.targets for job in target.jobs]
        if not jobs or any(not target.jobs for target in step.targets):
            return None
        programs = [one for one in self.script.launches if one.job in jobs]
        if any(one.is_watched for one in programs):
            return True
        return False if programs and all(one.program in _AT_ONCE for one in programs) else None

    def _covers(self, step: Wait) -> bool:
        if not step.targets:
            return not self.in_front
        return any(
            self.naming.is_named(target) is True for target in step.targets if target.kind is not TargetKind.UNKNOWN
        )

    def _take_kill(self, steps: Sequence[Step], index: int, step: Kill, state: _State, then: _Then) -> _Taking:
        if state.phase is _Phase.BEFORE:
            return False, state
        if step.is_probe:
            if state.phase is _Phase.AFTER and any(self.naming.may_be_gone(target) for target in step.targets):
                raise _TooMany
            asks = any(self.naming.is_named(target) is True for target in step.targets)
            if state.phase is _Phase.AFTER and asks and step.in_loop and step.in_condition:
                yield self._course(state, stays=True)
                return True, state
            return False, state
        monitor = state.options.get("monitor", False)
        fails: bool | None = self.shell == "dash" and step.fails_in_dash
        for target in () if fails else step.targets:
            if target.kind is TargetKind.ALL_JOBS and self._is_listed_early(state):
                raise _TooMany
            if target.kind in (TargetKind.SELF, TargetKind.GROUP):
                if state.phase is not _Phase.AFTER or state.trains_again or step.signal is None:
                    raise _TooMany
                if target.kind is TargetKind.GROUP:
                    state = replace(
                        state, sent=(*state.sent, Sent(step.signal, self.naming.reach_in_group(monitor=monitor)))
                    )
                return (yield from self._signal_itself(steps, index, step, state, then))
            reach = self.naming.reach_of(target, monitor=monitor)
            if reach is None:
                fails = fails or self.naming.is_nobody(target, monitor=monitor)
                continue
            if state.phase is not _Phase.AFTER or state.trains_again:
                raise _TooMany
            fails = None if reach is Reach.UNKNOWN else fails
            state = replace(state, sent=(*state.sent, Sent(step.signal, reach)))
        if fails is not False and state.options.get("errexit", False) and not self._is_excused(step):
            yield from self._leave(state)
            return fails is True, state
        return False, state

    def _is_listed_early(self, state: _State) -> bool:
        """Whether a trap has ``$(jobs -p)`` expanded when it is set: each pid but the first is on a line of its own."""
        jobs = {one.job for one in self.script.steps if one.job is not None}
        return state.trap is not None and len(jobs) > 1 and any(not early.name for early in state.trap.early)

    def _signal_itself(self, steps: Sequence[Step], index: int, step: Kill, state: _State, then: _Then) -> _Taking:
        signal = step.signal or ""
        trap = state.traps.get(signal)
        if signal == "INT" and trap is None:
            raise _TooMany  # what becomes of a shell that interrupts itself depends on where it is
        if signal == "KILL" or trap is None:
            yield from self._leave(replace(state, at_exit=state.at_exit or signal == "KILL"), by_signal=True)
            return True, state
        if trap.action is Action.IGNORE:
            return False, state
        if trap is not state.trap and any(True for _ in trap.each(Kill)):
            state = replace(state, sent=(*state.sent, Sent(None, Reach.UNKNOWN)))
        yield self._course(state, stays=None)  # its trap runs within this one, or once more, and once more
        return True, state

    # The signal

    def _hit(self, index: int, state: _State, held: Step | None) -> Iterator[Course]:
        """Let the signal come while the shell is in a ``wait`` or a ``sleep``, or (``None``) in a long command."""
        trap = state.traps.get(self.signal)
        state = replace(state, phase=_Phase.AFTER)
        if trap is None:
            yield from self._hit_untrapped(state, held)
        elif trap.action is Action.IGNORE:
            covers = held is None or (isinstance(held, Wait) and self._covers(held)) or held.in_loop
            yield Course(Met.IGNORES, stays=True if covers else None)
        elif trap.body is None:
            raise _TooMany
        elif held is None:
            yield Course(Met.DEFERS, trap, stays=True)
        else:
            yield from self._run(trap, index, replace(state, met=Met.RUNS_TRAP, trap=trap), held)

    def _hit_untrapped(self, state: _State, held: Step | None) -> Iterator[Course]:
        if self.signal == "INT" and not isinstance(held, Wait) and not state.options.get("monitor", False):
            # The shell waits for the command, and goes on unless that was ended by SIGINT, too.
            yield Course(Met.IGNORES, stays=True if held is None else None)
            return
        if "EXIT" in state.traps and any(
            trap.action is Action.RESET and self.signal in trap.signals for trap in self.script.traps
        ):
            raise _TooMany  # bash runs the trap for EXIT then, but not for a signal that was trapped before
        yield from self._leave(
            replace(state, met=Met.DIES, at_exit=state.at_exit or self.signal == "KILL"), by_signal=True
        )

    def _run(self, trap: Trap, index: int, state: _State, held: Step) -> Iterator[Course]:
        def resume(after: _State) -> Iterator[Course]:
            after = replace(after, interrupted=held)
            if isinstance(held, Wait) and after.options.get("errexit", False) and not self._is_excused(held):
                yield from self._leave(after)
                return
            if self._ends_round(self.script.steps, index, after):
                comes_again = self._comes_again(after)
                if comes_again is not False:
                    yield self._course(after, stays=True)
                    if comes_again:
                        return
                after = replace(after, interrupted=None)
            yield from self._walk(self.script.steps, index + 1, after, self._leave)

        yield from self._walk(trap.steps, 0, state, resume)

    def _is_excused(self, step: Step) -> bool:
        """Whether ``set -e`` lets a step fail."""
        return step.in_condition or any(
            block.condition is not None and block.condition.span.start <= step.span.start < block.condition.span.end
            for other in self.script.steps
            for block in other.blocks
        )

    def _leave(self, state: _State, *, by_signal: bool = False) -> Iterator[Course]:
        """End the shell, its trap for EXIT first."""
        if state.phase is _Phase.BEFORE:
            return
        trap = state.traps.get("EXIT")
        if trap is None or trap.action is not Action.RUN or state.at_exit:
            yield self._course(state, stays=None if state.takes_time else False)
            return
        if by_signal and self.shell == "dash":
            yield self._course(state, stays=None if state.takes_time else False)  # it runs no trap then
            return
        if trap.body is None:
            raise _TooMany
        phase = state.phase
        if phase is _Phase.UNTIL and (any(trap.each(Wait)) or any(trap.each(Kill))):
            raise _TooMany  # the signal may come while this trap waits, and what it sends before there is a handler
        after = replace(state, at_exit=True, phase=_Phase.AFTER)
        if phase is _Phase.AFTER and state.met is Met.DIES:
            after = replace(after, met=Met.RUNS_TRAP, trap=trap)
        elif phase is _Phase.UNTIL:
            after = replace(after, met=Met.RUNS_TRAP, trap=trap)  # not by the signal, but it runs

        yield from self._walk(trap.steps, 0, after, self._leave)

    def _course(self, state: _State, *, stays: bool | None) -> Course:
        trap = state.traps.get(self.signal) if state.met is Met.GONE else state.trap
        return Course(state.met, trap, state.sent, stays)

    # Loops and conditions

    def _ends_round(self, steps: Sequence[Step], index: int, state: _State) -> bool:
        """Whether the loop that the interrupted step stands in ends its round behind a step."""
        if state.interrupted is None or steps is not self.script.steps:
            return False
        loop = self._loop_of(state.interrupted)
        if loop is None or loop not in steps[index].blocks:
            return False
        return index + 1 >= len(steps) or loop not in steps[index + 1].blocks

    def _behind_loop(self, steps: Sequence[Step], index: int) -> int:
        loop = self._loop_of(steps[index])
        while index < len(steps) and (loop is None or loop in steps[index].blocks):
            index += 1
            if loop is None:
                break
        return index

    @staticmethod
    def _loop_of(step: Step) -> Block | None:
        return next((block for block in step.blocks if block.kind == "loop"), None)

    def _comes_again(self, state: _State) -> bool | None:
        """Whether the loop has another round, and waits in that."""
        held = state.interrupted
        loop = None if held is None else self._loop_of(held)
        if held is None or loop is None:
            return False
        if loop.name is not None:  # for
            targets = held.targets if isinstance(held, Wait) else ()
            if not any(target.name == loop.name for target in targets):
                return True
            jobs = {job for target in targets for job in target.jobs}
            # The next round waits for another one's pid.
            return False if len(jobs) == 1 or self.launch.in_loop else None
        if loop.condition is None:
            return None
        known = self._holds(loop, state)
        return None if known is None else known is not loop.on_failure

    def _holds(self, block: Block, state: _State) -> bool | None:
        return holds(block, self.naming, state.interrupted, is_started=state.phase is not _Phase.BEFORE)
