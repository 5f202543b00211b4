"""WBS418."""

from __future__ import annotations

from collections.abc import Iterator

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Applicability, Confidence, Diagnostic, Fix, Related, Severity
from wbsignal_lint.launch.batch import PREEMPTION_SIGNALS, BatchJob, Started, batch_jobs, put_in_front, started_in
from wbsignal_lint.launch.beside import script_run_by
from wbsignal_lint.launch.facts import LaunchFile
from wbsignal_lint.launch.processes import Fate, Kind, deliver, reaches
from wbsignal_lint.launch.steps import Kill
from wbsignal_lint.rules.base import LaunchRule

__all__ = ["OutOfSlurmReach"]


class OutOfSlurmReach(LaunchRule):
    """SLURM never signals what a batch script runs without srun or exec; it kills it.

    ## What it finds

    In a batch script (`#SBATCH` lines, `sbatch --wrap`, a document that is submitted): a sweep agent or a training
    that the batch shell starts as an ordinary command, without `srun`, without `exec`, and without a trap that could
    pass a signal on; also in a script that it runs from a file (`bash run.sh`). An error for an agent, a warning for a
    training. A trap that only resubmits the job or says something (`trap 'sbatch "$0"' USR1`) passes nothing on: it
    also ends the `wait` for a training in the background, and with the script the training is gone. The same goes for
    a second training in the background that the trap does not signal.

    ## Why it matters

    At a preemption, a time limit or `scancel`, SLURM sends SIGTERM to the direct children of its step daemon: the
    batch shell, and the tasks of `srun` steps. The shell dies of it, and whatever it was running gets SIGKILL within
    milliseconds, together with the wandb client: no handler runs, nothing is marked as preempting, no exit code is
    sent. W&B records CRASHED after about five minutes and does not requeue the run. Of a run that is offline
    (`WANDB_MODE=offline`) the server hears nothing before `wandb sync`, which says exit code 1: FAILED, not requeued;
    up to the last 15 seconds are not in its file. `--forward-signals` does not help: the agent is never told either.
    The same goes for the signal of `--signal`.

    This assumes SLURM's default process tracker, `proctrack/cgroup`, without `SignalChildrenProcesses`.

    ## Example

    Bad:

    ```bash
    #!/bin/bash
    #SBATCH --time=24:00:00
    wandb agent --forward-signals "$SWEEP_ID"
    ```

    Good:

    ```bash
    #!/bin/bash
    #SBATCH --time=24:00:00
    srun wandb agent --forward-signals "$SWEEP_ID"
    ```

    ## Fix

    Unsafe: puts `srun` in front, so that the command is a step of the job; `srun --nodes=1 --ntasks=1` where the job
    asks for several tasks, of which `srun` would start a copy each; `srun --cpus-per-task=…` where it asks for several
    CPUs, since `srun` has not taken them over from `sbatch` since SLURM 22.05. A last command of a job whose
    `--signal=B:…` goes to the shell gets `exec` and takes the shell's place. Unsafe because a step has resources and
    an environment of its own, and because a job with `--requeue` that ends with it then has to look at its status
    (WBS424). There is no fix for commands in the background, or run by functions and keywords of the shell, or by
    `conda run` and others that keep signals from what they run.

    ## Leaves alone

    Scripts that are no batch scripts; what `srun`, `mpirun` and the like start (`deepspeed --launcher slurm` among
    them); the branch for other machines of an `if` that starts a step in its branch for the cluster; scripts with a
    trap for a preemption signal, or one for EXIT that signals others; commands on other machines or in containers
    with a daemon (`ssh`, `docker run`); what is started with W&B switched off (`WANDB_MODE=disabled`, and
    `WANDB_DISABLED=true`, which Hugging Face's trainers go by), wherever the file says so; commands that come from
    variables of which the file does not tell the value;
    Python files that are no training as far as one can tell, and calls of a training that only evaluate
    (`mode=eval`, `--test_only`) or lack the switch for wandb that another call of it has (`--use_wandb`).

    ## Source

    Measured with SLURM 22.05.8 and 24.11.5 and wandb 0.31.0 (docs/slurm.md); `man slurm.conf`, ProctrackType.
    """

    code = "WBS418"
    name = "out-of-slurm-reach"
    severity = Severity.WARNING
    graver = Severity.ERROR
    confidence = Confidence.MEDIUM
    fixes = (Applicability.UNSAFE,)

    def check(self, launch: LaunchFile) -> Iterator[Diagnostic]:
        """Yield every agent and trainer that runs below a batch shell without a trap."""
        for job in batch_jobs(launch):
            if job.tells_at_exit:
                continue
            has_traps, sources_unknown = bool(job.traps), job.sources_unknown
            tells_nobody = not has_traps or job.traps_tell_nobody
            for started in job.started:
                if not tells_nobody and not _is_passed_over(job, started):
                    continue
                if has_traps and started.first.job is None:
                    continue  # the trap runs (WBS404) or is set (WBS406) too late for it
                if started.is_step or started.is_elsewhere or started.takes_the_shells_place:
                    continue
                if job.has_step_instead_of(started):
                    continue
                if started.first.job is not None and sources_unknown:
                    continue  # what is sourced may set the traps
                yield self._finding(job, started)

            yield from () if has_traps else self._in_files(launch, job)

    def _in_files(self, launch: LaunchFile, job: BatchJob) -> Iterator[Diagnostic]:
        """Yield the commands that run a script from a file which starts an agent or trainer."""
        for command in job.script.launches:
            if command.is_watched or Started(command).is_step or Started(command).is_elsewhere:
                continue
            found = script_run_by(launch, command)
            if found is None or found[1].traps:
                continue
            inside = [one for one in started_in(found[1]) if not one.is_step and not one.is_elsewhere]
            if inside:
                agent = any(one.is_agent for one in inside)
                yield self.at(
                    command.command.words[0].span,
                    "by default SLURM signals only the batch shell and srun's tasks: at a preemption, time limit or "
                    f"scancel the {'sweep agent' if agent else 'training'} that {found[0]} starts is killed without "
                    "having been told; start it there with srun",
                    outcome=describe_outcome("SLURM's SIGTERM", False, None),
                    scope=command.span,
                    graver=agent,
                )

    def _finding(self, job: BatchJob, started: Started) -> Diagnostic:
        if job.traps:
            return self.at(
                started.span,
                f"no trap here passes a signal on to this {started.what}: when the script leaves, or at a time limit, "
                "a preemption or scancel, it is killed without having been told; signal it in the trap and wait "
                "again, or start it with srun",
                outcome=describe_outcome("SLURM's SIGTERM", False, None),
                related=tuple(Related(trap.span, "the trap") for trap in job.traps[:1]),
                scope=started.first.span,
                graver=started.is_agent,
            )
        also = "with or without --forward-signals" if started.is_agent else "whatever handlers it has"
        return self.at(
            started.span,
            "by default SLURM signals only the batch shell and srun's tasks: at a preemption, time limit or scancel "
            f"this {started.what} is killed without having been told, {also}; start it with srun"
            f"{' or exec' if _ends_the_script(started) else ''}",
            outcome=describe_outcome("SLURM's SIGTERM", False, None),
            fix=self._fix(job, started),
            scope=started.first.span,
            graver=started.is_agent,
        )

    @staticmethod
    def _fix(job: BatchJob, started: Started) -> Fix | None:
        command = started.launch
        if started.outer or command.job is not None:
            return None
        signal = job.script.job_signal
        replaces = signal is not None and signal.to_batch_shell and _ends_the_script(started) and not job.script.traps
        words = "exec" if replaces else job.step
        edit = put_in_front(command, words)
        return None if edit is None else Fix(f"Start it with {words}", (edit,), Applicability.UNSAFE)


def _is_passed_over(job: BatchJob, started: Started) -> bool:
    """Whether traps that signal others surely do not signal this one in the background."""
    script, command = job.script, started.first
    if command.job is None or command.in_loop or not job.traps_only_signal:
        return False
    trapped = [step for trap in job.traps for step in trap.steps if isinstance(step, Kill)]
    if any(reaches(script, kill, command) is not False for kill in (*script.kills, *trapped)):
        return False
    for signal in {name for trap in job.traps for name in trap.signals if name in PREEMPTION_SIGNALS}:
        delivery = deliver(script, command, signal)
        if delivery is None or delivery.fate_of(Kind.SHELL) is not Fate.RUNS_TRAP:
            return False
        if delivery.receptions[-1].fate is not Fate.UNTOLD:
            return False
    return True


def _ends_the_script(started: Started) -> bool:
    """Whether it can take the shell's place: nothing runs after it."""
    command = started.launch
    return (
        not started.outer
        and command.is_foreground
        and command.is_last
        and command.stages == 1
        and all(block.kind == "script" for block in command.blocks)
        and not command.in_condition
    )
