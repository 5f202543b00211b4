"""The jobs that SLURM runs, and what its signals reach in them.

SLURM's defaults are assumed, above all the process tracker ``cgroup``: it signals the direct children of its step
daemon, that is, the batch shell and the tasks of ``srun`` steps, and nothing below them. Measured with SLURM 22.05.8
and 24.11.5; tests/slurm holds it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from wbsignal_lint.diagnostics import Edit, Span
from wbsignal_lint.launch.facts import LaunchFile
from wbsignal_lint.launch.passing import ELSEWHERE, PASSING, Manner
from wbsignal_lint.launch.running import CLIENTS
from wbsignal_lint.launch.steps import Action, Exit, Kill, Launch, Requeue, ShellScript, Source, Step, Trap, Wait
from wbsignal_lint.launch.wrappers import SHELLS

__all__ = [
    "PREEMPTION_SIGNALS",
    "STEP_STARTERS",
    "BatchJob",
    "Started",
    "batch_jobs",
    "becomes_its_command",
    "gives_way",
    "put_in_front",
    "sources_unknown",
    "speaks_of_resuming",
    "started_in",
]

PREEMPTION_SIGNALS = frozenset({"TERM", "USR1", "USR2", "HUP", "QUIT", "INT", "XCPU", "CONT"})
"""What a job is told of its end by; traps for anything else are no preparation for it."""

STEP_STARTERS = ("srun", "mpirun", "mpiexec", "mpiexec.hydra", "orterun", "prun", "prterun", "ibrun", "aprun", "jsrun")
"""Programs that start their tasks as steps of the job, or may do so."""
_STEP_LAUNCHERS = frozenset({"slurm", "openmpi", "mpich", "impi", "mvapich"})
"""What ``deepspeed --launcher`` is given to start its processes by ``srun`` or ``mpirun``."""
_TRANSPARENT = frozenset(
    {
        *("env", "nice", "ionice", "nohup", "stdbuf", "numactl", "taskset", "apptainer", "singularity"),
        *("micromamba", "uv", "poetry", "pipenv", "pixi", "rye", "hatch"),
    }
)
"""Programs that can be run as a step with what they run. `conda run` can't: it keeps SIGTERM from it (conda #10351)."""
_PYTHON = re.compile(r"python[\d.]*")
_USUAL_SOURCES = (
    "activate", ".bashrc", "bashrc", ".bash_profile", ".profile", "profile", "conda.sh", "mamba.sh", "modules.sh",
    "bash", "lmod.sh", "setvars.sh", "init.sh", ".env", "env.sh", "setup.sh",
)  # fmt: skip
"""What job scripts source for their environment; anything else may set traps."""
_TELLS_NOBODY = frozenset({"echo", "printf", "date", "logger", "hostname", "sbatch", "true", ":"})
_LEAVES_A_SIGN = re.compile(r"(?<![\w-])[A-Za-z_]\w*\+?=|>(?!&|[ \t]*/dev/null)")
"""A variable or a file that others may read."""
_PRINTS_SETTINGS = re.compile(
    r"""(?:\$\(|`)\s*\S*?(?:conda|mamba|pyenv|direnv|pixi|ssh-agent|modulecmd)["']?\s[^|;&]*[)`]"""
)
"""What ``eval "$(conda shell.bash hook)"`` runs: functions and variables for the shell."""
_RESUMES = re.compile(r"WANDB_RUN_ID|WANDB_RESUME|resum|run[-_]id|wandb[-_.]id", re.IGNORECASE)


@dataclass(frozen=True)
class Started:
    """A sweep agent or trainer, and how the script comes to start it."""

    launch: Launch
    outer: tuple[Launch, ...] = ()
    """The commands around it whose quoted text it stands in, from the outside in: ``bash -c '…'``."""

    @property
    def first(self) -> Launch:
        """The command that the script itself runs."""
        return self.outer[0] if self.outer else self.launch

    @property
    def span(self) -> Span:
        """Where to speak of it: the agent's ``wandb``, the trainer's ``python``."""
        return self.launch.place

    @property
    def is_agent(self) -> bool:
        """Whether it is a sweep agent."""
        return self.launch.agent is not None

    @property
    def what(self) -> str:
        """What to call it."""
        return self.launch.what

    @property
    def is_step(self) -> bool:
        """Whether it is, or may be, a step of the job."""
        launches = (*self.outer, self.launch)
        return any(launch.is_run_by(*STEP_STARTERS) for launch in launches) or _starts_steps(self.launch)

    @property
    def is_task_of_srun(self) -> bool:
        """Whether ``srun`` itself starts it."""
        return not self.outer and self.launch.is_run_by("srun")

    @property
    def is_elsewhere(self) -> bool:
        """Whether it runs in something that SLURM's signals have no part in."""
        return any(launch.is_run_by(*ELSEWHERE) for launch in (*self.outer, self.launch)) or any(
            launch.inner is not None and any(runner.name in ELSEWHERE for runner in launch.inner.runners)
            for launch in self.outer
        )

    @property
    def appends(self) -> bool:
        """Whether the script itself appends its output to a file."""
        return any(
            redirect.operator in (">>", "&>>") for launch in (*self.outer, self.launch) for redirect in launch.redirects
        )

    @property
    def takes_the_shells_place(self) -> bool:
        """Whether ``exec`` starts it."""
        return self.first.is_exec


@dataclass(frozen=True)
class BatchJob:
    """A script that SLURM runs as a job."""

    script: ShellScript
    started: tuple[Started, ...]
    """The agents and trainers that it starts, one a place."""

    @property
    def traps(self) -> tuple[Trap, ...]:
        """Its traps for signals that announce the job's end."""
        return tuple(trap for trap in self.script.traps if not PREEMPTION_SIGNALS.isdisjoint(trap.signals))

    def has_step_instead_of(self, started: Started) -> bool:
        """Whether another branch of the ``if`` or ``case`` that a command stands in starts a step."""
        branches = [block for block in started.first.blocks if block.kind == "branch" and block.chain is not None]
        return any(
            other.is_step and theirs.chain is ours.chain and theirs is not ours
            for ours in branches
            for other in self.started
            for theirs in other.first.blocks
            if theirs.kind == "branch"
        )

    @property
    def traps_tell_nobody(self) -> bool:
        """Whether its traps surely pass no signal on: they only say something, submit another job, or leave.

        What they requeue, set or write to, and what else they run, may reach the training in some way.
        """
        return all(_tells_nobody(trap, self.script.source.text) for trap in self.traps) and not any(
            isinstance(step, Kill) and not step.is_probe for step in self.script.steps
        )

    @property
    def traps_only_signal(self) -> bool:
        """Whether all that its traps do is to signal others, to wait for them, to say something and to leave."""
        return all(_tells_nobody(trap, self.script.source.text, (Kill, Wait)) for trap in self.traps)

    @property
    def tells_at_exit(self) -> bool:
        """Whether it signals other processes when a signal ends it: bash then runs its trap for EXIT."""
        return any(
            "EXIT" in trap.signals and any(isinstance(step, Kill) and not step.is_probe for step in trap.steps)
            for trap in self.script.traps
        )

    def hears(self, signal: str) -> bool:
        """Whether the batch shell does something about a signal, or may: a trap for it, or for signals not known."""
        return self.tells_at_exit or any(
            trap.action is not Action.RESET and (signal in trap.signals or not trap.signals)
            for trap in self.script.traps
        )

    @property
    def has_steps(self) -> bool:
        """Whether it starts anything as a step, or something of which that is not known."""
        return any(
            launch.is_run_by(*STEP_STARTERS) or launch.program in (*STEP_STARTERS, "") or _is_unknown_script(launch)
            for launch in _all_launches(self.script)
            if not _sets_up_the_shell(launch)
        )

    @property
    def sources_unknown(self) -> bool:
        """Whether it sources a file that may set traps."""
        return sources_unknown(self.script)

    @property
    def requeues(self) -> tuple[Requeue, ...]:
        """Where it puts itself into the queue again, traps included."""
        return tuple(step for step in _with_traps(self.script) if isinstance(step, Requeue))

    @property
    def wants_requeue(self) -> bool | None:
        """What ``--requeue`` or ``--no-requeue`` asks for; ``None`` without either."""
        asked = [one.name for one in self.script.directives if one.name in ("--requeue", "--no-requeue")]
        return asked[-1] == "--requeue" if asked else None

    @property
    def resumes(self) -> bool:
        """Whether a restart goes on with its run, as far as the script's words tell."""
        return speaks_of_resuming(self.script.source.text)

    @property
    def asks_whether_done(self) -> bool:
        """Whether there are cases in which it leaves, or passes by, before it starts anything that W&B records."""
        first = next((index for index, step in enumerate(self.script.steps) if step is self.started[0].first), 0)
        return any(isinstance(step, Exit) and step.is_conditional for step in self.script.steps[:first]) or all(
            started.first.is_conditional for started in self.started
        )

    @property
    def may_resume_sweep(self) -> bool:
        """Whether it calls ``wandb sweep … --resume``, or something of which that is not known."""
        for launch in _all_launches(self.script):
            words = launch.command.words
            sweeps = len(words) > 1 and words[0].program in CLIENTS and words[1].value == "sweep"
            if _is_unknown_script(launch) or (
                sweeps and any(word.value == "--resume" or word.is_list or word.is_opaque for word in words[2:])
            ):
                return True
        return False

    @property
    def may_have_tasks(self) -> bool:
        """Whether ``srun`` starts several copies here unless it is told otherwise."""
        names = ("--ntasks", "--ntasks-per-node", "--nodes", "-N")
        return any(one.name in names and one.value != "1" for one in self.script.directives)

    @property
    def step(self) -> str:
        """How to run one more command as a step, with all that the job has: ``srun``, and options if it needs any."""
        words = ["srun"]
        if self.may_have_tasks:
            words += ["--nodes=1", "--ntasks=1"]
        cpus = self._number("--cpus-per-task")
        if cpus is None or cpus == 1:
            return " ".join(words)
        # Since SLURM 22.05 srun takes a task for one of one CPU, whatever sbatch was asked for (its release notes). The
        # variable holds for `sbatch -c 4 job.sh`, too; a document may be expanded before there is a job. A program
        # that stands for several tasks gets the CPUs of those that share its node.
        is_file = not self.script.runners and self.script.source.span.start == 0
        tasks = self._number("--ntasks-per-node") or (self._number("--nodes") == 1 and self._number("--ntasks")) or 1
        value = "$SLURM_CPUS_PER_TASK" if is_file and tasks == 1 else str(cpus * tasks)
        return " ".join((*words, f"--cpus-per-task={value}"))

    def _number(self, name: str) -> int | None:
        """Return what a directive asks for; ``None`` without it, or where its value is no number."""
        directive = self.script.directive(name)
        value = "" if directive is None else directive.value or ""
        return int(value) if value.isdecimal() else None


def batch_jobs(launch: LaunchFile) -> Iterator[BatchJob]:
    """Yield the scripts of a file that SLURM runs: those with ``#SBATCH`` lines, and the texts that are submitted."""
    for script in launch.scripts:
        if any(one.system == "SBATCH" for one in script.directives) or (
            script.runners and script.runners[-1].name == "sbatch"
        ):
            places: dict[Span, Started] = {}
            for started in started_in(script):
                places.setdefault(started.span, started)
            yield BatchJob(script, tuple(places.values()))


def sources_unknown(script: ShellScript, before: Step | None = None) -> bool:
    """Whether a script sources a file that may set traps and options, ``before`` a step or anywhere."""
    steps = script.steps if before is None else script.steps[: script.index(before)]
    return any(
        isinstance(step, Source)
        and (step.path or "").strip("\"'").rpartition("/")[2].split(" ")[0] not in _USUAL_SOURCES
        for step in steps
    )


def started_in(script: ShellScript, outer: tuple[Launch, ...] = ()) -> Iterator[Started]:
    """Yield the agents and trainers that a script starts, also in quoted text that it has run."""
    for launch in script.launches:
        if launch.is_watched:
            yield Started(launch, outer)
        elif launch.inner is not None and len(outer) < 4 and not launch.inner.directives:
            yield from started_in(launch.inner, (*outer, launch))


def speaks_of_resuming(text: str) -> bool:
    """Whether a script, or the file of a training, says that a restart goes on with its run."""
    return _RESUMES.search(text) is not None


def put_in_front(launch: Launch, words: str) -> Edit | None:
    """Return the edit that has a command run by ``words``; ``None`` where they can't stand in front of it.

    That is so where a function or a keyword of the shell runs it, which no other program can start.
    """
    runners = launch.command.runners
    if not launch.command.words or not all(
        runner.name in _TRANSPARENT or _PYTHON.fullmatch(runner.name) for runner in runners
    ):
        return None
    first = min([launch.command.words[0].span.start, *(runner.span.start for runner in runners)])
    return Edit(Span(first, first), f"{words} ")


def becomes_its_command(launch: Launch) -> bool:
    """Whether nothing of what runs a command stays in front of it (``env``, ``nice``)."""
    return all(gives_way(runner.name) for runner in launch.command.runners)


def _starts_steps(launch: Launch) -> bool:
    """Whether a training is started by a program that is told to make steps of its processes."""
    words = launch.command.words
    if not words or words[0].program != "deepspeed":
        return False
    for word, following in zip(words, (*words[1:], None), strict=True):
        name, equals, value = (word.value or "").partition("=")
        if name == "--launcher" and (value if equals else following is not None and following.value) in _STEP_LAUNCHERS:
            return True
    return False


def gives_way(program: str) -> bool:
    """Whether a program becomes what it runs."""
    passing = PASSING.get(program)
    return passing is not None and passing.manner is Manner.REPLACED


def _tells_nobody(trap: Trap, script: str, but: tuple[type[Step], ...] = ()) -> bool:
    """Whether all steps of a trap are such that nobody is told of the signal, ``but`` those of some kinds."""
    if trap.action is not Action.RUN or trap.body is None:
        return False
    body = trap.body.text.strip()
    function = re.search(rf"(?m)^[ \t]*(?:function[ \t]+)?{re.escape(body)}[ \t]*(?:\([ \t]*\))?\s*\{{", script)
    if function is not None:
        body = re.split(r"(?m)^[ \t]*\}|[;\s]\}", script[function.end() :], maxsplit=1)[0]
    return _LEAVES_A_SIGN.search(body) is None and all(
        isinstance(step, (Exit, *but)) or (isinstance(step, Launch) and step.program in _TELLS_NOBODY)
        for step in trap.steps
    )


def _with_traps(script: ShellScript) -> Iterator[Step]:
    for step in script.steps:
        yield step
        if isinstance(step, Trap):
            yield from step.steps


def _all_launches(script: ShellScript) -> Iterator[Launch]:
    for step in _with_traps(script):
        if isinstance(step, Launch):
            yield step
            if step.inner is not None:
                yield from _all_launches(step.inner)


def _sets_up_the_shell(launch: Launch) -> bool:
    """Whether it is unknown text that a tool has printed for the shell's ``eval``."""
    words = launch.command.words
    return len(words) == 1 and _PRINTS_SETTINGS.fullmatch(words[0].literal.text) is not None


def _is_unknown_script(launch: Launch) -> bool:
    """Whether a shell script is run that is not in the file."""
    if launch.inner is not None or not launch.command.words:
        return False
    words = launch.command.words
    name = words[0].pattern
    if launch.program in SHELLS:
        return len(words) > 1
    return name.endswith((".sh", ".bash")) or (name.startswith("./") and not name.endswith(".py"))
