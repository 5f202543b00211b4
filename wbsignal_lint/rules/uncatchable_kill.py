"""WBS412."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Applicability, Diagnostic, Edit, Fix, Severity, Span
from wbsignal_lint.launch.facts import LaunchFile
from wbsignal_lint.launch.processes import reaches
from wbsignal_lint.launch.steps import Kill, Launch, ShellScript, Step, Target, TargetKind, Trap
from wbsignal_lint.rules.base import LaunchRule

__all__ = ["UncatchableKill"]

_AGENT = re.compile(r"wandb\s+agent")
_WORD = re.compile(r"(?P<before>(?:^|-|=|-s)[\"']?)(?P<name>(?:SIG)?KILL|9)(?=[\"']?$)", re.IGNORECASE)


class UncatchableKill(LaunchRule):
    """SIGKILL ends a training or its agent before any handler can mark the run.

    ## What it finds

    `kill -9`, `kill -KILL` and `kill -s KILL` of a background job that is an agent or a training; `pkill -9`,
    `killall -9` and `kill -9 $(pgrep …)` of `wandb agent` or of a training that the script starts; `scancel -s KILL`
    in a file that starts one. In Python that launches: `process.kill()`, `process.send_signal(SIGKILL)` and
    `os.kill(process.pid, SIGKILL)` for an agent or a training that `subprocess.Popen` or
    `asyncio.create_subprocess_exec` started in that file, and `os.killpg` for its process group.

    ## Why it matters

    No process can handle SIGKILL. The training does not save, does not mark its run, and sends no exit code: W&B hears
    nothing more, records CRASHED after about five minutes, and does not requeue the run. A killed agent leaves its
    training behind, which goes on until somebody finds it.

    ## Example

    Bad:

    ```bash
    wandb agent --forward-signals "$SWEEP_ID" &
    AGENT=$!
    sleep 11h
    kill -9 "$AGENT"
    ```

    Good:

    ```bash
    wandb agent --forward-signals "$SWEEP_ID" &
    AGENT=$!
    sleep 11h
    kill -TERM "$AGENT"
    wait "$AGENT"
    ```

    ## Fix

    Unsafe: sends SIGTERM. Unsafe because a process that ignores SIGTERM then stays.

    ## Leaves alone

    SIGKILL for what has had another signal before it, to the same pid or by the same pattern; other jobs and programs,
    wandb's own helpers among them (`pkill -9 wandb-core`); pids of which the file does not tell whose they are; in
    Python, `kill()` of a process that is also sent `terminate()` or has been waited for, in `finally`, and in tests;
    of a shell (`shell=True`) shell-keeps-signal (WBS408) speaks, and of `timeout=` timeout-cuts-handler (WBS411).
    `timeout -s KILL` is the business of timeout-cuts-handler (WBS411).

    ## Source

    `man 7 signal`; measured with wandb 0.31.0: after SIGKILL the log of a run has neither a mark nor an exit code, and
    the run of a killed agent goes on as a child of process 1; the same with `Popen.kill()`.
    """

    code = "WBS412"
    name = "uncatchable-kill"
    severity = Severity.INFO
    fixes = (Applicability.UNSAFE,)

    def check(self, launch: LaunchFile) -> Iterator[Diagnostic]:
        """Yield every SIGKILL to an agent or a training that nothing milder precedes."""
        for one in launch.children.kills:
            edit = None if one.milder is None else Edit(*one.milder)
            yield self.at(
                one.span,
                f"SIGKILL can't be handled: the {one.what} is gone before it can mark its run or save anything",
                outcome=describe_outcome("SIGKILL", False, None),
                fix=None if edit is None else Fix("Send SIGTERM", (edit,), Applicability.UNSAFE),
            )
        found: set[Span] = set()
        starts_any = any(script.watched for script in launch.scripts)
        for script in launch.scripts:
            for steps in (script.steps, *(trap.steps for trap in script.traps)):
                for kill in steps:
                    if not isinstance(kill, Kill) or kill.signal != "KILL" or kill.span in found:
                        continue
                    what = _killed(script, kill, starts_any=starts_any)
                    if what is None or _has_been_asked(script, steps, kill):
                        continue
                    found.add(kill.span)
                    yield self.at(
                        kill.span,
                        f"SIGKILL can't be handled: the {what} is gone before it can mark its run or save anything",
                        outcome=describe_outcome("SIGKILL", False, None),
                        fix=_fix(launch.text, kill),
                    )


def _killed(script: ShellScript, kill: Kill, *, starts_any: bool) -> str | None:
    """Return what is killed, in words; ``None``: nothing of ours, or not known."""
    launched = next((one for one in script.watched if _is_hit(script, kill, one)), None)
    if launched is not None:
        return launched.what
    for target in kill.targets:
        if target.kind is TargetKind.PATTERN and _AGENT.search(target.name):
            return "sweep agent"
        if target.kind is TargetKind.SLURM_JOB and starts_any:
            return "job's training"
    return None


def _is_hit(script: ShellScript, kill: Kill, launched: Launch) -> bool:
    if launched.job is None:
        return False
    if any(target.kind is TargetKind.GROUP for target in kill.targets):
        return True
    patterns = [target.name for target in kill.targets if target.kind is TargetKind.PATTERN]
    if any("wandb" in pattern and not _AGENT.search(pattern) for pattern in patterns):
        return False
    return reaches(script, kill, launched) is True


def _has_been_asked(script: ShellScript, steps: Sequence[Step], kill: Kill) -> bool:
    """Whether another signal to the same processes comes before it."""
    before = list(steps[: next(index for index, one in enumerate(steps) if one is kill)])
    if steps is not script.steps:
        before.extend(step for step in script.steps if not isinstance(step, Trap))
    return any(
        isinstance(step, Kill)
        and step.signal not in ("KILL", "EXIT")
        and any(_is_same(one, other) for one in step.targets for other in kill.targets)
        for step in before
    )


def _is_same(one: Target, other: Target) -> bool:
    if one.kind is other.kind and one.name == other.name:
        return True
    return bool(set(one.jobs) & set(other.jobs)) or TargetKind.ALL_JOBS in (one.kind, other.kind)


def _fix(text: str, kill: Kill) -> Fix | None:
    if kill.signal_span is None:
        return None
    match = _WORD.search(text[kill.signal_span.start : kill.signal_span.end])
    if match is None:
        return None
    start = kill.signal_span.start + match.start("name")
    name = match["name"]
    content = {"9": "TERM"}.get(name, ("SIG" if name.upper().startswith("SIG") else "") + "TERM")
    return Fix("Send SIGTERM", (Edit(Span(start, start + len(name)), content),), Applicability.UNSAFE)
