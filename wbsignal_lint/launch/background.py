"""Background jobs: whose pid ``$!`` is, and which signals a script sends to it."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from wbsignal_lint.launch.processes import ends_subshell, kills_of
from wbsignal_lint.launch.shell_text import Job
from wbsignal_lint.launch.steps import Launch, ShellScript, Step, TargetKind, Trap

__all__ = ["Stranger", "signals_to", "stranger_behind_pid"]

_WIDE = frozenset({TargetKind.CHILDREN, TargetKind.GROUP, TargetKind.ALL_JOBS, TargetKind.PATTERN, TargetKind.UNKNOWN})
"""Targets that can be more than one process, or any."""
_SHELLS = ("subshell", "group")


@dataclass(frozen=True)
class Stranger:
    """A process that has the pid that was meant to be an agent's or a trainer's."""

    launch: Launch
    """The agent or trainer."""
    reader: str | None = None
    """The program that ends the pipeline; ``None`` for the shell around."""
    can_become: bool = False
    """Whether nothing of that shell is left to run behind the launch."""


def stranger_behind_pid(script: ShellScript, job: Job) -> Stranger | None:
    """Return whose pid ``$!`` is for a background job that starts an agent or trainer.

    Returns:
        ``None`` where it is that of the agent or trainer itself, or of what runs it (``srun``), or is not known.
    """
    mates = _parts_of_jobs(script).get(id(job), [])
    if any(isinstance(step, Trap) for step in mates):
        return None
    for launch in mates:
        if not isinstance(launch, Launch) or not launch.is_watched or launch.in_substitution:
            continue
        if job.form == "pipeline" and launch.job is job:
            if launch.stage + 1 == launch.stages:
                continue
            name = launch.neighbours[-1] if launch.neighbours else ""
            return Stranger(launch, name or "what reads its output")
        if job.form not in _SHELLS or launch.is_exec:
            continue
        behind = mates[mates.index(launch) + 1 :]
        is_last = all(isinstance(step, Launch) and step.pipeline == launch.pipeline is not None for step in behind)
        is_last = is_last and launch.job is job and not launch.in_loop and launch.or_else is None
        if is_last and (script.shell != "bash" or (job.form == "subshell" and ends_subshell(script, launch))):
            continue
        in_function = any(block.kind == "function" for block in launch.blocks)
        return Stranger(launch, None, is_last and not in_function and not launch.is_run_by("time"))
    return None


def signals_to(script: ShellScript, job: Job) -> tuple[str, ...]:
    """Return the signals that the script sends to the pid of a job and to nothing else; ``()``: none, or not known."""
    kills = list(kills_of(script))
    if any(target.kind in _WIDE or target.is_group for kill in kills for target in kill.targets):
        return ()
    if any(capture.from_list and job in capture.captured for capture in script.captures):
        return ()  # the pids of all jobs, that of a pipeline's first command among them
    names = [
        kill.signal for kill in kills if any(job in target.jobs for target in kill.targets) and kill.signal is not None
    ]
    return tuple(dict.fromkeys(names))


@functools.lru_cache(maxsize=8)
def _parts_of_jobs(script: ShellScript) -> dict[int, list[Step]]:
    """Return the steps that are part of each background job, by the job's ``id()``."""
    found: dict[int, list[Step]] = {}
    for step in script.steps:
        job = step.job
        while job is not None:
            found.setdefault(id(job), []).append(step)
            job = job.outer
    return found
