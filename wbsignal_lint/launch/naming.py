"""Whom the script's own shell names in ``kill`` and ``wait``, while it runs an agent or a training.

Which shell it is makes a difference, and job control: dash forgets its jobs in ``$(jobs -p)``, and without job control
there are no process groups to signal. Measured with bash 5.2 and dash 0.5.12.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from wbsignal_lint.launch.reaching import is_named
from wbsignal_lint.launch.steps import Capture, Launch, ShellScript, Step, Target, TargetKind

__all__ = ["Naming", "Reach", "Sent", "starts_in_front"]


class Reach(Enum):
    """Which process of a launch a signal goes to."""

    JOB = "job"
    """The one whose pid ``$!`` is."""
    CHILD = "child"
    """The shell's own child, of a pipeline each of them."""
    ALL = "all"
    """All of them, the training itself included."""
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Sent:
    """A signal that a trap sends to the launch."""

    signal: str | None
    reach: Reach


def starts_in_front(launch: Launch) -> bool:
    """Whether the script's own shell waits for it at once, or for the subshell or pipeline that it is a part of."""
    job = launch.job
    if job is None:
        return True
    while job.outer is not None:
        job = job.outer
    kinds = [block.kind for block in launch.blocks]
    if launch.job is not job or job.form not in ("command", "pipeline"):
        return False
    return "subshell" in kinds or (job.form == "command" and "stage" in kinds)


@dataclass(frozen=True)
class Naming:
    """What operands mean with regard to one launch."""

    script: ShellScript
    launch: Launch
    shell: str
    """``bash`` or ``dash``."""

    def is_pid(self, name: str) -> bool:
        """Whether a variable holds the launch's pid."""
        return any(
            step.name == name
            and not step.is_file
            and self.launch.job in step.captured
            and not _is_elsewhere(step)
            and not (self.shell == "dash" and step.from_list)  # dash has forgotten its jobs in `$( … )`
            for step in self.script.captures
        )

    def is_last_pid(self, name: str) -> bool:
        """Whether a variable holds the pid of the training's own process, or of one that is there as long.

        That of a pipeline is its last command's, which a signal may have ended before.
        """
        return self.is_pid(name) and self.launch.stage + 1 == self.launch.stages

    def may_be_gone(self, target: Target) -> bool:
        """Whether an operand is the pid of a pipeline's last command, which does not read what the training prints.

        Or, in dash, of what ``$(jobs -p)`` does not find.
        """
        if self.shell == "dash" and any(one.from_list for one in self.kept(target)):
            return True
        one_pid = target.kind in (TargetKind.VARIABLE, TargetKind.FILE, TargetKind.JOB)
        is_before = self.launch.stage + 1 < self.launch.stages
        prints_elsewhere = any(one.writes for one in self.launch.redirects)
        return one_pid and is_before and prints_elsewhere and self.is_named(target) is not False

    def kept(self, target: Target) -> list[Capture]:
        """Return where the variable of an operand gets its pids."""
        if target.kind is not TargetKind.VARIABLE:
            return []
        return [one for one in self.script.captures if one.name == target.name and not one.is_file]

    def is_list(self, target: Target) -> bool:
        """Whether a variable holds all pids: in quotes they are none."""
        return any(one.from_list and len(one.captured) > 1 for one in self.kept(target))

    def is_named(self, target: Target) -> bool | None:
        """Whether an operand names the launch, or what the shell has started for it; ``None``: it may."""
        if self.is_list(target):
            return None
        kept = self.kept(target)
        if kept and all(_is_elsewhere(one) for one in kept):
            return False  # a subshell keeps its variables to itself
        if self.shell == "dash":
            if target.kind is TargetKind.ALL_JOBS or (kept and all(one.from_list for one in kept)):
                return False  # dash has forgotten its jobs in `$( … )`
        return is_named(self.script, target, self.launch)

    def is_nobody(self, target: Target, *, monitor: bool) -> bool:
        """Whether ``kill`` finds no process by an operand that does not name the launch."""
        if target.is_unset or (self.shell == "dash" and (target.kind is TargetKind.JOB or not self.is_named(target))):
            return True
        return target.is_group and not monitor

    def reach_of(self, target: Target, *, monitor: bool) -> Reach | None:
        """Return what of the launch an operand of ``kill`` names; ``None``: nothing."""
        named = self.is_named(target)
        if named is False:
            return None
        if named is None:
            return Reach.UNKNOWN
        if target.name.startswith("%") and self.shell == "dash" and not monitor:
            # It sends to a process group, and there is none, unless the program makes itself one.
            return None if self._keeps_group() else Reach.UNKNOWN
        if target.is_group or (target.name.startswith("%") and monitor):
            if monitor:
                return Reach.ALL if self._keeps_group() else Reach.UNKNOWN
            runners = [runner.name for runner in self.launch.command.runners]
            job = self.launch.job
            is_leader = runners[:1] == ["setsid"] and job is not None and job.form == "command" and job in target.jobs
            if is_leader and "timeout" not in runners and self.launch.is_watched:
                return Reach.ALL
            return None if self._keeps_group() else Reach.UNKNOWN
        if target.kind in (TargetKind.CHILDREN, TargetKind.ALL_JOBS):
            is_part = self.launch.job is not None or self.launch.in_subshell or self.launch.stages > 1
            if is_part and starts_in_front(self.launch):
                return Reach.UNKNOWN  # a subshell is the shell's child
            if target.kind is TargetKind.ALL_JOBS and self.launch.stages > 1:
                return Reach.UNKNOWN if self.launch.stage else Reach.CHILD
            return Reach.CHILD
        if any(one.from_list for one in self.kept(target)):
            return Reach.UNKNOWN if self.launch.stage else Reach.CHILD
        if target.kind is TargetKind.PATTERN:
            return Reach.ALL if self.launch.is_watched else Reach.UNKNOWN
        return Reach.CHILD if target.name.startswith("%") else Reach.JOB

    def _keeps_group(self) -> bool:
        return not self.launch.is_run_by("setsid", "timeout", "gtimeout") and self.launch.is_watched

    def reach_in_group(self, *, monitor: bool) -> Reach:
        """Return what of the launch is reached by a signal to the script's process group."""
        if not self._keeps_group() or monitor:
            return Reach.UNKNOWN
        return Reach.ALL


def _is_elsewhere(step: Step) -> bool:
    """Whether a subshell takes the step."""
    return step.job is not None or step.in_subshell
