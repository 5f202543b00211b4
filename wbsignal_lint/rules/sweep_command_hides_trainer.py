"""WBS502."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Applicability, Confidence, Diagnostic, Edit, Fix, Severity, Span
from wbsignal_lint.launch.beside import keeper_beside
from wbsignal_lint.launch.containers import SweepCommand
from wbsignal_lint.launch.facts import LaunchFile, Runner
from wbsignal_lint.launch.passing import PASSING, Manner, passing_of
from wbsignal_lint.launch.steps import Launch, ShellScript
from wbsignal_lint.rules.base import LaunchRule

__all__ = ["SweepCommandHidesTrainer"]

_PYTHON = re.compile(r"(?:python|pypy)[\d.]*|torchrun|accelerate|deepspeed|.*\.py")


class SweepCommandHidesTrainer(LaunchRule):
    """A sweep's command puts a process between the agent and the training that keeps signals to itself.

    ## What it finds

    A `command:` of a W&B sweep file in which the agent's child is not the training, but a program that stays its parent
    and does not pass SIGTERM on: `sh -c '…'`, `bash -c` with more behind the training or a pipe around it, `time`,
    `xargs`, `flock`, `setsid`, `accelerate launch --num_processes 1`; and a script of the project (`bash run.sh`,
    `./run.sh`, or `${program}` where that is one) whose shell starts the training without `exec`.

    ## Why it matters

    `wandb agent --forward-signals` signals its direct child, and nobody else. That child dies of the SIGTERM, and the
    agent takes the run for ended. The training goes on as an orphan, is never told, marks nothing, and is killed with
    the node; after a SIGUSR1 the agent even starts the next run beside it. `setsid` leaves the agent's sight at once.

    ## Example

    Bad:

    ```yaml
    program: train.py
    method: random
    parameters:
      lr: {min: 0.0001, max: 0.1}
    command:
      - bash
      - -c
      - python train.py "$@"; rm -rf /tmp/cache
      - bash
      - ${args}
    ```

    Good:

    ```yaml
    program: train.py
    method: random
    parameters:
      lr: {min: 0.0001, max: 0.1}
    command:
      - bash
      - -c
      - source env.sh; exec python train.py "$@"
      - bash
      - ${args}
    ```

    ## Fix

    Unsafe: `exec` in front of the training, where that is the last and a simple command of a `sh -c`. For the others
    there is none.

    ## Leaves alone

    Programs that give their place to the training (`env`, `nice`, `stdbuf`, `taskset`, `flock --no-fork` …) or pass
    SIGTERM on (`timeout`, `uv run`, `torchrun`, tini, dumb-init); `bash -c` where the training is the last command,
    which bash runs in its own place; `exec`; scripts with a trap; script files that are not found beside the sweep file
    or above it, or that source files of the project; `accelerate launch` with several processes, which is torchrun
    then, or with a number of them that the command does not tell; programs that are not known.

    ## Source

    Measured with wandb 0.31.0, dash 0.5.12, bash 5.2, coreutils 9.1, util-linux 2.38 and accelerate: the training is
    left with parent 1 and nothing is recorded. Where `sh` is bash, as on Red Hat's systems, a single command is run in
    its place.
    """

    code = "WBS502"
    name = "sweep-command-hides-trainer"
    severity = Severity.ERROR
    confidence = Confidence.MEDIUM
    fixes = (Applicability.UNSAFE,)

    def check(self, launch: LaunchFile) -> Iterator[Diagnostic]:
        """Yield every sweep command below which the training is out of the agent's reach."""
        for sweep in launch.sweeps:
            found = _hidden_by(sweep)
            if found is None:
                yield from self._in_file(launch, sweep)
                continue
            name, place, fix = found
            yield self.at(
                place,
                f"the agent signals its direct child only, which is {name} here: it does not pass SIGTERM on, and the "
                "training is orphaned and never told",
                outcome=describe_outcome("SIGTERM", False, None),
                fix=fix,
                scope=sweep.span,
            )

    def _in_file(self, launch: LaunchFile, sweep: SweepCommand) -> Iterator[Diagnostic]:
        """Yield a script of the project whose shell is the agent's child, and keeps signals from the training."""
        command = sweep.command
        if command is None or sweep.script is not None or not all(map(_passes_on, command.runners)):
            return
        keeper = keeper_beside(launch, command.words, lambda name: [name])
        if keeper is None:
            return
        yield self.at(
            keeper.word.span,
            f"the agent signals its direct child only, which is the shell of {keeper.script.name} here: it dies of "
            "SIGTERM, and the training is orphaned and never told; have exec start it there, as the last command",
            outcome=describe_outcome("SIGTERM", False, None),
            related=keeper.notes,
            scope=sweep.span,
        )


def _passes_on(runner: Runner) -> bool:
    """Whether a SIGTERM to a program gets to what it runs."""
    passing = PASSING.get(runner.name)
    return passing is not None and (passing.manner is Manner.REPLACED or "TERM" in passing.forwards)


def _hidden_by(sweep: SweepCommand) -> tuple[str, Span, Fix | None] | None:
    """Return the name of the program that keeps signals to itself, its place, and a fix."""
    command = sweep.command
    if command is None:
        return None
    runners = [(runner.name, runner.span) for runner in command.runners]
    shell = runners.pop() if sweep.script is not None else None
    if [word.value for word in command.words[:2]] == ["accelerate", "launch"]:
        runners.append(("accelerate launch", command.words[0].span))
    for name, span in runners:
        if name == "flock" and any(word.value in ("--no-fork", "-F") for word in sweep.words):
            continue
        passing = passing_of(name.partition(" ")[0], command.text)
        if passing is None or "TERM" in passing.kills:
            return None  # what it does with signals is not known; srun ends its tasks, which are no orphans then
        if passing.manner is Manner.STAYS and "TERM" not in passing.forwards:
            return f"`{name}`", span, None
    if sweep.script is None or shell is None:
        return None
    started = _kept_by_shell(sweep.script, shell[0])
    if started is None:
        return None
    return f"`{shell[0]} -c`", shell[1], _fix(started)


def _kept_by_shell(script: ShellScript, shell: str) -> Launch | None:
    """Return the training that a shell starts and stays the parent of."""
    if script.traps or any(launch.job is not None for launch in script.launches):
        return None
    for launch in script.launches:
        words = launch.command.words
        if not words or launch.in_substitution:
            continue
        if not (launch.trainer or _PYTHON.fullmatch(words[0].program) or words[0].is_list):
            continue
        if any(word.value in ("-c", "--version") or word.pattern.startswith("-mpip") for word in words[1:3]):
            continue
        if any(word.value in ("pip", "venv") for word in words[1:3]):
            continue
        if launch.is_exec:
            return None
        if shell in ("sh", "dash") and launch.is_last:
            return launch
        if shell in ("sh", "dash", "bash") and not launch.is_simple_last and launch.trainer is not None:
            return launch
    return None


def _fix(launch: Launch) -> Fix | None:
    if not launch.is_simple_last:
        return None
    first = launch.command.runners[0].span if launch.command.runners else launch.command.words[0].span
    return Fix("Put exec in front of it", (Edit(Span(first.start, first.start), "exec "),), Applicability.UNSAFE)
