"""Is a script still there when the training that it runs in the background has ended?

A trap ends the ``wait`` during which its signal comes: ``wait`` returns at once, and the script goes on behind it while
the training is still in its handler.
"""

from __future__ import annotations

from wbsignal_lint.launch.shell_text import Block
from wbsignal_lint.launch.steps import Exit, Kill, Launch, Requeue, ShellScript, Source, Step, TargetKind, Trap, Wait

__all__ = ["waits_again", "waits_for", "waits_in"]

_PASSES_TIME = frozenset({"sleep", "tail", "read", "inotifywait", "fg", "srun", "scontrol"})


def waits_for(script: ShellScript, launch: Launch) -> tuple[Wait, ...]:
    """Return the ``wait``s behind a background launch that can wait for it."""
    at = script.index(launch)
    return tuple(
        step
        for step in script.steps[at:]
        if isinstance(step, Wait) and _covers(step, launch) and _same_shell(step, launch)
    )


def waits_again(script: ShellScript, launch: Launch, trap: Trap) -> bool | None:
    """Tell whether the script waits for a background launch once more when a trap has interrupted its first ``wait``.

    Returns:
        ``None`` where this is not known, or where the script spends time with something else after the trap.
    """
    in_trap = waits_in(trap, launch)
    if in_trap is not False:
        return in_trap
    if any(isinstance(step, Exit) and not step.is_conditional for step in trap.steps):
        return False
    for other in script.traps:
        if "EXIT" in other.signals and any(isinstance(step, Wait) for step in other.steps):
            return True
    waits = waits_for(script, launch)
    if not waits:
        return _goes_on_behind(script, launch)
    first = waits[0]
    if _comes_round(first):
        return True
    if any(wait is not first for wait in waits):
        return True
    return _goes_on_behind(script, first)


def waits_in(trap: Trap, launch: Launch) -> bool | None:
    """Tell whether a trap itself waits for a launch that it has signalled; ``None``: it spends time in other ways."""
    told = False
    for step in trap.steps:
        told = told or (isinstance(step, Kill) and not step.is_probe)
        if isinstance(step, Wait) and _covers(step, launch) and told:
            return True
        if isinstance(step, Kill) and step.is_probe and step.in_loop:
            return True
        if isinstance(step, (Requeue, Source)) or (isinstance(step, Launch) and step.program in _PASSES_TIME):
            return None  # a requeue takes the job down, whatever waits
        if isinstance(step, Exit) and not step.is_conditional:
            return False
    return False


def _goes_on_behind(script: ShellScript, step: Step) -> bool | None:
    """Whether what follows a step keeps the script there until the training has ended."""
    for later in script.steps[script.index(step) + 1 :]:
        if isinstance(later, Kill) and later.is_probe and later.in_loop:
            return True
        if isinstance(later, (Source, Wait)):
            return None
        if isinstance(later, Launch) and not later.in_substitution:
            if later.program in _PASSES_TIME or later.is_watched or later.is_run_by(*_PASSES_TIME):
                return None
            if not later.program or later.inner is not None:
                return None
    return False


def _covers(wait: Wait, launch: Launch) -> bool:
    if wait.any_one or not wait.targets:
        return True
    for target in wait.targets:
        if target.kind in (TargetKind.ALL_JOBS, TargetKind.UNKNOWN) or not target.jobs:
            return True
        if any(job is launch.job or (launch.job is not None and launch.job.outer is job) for job in target.jobs):
            return True
    return False


def _same_shell(wait: Wait, launch: Launch) -> bool:
    """Whether the ``wait`` is the launching shell's own, and not that of a subshell."""
    outer = None if launch.job is None else launch.job.outer
    return wait.job is outer


def _comes_round(wait: Wait) -> bool:
    """Whether a loop brings the script back to the same ``wait``: ``while kill -0 "$PID"; do wait "$PID"; done``."""
    return any(block.kind == "loop" and not _is_over_pids(block, wait) for block in wait.blocks)


def _is_over_pids(loop: Block, wait: Wait) -> bool:
    """Whether it is a ``for`` loop that waits once for each of several pids."""
    return loop.name is not None and any(target.name == loop.name for target in wait.targets)
