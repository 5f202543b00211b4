"""Shell commands and assignments → the steps of the script, in the order in which it takes them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from wbsignal_lint.diagnostics import Span
from wbsignal_lint.launch.facts import AgentCommand, Command, Word
from wbsignal_lint.launch.mapped import MappedText
from wbsignal_lint.launch.pids import job_operands, kill_of
from wbsignal_lint.launch.shell import parse_shell
from wbsignal_lint.launch.shell_text import Alternative, Assignment, Block, Job, Pipeline, ShellCommand, ShellText
from wbsignal_lint.launch.signals import name_of
from wbsignal_lint.launch.steps import (
    Action,
    Capture,
    Early,
    Exit,
    Kill,
    Launch,
    Option,
    OrElse,
    Requeue,
    ShellScript,
    Source,
    Step,
    Target,
    TargetKind,
    Trainer,
    Trap,
    Wait,
)
from wbsignal_lint.launch.variables import Choices, Environment
from wbsignal_lint.launch.words import Expander

__all__ = ["Run", "options_set", "steps_of"]

_MAX_CALLS = 12
"""How deep function calls are followed."""
_MAX_STEPS = 5_000
"""Steps of one script; functions that call functions would multiply."""

_OPTION_LETTERS = {"e": "errexit", "m": "monitor", "u": "nounset", "x": "xtrace"}
_LAST_PID = re.compile(r"\$\{?!")
_ECHOED_PID = re.compile(r'"?\$\{?!\}?"?')
_COPIED = re.compile(r'(?:"?\$\{?(\w+)(?:\[[^]]*\])?\}?"?\s*)+')
_NAMES = re.compile(r"\$\{?(\w+)", re.ASCII)
_JOBS = re.compile(r"\$\(\s*jobs\b[^)]*\)|`jobs\b[^`]*`")


@dataclass(frozen=True)
class Run:
    """What one command of the text comes to in one way its variables can turn out."""

    command: Command
    agent: AgentCommand | None = None
    trainer: Trainer | None = None
    inner: ShellScript | None = None


@dataclass(frozen=True)
class _Context:
    """What holds for all steps of a function because of where it is called."""

    blocks: tuple[Block, ...] = ()
    jobs: tuple[Job, ...] = ()
    """From the outside in."""
    call: ShellCommand | None = None
    or_else: OrElse | None = None
    depth: int = 0
    calling: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Line:
    """What the commands of one pipeline have in common."""

    pipes: tuple[Span, ...]
    programs: tuple[str, ...]
    is_status_read: bool


@dataclass
class _Flow:
    """What has been put into order so far."""

    steps: list[Step] = field(default_factory=list)
    running: tuple[Job, ...] = ()
    newest: Job | None = None
    """The background job that ``$!`` stands for."""
    is_over: bool = False

    def enter(self, jobs: tuple[Job, ...]) -> None:
        """Note that the next step is part of these jobs: of the others, the outermost that is now started is newest."""
        ended = [job for job in self.running if job not in jobs]
        if ended:
            self.newest = ended[0]
        self.running = jobs


def steps_of(
    shell: ShellText, environment: Environment, runs: Mapping[ShellCommand, Sequence[Run]]
) -> tuple[Step, ...]:
    """Put the commands and assignments of a shell text into the order in which they run.

    Args:
        shell: the text.
        environment: its variables.
        runs: what each command comes to; commands without an entry are left out.

    Returns:
        The steps; functions stand where they are called, those that are never called nowhere. What follows an
        unconditional ``exit`` or ``exec`` is left out.
    """
    return _Builder(shell, environment, runs).build()


class _Builder:
    def __init__(self, shell: ShellText, environment: Environment, runs: Mapping[ShellCommand, Sequence[Run]]) -> None:
        self.shell = shell
        self.environment = environment
        self.runs = runs
        self.bodies: dict[str, list[ShellCommand | Assignment]] = {}
        self.main: list[ShellCommand | Assignment] = []
        keeping = (one for one in shell.assignments if one.kind != "unknown" or one.source)
        items: list[ShellCommand | Assignment] = [*shell.commands, *keeping]
        for item in sorted(items, key=lambda item: item.position):
            function = item.block.function
            if function is None:
                self.main.append(item)
            elif function.name is not None:
                self.bodies.setdefault(function.name, []).append(item)
        self.jobs: dict[str, list[Job]] = {}
        """The jobs whose pids a variable (``$NAME``) or file has held."""
        self.lines: dict[int, _Line] = {}
        self.alternatives: dict[Alternative, OrElse] = {}
        self.newest: Job | None = None
        """The last background job of the whole script: what ``$!`` is when a trap runs."""
        self.copies: dict[str, set[str]] = {}
        """From which variables a variable is made: a trap may loop over what is only filled later."""

    def build(self) -> tuple[Step, ...]:
        flow = _Flow()
        self._follow(self.main, _Context(), flow)
        flow.enter(())
        self.newest = flow.newest
        steps = self._with_ends([self._resolved(step) for step in flow.steps])
        return tuple(steps)

    # Order

    def _follow(self, items: Iterable[ShellCommand | Assignment], context: _Context, flow: _Flow) -> None:
        for item in items:
            if flow.is_over or len(flow.steps) > _MAX_STEPS:
                return
            jobs = (*context.jobs, *_chain(item.job))
            flow.enter(jobs)
            blocks = (*item.block.around(), *context.blocks)
            if isinstance(item, Assignment):
                self._keep_pid(item, blocks, jobs, flow)
                continue
            name = item.words[0].text
            if name in self.bodies and name not in context.calling and context.depth < _MAX_CALLS:
                if item.job is not None:
                    item.job.form = "group"  # a function in the background is a shell of its own
                inner = _Context(
                    blocks,
                    jobs,
                    item if item.pipeline.stages > 1 else context.call,
                    self._or_else(item) or context.or_else,
                    context.depth + 1,
                    context.calling | {name},
                )
                self._follow(self.bodies[name], inner, flow)
                continue
            for run in self.runs.get(item, ())[:1]:
                step = self._step(item, run, context, blocks, jobs, flow)
                flow.steps.append(step)
                ends = isinstance(step, Exit) or (isinstance(step, Launch) and step.is_exec)
                certain = not step.is_conditional and not step.in_subshell and not jobs and not step.in_loop
                flow.is_over = flow.is_over or (ends and certain and step.stages == 1)

    def _with_ends(self, steps: list[Step]) -> list[Step]:
        """Mark the launches behind which nothing more runs."""
        result: list[Step] = []
        later: list[Step] = []
        for step in reversed(steps):
            if isinstance(step, Launch) and not step.in_loop and not step.in_substitution:
                is_last = all(_exclude_each_other(step, other) for other in later)
                step = replace(step, is_last=is_last)
            if not isinstance(step, (Capture, Option)) and not step.in_substitution:
                later.append(step)
            result.append(step)
        return result[::-1]

    # Single steps

    def _step(
        self,
        written: ShellCommand,
        run: Run,
        context: _Context,
        blocks: tuple[Block, ...],
        jobs: tuple[Job, ...],
        flow: _Flow,
    ) -> Step:
        words = run.command.words
        program = words[0].program if words else ""
        piped = written if written.pipeline.stages > 1 or context.call is None else context.call
        place: dict[str, Any] = {
            "span": _place_of(written),
            "blocks": blocks,
            "job": jobs[-1] if jobs else None,
            "in_condition": written.in_condition,
            "statement": written.statement.span if written.statement and written.statement.is_contiguous else None,
            "or_else": self._or_else(written) or context.or_else,
            "stage": piped.stage,
            "stages": piped.pipeline.stages,
        }
        if program == "trap":
            trap = self._trap(written, place, context, flow)
            if trap is not None:
                return trap
        elif program == "wait":
            any_one = any(word.value in ("-n", "-fn", "-nf") for word in words[1:])
            return Wait(targets=job_operands(written.words[1:], flow.newest), any_one=any_one, **place)
        elif program in ("kill", "pkill", "killall", "scancel"):
            return kill_of(written.words, words, place, flow.newest)
        elif program == "set":
            return Option(settings=options_set(word.value or "" for word in words), **place)
        elif program == "exit":
            return Exit(status=written.words[1].text if len(written.words) > 1 else None, **place)
        elif program == "scontrol" and any(word.value in ("requeue", "requeuehold") for word in words[1:]):
            return Requeue(**place)
        elif program in ("source", ".") and len(words) > 1:
            return Source(path=words[1].value, **place)
        elif program in ("echo", "printf") and any(_ECHOED_PID.fullmatch(word.text) for word in written.words[1:]):
            kept = self._pid_file(written, place, flow)
            if kept is not None:
                return kept
        return Launch(
            command=run.command,
            agent=run.agent,
            trainer=run.trainer,
            inner=run.inner,
            pipes=self._line(piped.pipeline).pipes,
            neighbours=self._line(piped.pipeline).programs,
            redirects=tuple(written.redirects),
            pipeline=piped.pipeline.span,
            and_then=self._and_then(written),
            is_status_read=self._line(written.pipeline).is_status_read,
            **place,
        )

    def _or_else(self, command: ShellCommand) -> OrElse | None:
        position = command.position
        found = next((one for one in self.shell.alternatives if one.left[0] <= position < one.left[1]), None)
        if found is None:
            return None
        if found not in self.alternatives:
            start, end = found.right
            right = [other for other in self.shell.commands if start <= other.position < end]
            words = tuple(word.text for word in right[0].words) if right else ()
            self.alternatives[found] = OrElse(found.operator, self.shell.source[start:end].span, words, len(right))
        return self.alternatives[found]

    def _and_then(self, command: ShellCommand) -> Span | None:
        found = (one for one in self.shell.successors if one.left[0] <= command.position < one.left[1])
        return next((one.operator for one in found), None)

    def _line(self, pipeline: Pipeline) -> _Line:
        """Return what all commands of a pipeline have in common; it is worked out once, for there may be thousands."""
        if id(pipeline) not in self.lines:
            mates = sorted(pipeline.commands, key=lambda one: one.stage)
            programs = tuple(one.words[0].text.rpartition("/")[2] for one in mates)
            self.lines[id(pipeline)] = _Line(tuple(pipeline.pipes), programs, self._is_status_read(mates))
        return self.lines[id(pipeline)]

    def _is_status_read(self, mates: Sequence[ShellCommand]) -> bool:
        if not self.shell.status_reads or not mates:
            return False
        end = max(one.position + len(one.whole) for one in mates)
        following = next((one for one in self.shell.commands if one.position >= end and one not in mates), None)
        limit = len(self.shell.source) if following is None else following.position + len(following.whole)
        return any(end <= at < limit for at in self.shell.status_reads)

    # Process ids

    def _keep_pid(self, item: Assignment, blocks: tuple[Block, ...], jobs: tuple[Job, ...], flow: _Flow) -> None:
        """``PID=$!``; also ``PIDS+=($!)``, ``AGENT=$PID`` and ``for p in $PIDS``."""
        text = " ".join(source.text for source in item.source)
        captured: list[Job] = []
        if _LAST_PID.search(text) and flow.newest is not None:
            captured.append(flow.newest)
        copied = _COPIED.fullmatch(text.strip()) is not None or bool(captured)
        if copied:
            names = _NAMES.findall(text)
            self.copies.setdefault(item.name, set()).update(names)
            captured.extend(job for name in names for job in self.jobs.get(name, ()))
        from_list = _JOBS.search(text) is not None
        if from_list:
            captured.extend(self._all_jobs(flow))
        if not captured and not _LAST_PID.search(text):
            return
        known = self.jobs.setdefault(item.name, [])
        known.extend(job for job in captured if job not in known)
        span = item.source[0].span if item.source else self.shell.source[item.position : item.position].span
        name_length = len(item.name)
        start = self.shell.source.text.rfind(item.name, 0, item.position)
        if start >= 0 and item.kind != "choice":
            span = Span(self.shell.source[start : start + name_length].span.start, span.end)
        flow.steps.append(
            Capture(
                span=span,
                blocks=blocks,
                job=jobs[-1] if jobs else None,
                name=item.name,
                captured=tuple(captured),
                from_list=from_list,
                appends=item.appends,
            )
        )

    def _pid_file(self, written: ShellCommand, place: Mapping[str, Any], flow: _Flow) -> Capture | None:
        """``echo $! > agent.pid``."""
        target = next((one.target for one in written.redirects if one.operator in (">", ">>", ">|")), None)
        if target is None or flow.newest is None:
            return None
        name = target.text.strip("'\"")
        self.jobs.setdefault(f"file {name}", []).append(flow.newest)
        return Capture(name=name, is_file=True, captured=(flow.newest,), **place)

    def _all_jobs(self, flow: _Flow) -> list[Job]:
        jobs: list[Job] = []
        for step in flow.steps:
            if step.job is not None and step.job not in jobs:
                jobs.append(step.job)
        return jobs

    def _resolved(self, step: Step) -> Step:
        """Fill in which jobs the operands of ``kill`` and ``wait`` can be."""
        if isinstance(step, (Kill, Wait)):
            return replace(step, targets=tuple(self._with_jobs(target) for target in step.targets))
        if isinstance(step, Trap):
            unset = [early.span for early in step.early if early.is_unset]
            steps = (self._with_newest(self._resolved(inner)) for inner in step.steps)
            return replace(step, steps=tuple(_without(inner, unset) for inner in steps))
        return step

    def _with_newest(self, step: Step) -> Step:
        """Fill in what ``$!`` is when a trap runs that has started nothing itself."""
        if not isinstance(step, (Kill, Wait)) or self.newest is None:
            return step
        newest = (self.newest,)
        targets = tuple(
            replace(target, jobs=newest) if target.name in ("$!", "${!}") and not target.jobs else target
            for target in step.targets
        )
        return replace(step, targets=targets)

    def _with_jobs(self, target: Target) -> Target:
        if target.kind is TargetKind.VARIABLE:
            return replace(target, jobs=tuple(self._held_by(target.name)))
        if target.kind is TargetKind.FILE:
            return replace(target, jobs=tuple(self.jobs.get(f"file {target.name}", ())))
        return target

    def _held_by(self, name: str) -> list[Job]:
        """Return the jobs whose pids a variable can hold."""
        names = [name]
        for one in names:
            names.extend(other for other in sorted(self.copies.get(one, ())) if other not in names)
        return list(dict.fromkeys(job for one in names for job in self.jobs.get(one, ())))

    # Traps

    def _trap(self, written: ShellCommand, place: Mapping[str, Any], context: _Context, flow: _Flow) -> Trap | None:
        raw = [word for word in written.words[1:] if word.text != "--"]
        if not raw or raw[0].text in ("-p", "-l", "-P"):
            return None
        # All ways in which `for s in USR1 TERM; do trap … $s` can turn out.
        signals: dict[str, None] = {}
        prefixed: dict[str, None] = {}
        values = self._values(written)
        for expanded in values:
            operands = [word for word in expanded[1:] if word.value != "--"]
            if len(operands) > 1:
                operands = operands[1:]
            for word in operands:
                name = name_of(word.value) if word.value is not None else None
                if name is not None:
                    signals[name] = None
                    if word.pattern.upper().startswith("SIG"):
                        prefixed[name] = None
        first = raw[0].text
        common = {**place, "signals": tuple(signals), "word": raw[0].span, "prefixed": tuple(prefixed)}
        if first == "-" or len(raw) == 1:
            return Trap(action=Action.RESET, **common)
        if first in ("''", '""'):
            return Trap(action=Action.IGNORE, **common)
        body, early = self._body(raw[0], values[0] if values else [], flow)
        steps = () if body is None else self._steps_of_body(body, written, context)
        return Trap(action=Action.RUN, body=body, steps=steps, early=early, **common)

    def _values(self, written: ShellCommand) -> list[list[Word]]:
        found: list[list[Word]] = []
        choices = Choices()
        while choices.start():
            expander = Expander(self.environment, written.position, written.block, choices)
            found.append(expander.words(written.words))
        return found

    def _body(
        self, raw: MappedText, expanded: Sequence[Word], flow: _Flow
    ) -> tuple[MappedText | None, tuple[Early, ...]]:
        """Return what the trap runs, and what of it is expanded when it is set."""
        nothing = parse_shell(MappedText.nowhere(""))
        plain = Expander(Environment(nothing), 0, nothing.root, Choices()).words([raw])
        if len(plain) != 1:
            return None, ()
        word = plain[0]
        early = tuple(self._early(unknown.source, flow) for unknown in word.unknowns)
        if word.is_opaque:  # trap "$HANDLER" TERM
            values = [one for one in expanded[1:2] if one.value is not None]
            return (values[0].literal if values else None), early
        return word.literal, early

    def _early(self, source: MappedText, flow: _Flow) -> Early:
        """Note an expansion that takes place when the trap is set, and whether the script has that pid by then."""
        target = next(iter(job_operands([source], flow.newest)), None)
        if target is None:
            return Early("", source.span)
        if target.kind is TargetKind.VARIABLE:
            return Early(target.name, source.span, not self._held_by(target.name))
        if target.kind is TargetKind.FILE:
            return Early("", source.span, not self.jobs.get(f"file {target.name}"))
        if target.kind is TargetKind.ALL_JOBS:
            return Early("", source.span, not self._all_jobs(flow))
        return Early("", source.span, target.kind is TargetKind.JOB and target.name != "" and not target.jobs)

    def _steps_of_body(self, body: MappedText, written: ShellCommand, context: _Context) -> tuple[Step, ...]:
        shell = parse_shell(body)
        environment = Environment(shell, self.environment, written.position, written.block)
        runs: dict[ShellCommand, Sequence[Run]] = dict(self.runs)
        for command in shell.commands:
            choices = Choices(rounds=1)
            choices.start()
            words = Expander(environment, command.position, command.block, choices).words(command.words)
            if words:
                runs[command] = (Run(Command(tuple(words), command.whole.span)),)
        builder = _Builder(shell, environment, runs)
        builder.jobs, builder.copies = self.jobs, self.copies
        for name, items in self.bodies.items():
            builder.bodies.setdefault(name, items)
        builder.bodies = {name: items for name, items in builder.bodies.items() if name not in context.calling}
        flow = _Flow()
        builder._follow(builder.main, _Context(depth=context.depth + 1, calling=context.calling), flow)
        return tuple(flow.steps)


def _without(step: Step, unset: Sequence[Span]) -> Step:
    """Mark the operands of a trap's ``kill`` that had no value yet when the trap was set."""
    if not isinstance(step, Kill) or not unset:
        return step
    targets = tuple(
        replace(target, is_unset=any(target.span.start <= one.start and one.end <= target.span.end for one in unset))
        for target in step.targets
    )
    return replace(step, targets=targets)


def _place_of(written: ShellCommand) -> Span:
    """Return where a command stands; where parts of it come from elsewhere (``bash -c "$SETUP; …"``), its name."""
    span = written.whole.span
    is_together = span.end - span.start <= 2 * len(written.whole) + 8
    return span if is_together else written.words[0].span


def _chain(job: Job | None) -> tuple[Job, ...]:
    """Return a job and those it is started in, from the outside in."""
    chain: list[Job] = []
    while job is not None:
        chain.append(job)
        job = job.outer
    return tuple(reversed(chain))


def _exclude_each_other(one: Step, other: Step) -> bool:
    """Whether they stand in different branches of one ``if`` or ``case``."""
    branches = {block.chain: block for block in one.blocks if block.chain is not None}
    return any(block.chain is not None and branches.get(block.chain, block) is not block for block in other.blocks)


def options_set(words: Iterable[str]) -> tuple[tuple[str, bool], ...]:
    """Return what the words of ``set``, or of a command that starts a shell, switch on and off: ``-euo pipefail``."""
    _, *rest = words
    found: list[tuple[str, bool]] = []
    while rest:
        text = rest.pop(0)
        if not text.startswith(("-", "+")) or text == "--":
            break
        for letter in "" if text.startswith("--") else text[1:]:
            if letter == "o" and rest:
                found.append((rest.pop(0), text[0] == "-"))
            elif letter in _OPTION_LETTERS:
                found.append((_OPTION_LETTERS[letter], text[0] == "-"))
    return tuple(found)
