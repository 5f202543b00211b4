"""Which ``wait``s of a script wait for what it runs in the background."""

from __future__ import annotations

from wbsignal_lint.launch.steps import Launch, ShellScript, TargetKind, Wait

__all__ = ["waits_for"]


def waits_for(script: ShellScript, launch: Launch) -> tuple[Wait, ...]:
    """Return the ``wait``s behind a background launch that can wait for it."""
    at = script.index(launch)
    return tuple(
        step
        for step in script.steps[at:]
        if isinstance(step, Wait) and _covers(step, launch) and _same_shell(step, launch)
    )


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
