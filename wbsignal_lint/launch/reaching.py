"""Whom a ``kill`` names: the launch that a question is about, or another process."""

from __future__ import annotations

import functools

from wbsignal_lint.diagnostics import Span
from wbsignal_lint.launch.shell_text import Job
from wbsignal_lint.launch.steps import Kill, Launch, ShellScript, Target, TargetKind, Trap

__all__ = ["is_named", "kills_of", "reaches"]


def reaches(script: ShellScript, kill: Kill, launch: Launch) -> bool | None:
    """Whether a ``kill`` names a background launch; ``None``: it may."""
    answers = [is_named(script, target, launch) for target in kill.targets]
    if any(answer is True for answer in answers):
        return True
    return None if any(answer is None for answer in answers) else False


def is_named(script: ShellScript, target: Target, launch: Launch) -> bool | None:
    """Whether one operand names a launch, or what the shell has started for it; ``None``: it may."""
    if target.is_unset:
        return False
    job = launch.job
    if target.kind in (TargetKind.ALL_JOBS, TargetKind.CHILDREN):
        return True
    if target.kind is TargetKind.PATTERN:
        pattern = target.name.replace("-f", "").strip(" \"'")
        command = " ".join(word.pattern for word in launch.command.words)
        return True if pattern and pattern in command else None
    if target.kind is TargetKind.JOB and not target.jobs:
        jobs = {step.job for step in script.steps if step.job is not None and step.job.outer is None}
        while job is not None and job.outer is not None:
            job = job.outer
        return job in jobs if len(jobs) == 1 else None  # `%1`
    if target.kind in (TargetKind.VARIABLE, TargetKind.FILE, TargetKind.JOB) and target.jobs:
        return any(job is one or (job is not None and job.outer is one) for one in _held(script, target))
    return False if target.kind is TargetKind.SELF else None


def _held(script: ShellScript, target: Target) -> tuple[Job, ...]:
    """Return the jobs whose pids an operand has in the end: a variable that is set again has lost the first."""
    if target.kind is not TargetKind.VARIABLE or len(target.jobs) < 2:
        return target.jobs
    held: tuple[Job, ...] = ()
    for step in script.captures:
        if step.name == target.name and not step.is_file:
            held = (*held, *step.captured) if step.appends or step.is_conditional else step.captured
    return held or target.jobs


@functools.lru_cache(maxsize=8)
def kills_of(script: ShellScript) -> tuple[Kill, ...]:
    """Return what a script sends, in traps or otherwise, once a place; not what only asks (``kill -0``)."""
    found: dict[Span, Kill] = {}
    for step in script.steps:
        for one in step.steps if isinstance(step, Trap) else (step,):
            if isinstance(one, Kill) and not one.is_probe:
                found.setdefault(one.span, one)
    return tuple(found.values())
