"""WBS411."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Diagnostic, Severity, Span
from wbsignal_lint.launch.children import TimeLimit
from wbsignal_lint.launch.facts import LaunchFile, Runner
from wbsignal_lint.launch.processes import becomes_last_command, deliver_to_job, kills_of, reaches
from wbsignal_lint.launch.signals import name_of
from wbsignal_lint.launch.steps import Launch, ShellScript
from wbsignal_lint.rules.base import LaunchRule

__all__ = ["TimeoutCutsHandler"]

_TIMEOUT = ("timeout", "gtimeout")
_FORWARDED = frozenset({"TERM", "INT", "HUP", "QUIT"})
_UNCATCHABLE = frozenset({"KILL", "STOP"})
_SIGNAL = re.compile(r"(?<![\w-])(?:-[a-z]*s\s*|--signal[= ]\s*)[\"']?(?P<signal>\w+)")
_KILL_AFTER = re.compile(r"(?<![\w-])(?:-[a-z]*k\s*|--kill-after[= ]\s*)[\"']?(?P<time>\d+(?:\.\d+)?)(?P<unit>[smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


class TimeoutCutsHandler(LaunchRule):
    """What timeout does not pass on, or ends by SIGKILL, leaves the training no time for its handler.

    ## What it finds

    `timeout` in front of an agent or a training, where

    - the script or `#SBATCH --signal` sends SIGUSR1, SIGUSR2 or SIGXCPU to the process that is `timeout`;
    - its own signal is SIGKILL: `timeout -s KILL 2h python train.py`;
    - its `--kill-after` is shorter than the agent's `--term-timeout`;

    and `timeout=` of `subprocess.run`, `call`, `check_call` or `check_output` that starts an agent or a training.

    ## Why it matters

    `timeout` passes SIGTERM, SIGINT, SIGHUP and SIGQUIT on to what it runs, and the signal of its `-s`. Of any other
    it simply dies. The training is not told, goes on without a parent, and is killed with the job: nothing is marked as
    preempting, W&B records CRASHED after about five minutes and does not requeue the run. SIGKILL does the same to a
    training whose time is up, and SIGKILL is what `subprocess.run` sends then; an agent that gives its run a minute to
    end is of no use when it is killed itself after ten seconds.

    ## Example

    Bad:

    ```bash
    #!/bin/bash
    #SBATCH --signal=USR1@120
    export WANDB_PROJECT=segmentation
    srun timeout 23h python train.py
    sleep 60
    ```

    Good:

    ```bash
    #!/bin/bash
    #SBATCH --signal=TERM@120
    export WANDB_PROJECT=segmentation
    srun timeout 23h python train.py
    sleep 60
    ```

    ## Fix

    None: whether the signal is to be SIGTERM, the limit the scheduler's, or `timeout` is to go, is for a person to say.
    `timeout -s USR1` passes SIGUSR1 on as well, and sends it when the time is up.

    ## Leaves alone

    `timeout` where nothing but SIGTERM, SIGINT, SIGHUP or SIGQUIT is sent; `timeout -s USR1` and SIGUSR1; signals to
    the script for which it has no trap; `--kill-after` by itself, since how long a handler takes is not in the file;
    options that stand in variables; `timeout` in front of anything else. In Python: a `timeout=` that may be `None`,
    tests, and `process.wait(timeout=…)`, which sends nothing.

    ## Source

    `man timeout`, the documentation of `subprocess`; measured with coreutils 9.1, Python 3.11 and wandb 0.31.0.
    """

    code = "WBS411"
    name = "timeout-cuts-handler"
    severity = Severity.WARNING

    def check(self, launch: LaunchFile) -> Iterator[Diagnostic]:
        """Yield every `timeout` that ends what it runs, or ends itself, in place of passing a signal on."""
        for limit in launch.children.limits:
            yield from self._of_python(limit)
        found: set[Span] = set()
        for script in launch.scripts:
            for launched in script.watched:
                timeout = next((one for one in launched.command.runners if one.name in _TIMEOUT), None)
                if timeout is None or timeout.span in found:
                    continue
                finding = self._finding(launch, script, launched, timeout)
                if finding is not None:
                    found.add(timeout.span)
                    yield finding

    def _of_python(self, limit: TimeLimit) -> Iterator[Diagnostic]:
        cure = "wait() for it with this timeout, and terminate() it then"
        if limit.script is None:
            yield self.at(
                limit.span,
                f"when the time is up {limit.call} sends SIGKILL, for which no handler runs: the {limit.what} is lost "
                f"without a word; start it with Popen, {cure}",
                outcome=describe_outcome("SIGKILL", False, None),
            )
        elif all(becomes_last_command(replace(limit.script, shell="bash"), one) for one in limit.script.watched):
            yield self.at(
                limit.span,
                f"when the time is up {limit.call} sends SIGKILL to the shell of shell=True: the {limit.what} goes on "
                "without it or, where sh is bash, is killed in its place, and no handler runs either way; start it "
                f"with Popen and without a shell, {cure}",
            )
        # Else the shell alone gets it, of which shell-keeps-signal speaks.

    def _finding(self, launch: LaunchFile, script: ShellScript, launched: Launch, timeout: Runner) -> Diagnostic | None:
        what = launched.what
        options = _options(launch, launched, timeout)
        if options is None:
            return None
        asked = _SIGNAL.search(options)
        own = "TERM" if asked is None else name_of(asked["signal"])
        if own in _UNCATCHABLE:
            return self.at(
                timeout.span,
                f"when the time is up this timeout sends SIG{own}, for which no handler runs: the {what} is lost "
                "without a word; its default, SIGTERM, can be handled",
                outcome=describe_outcome(f"SIG{own}", False, None),
                scope=launched.span,
            )
        deaf = [name for name in _sent(script, launched, timeout) if name not in _FORWARDED and name != own]
        if deaf and own is not None:
            return self.at(
                timeout.span,
                f"timeout does not pass SIG{deaf[0]} on: it dies of it, and the {what} is never told; it does pass "
                "SIGTERM on",
                outcome=describe_outcome(f"SIG{deaf[0]}", False, None),
                scope=launched.span,
            )
        patience = _seconds(_KILL_AFTER.search(options))
        grace = dict(launched.agent.options).get("--term-timeout") if launched.agent is not None else None
        if patience is not None and grace is not None and grace.isdigit() and patience < int(grace):
            return self.at(
                timeout.span,
                f"this timeout kills the agent after {patience:g} seconds, although the agent gives its run {grace} to "
                "end (--term-timeout)",
                scope=launched.span,
            )
        return None


def _options(launch: LaunchFile, launched: Launch, timeout: Runner) -> str | None:
    """Return what stands between ``timeout`` and what it runs; ``None`` where it is not known."""
    later = [one.span.start for one in launched.command.runners if one.span.start > timeout.span.start]
    later.extend(word.span.start for word in launched.command.words[:1])
    end = min(later, default=timeout.span.end)
    text = launch.text[timeout.span.end : end]
    is_known = timeout.span.start < end and launch.text[timeout.span.start : timeout.span.end].endswith("timeout")
    return text if is_known and not re.search(r"\$\{?\w*(?:OPT|FLAG|ARG|SIG)", text, re.IGNORECASE) else None


def _seconds(match: re.Match[str] | None) -> float | None:
    return None if match is None else float(match["time"]) * _SECONDS[match["unit"]]


def _sent(script: ShellScript, launched: Launch, timeout: Runner) -> Iterator[str]:
    """Yield the signals that the process gets that is ``timeout``."""
    asked = script.job_signal
    if asked is not None:
        first = launched.command.runners[0].name
        is_task = first == "srun" and not asked.to_batch_shell
        takes_place = first == "exec" and asked.to_batch_shell and launched.stages == 1
        if is_task or (takes_place and not launched.is_run_by("srun")):
            yield asked.signal
    if launched.job is None:
        return
    for kill in kills_of(script):
        if kill.signal is None or reaches(script, kill, launched) is not True:
            continue
        delivery = deliver_to_job(script, launched, kill.signal)
        for reception in delivery.receptions if delivery is not None else ():
            if reception.process.name == timeout.name and reception.signal is not None:
                yield reception.signal
