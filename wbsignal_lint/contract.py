"""W&B's contract between a training process and the state of its run, as data.

Written down once: rules, forecast, drill, README and tests all read it from here. Sources: the W&B documentation page
"Exit status and signals" (sweeps), whose reference table `DOCUMENTED` repeats cell by cell, and what the client was
measured to send (wandb 0.10.33 to 0.31.0).
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from enum import Enum

__all__ = [
    "DOCUMENTED",
    "FINISH_FORGETS_EXIT",
    "FORWARDING_AGENT_ENDS",
    "FORWARDS_SIGNALS",
    "HAS_TERM_TIMEOUT",
    "KEYBOARD_INTERRUPT_CODE",
    "PREEMPTION_SIGNALS",
    "REFUSES_BOOL_STATUS",
    "SERVER_TIMEOUT",
    "SYNCED_WITHOUT_EXIT",
    "Scenario",
    "State",
    "Verdict",
    "describe_outcome",
    "exit_code_for",
    "judge",
    "kept_offline",
]

SERVER_TIMEOUT = "about 5 minutes"
"""How long the W&B server waits for a silent run before it decides its state (documentation page)."""

PREEMPTION_SIGNALS = ("SIGTERM", "SIGUSR1", "SIGUSR2", "SIGHUP", "SIGQUIT", "SIGXCPU")
"""Signals that clusters announce a preemption with; SIGINT belongs to the person at the keyboard. A setting."""

FINISH_FORGETS_EXIT = "0.13.11"
"""The first wandb measured in which finish() without a code overwrites the one given to sys.exit(); 0.12.21 kept it."""

FORWARDS_SIGNALS = "0.24.0"
"""The first wandb whose agent has ``--forward-signals``; 0.23.1 answers "No such option"."""

FORWARDING_AGENT_ENDS = "0.28.0"
"""The first wandb whose agent ends itself with a SIGTERM that it passes on; 0.25.1 started the next run."""

HAS_TERM_TIMEOUT = "0.28.2"
"""The first wandb whose agent has ``--term-timeout``."""

REFUSES_BOOL_STATUS = "0.28.2"
"""The first wandb measured that fails on a bool as exit status; 0.25.1 recorded its number."""

SYNCED_WITHOUT_EXIT = 1
"""The exit code that ``wandb sync`` sends of a run in whose file there is none. Measured with wandb 0.31.0."""

KEYBOARD_INTERRUPT_CODE = 255
"""What the client records when an unhandled KeyboardInterrupt ends the process; the server shows such a run KILLED."""


class State(str, Enum):
    """The final states of a run."""

    FINISHED = "FINISHED"
    FAILED = "FAILED"
    CRASHED = "CRASHED"
    KILLED = "KILLED"
    PREEMPTED = "PREEMPTED"


class Scenario(str, Enum):
    """The seven ways a training process can end."""

    COMPLETES = "completes with exit code 0"
    FAILS = "fails with a non-zero exit code"
    SIGKILL = "receives SIGKILL"
    SIGINT = "receives SIGINT"
    SIGNAL = "receives another signal"
    STOPPED = 'is stopped in the UI ("Stop run")'
    CANCELLED = "is cancelled (wandb sweep --cancel)"


@dataclass(frozen=True)
class Verdict:
    """The final state of a run, when it is known, and whether the sweep hands the run out again."""

    state: State
    delayed: bool
    """True when the server decides only after it has heard nothing for about 5 minutes."""
    requeued: bool

    def __str__(self) -> str:
        when = f" after {SERVER_TIMEOUT}" if self.delayed else ""
        return f"{self.state.value}{when}, {'requeued' if self.requeued else 'not requeued'}"


def judge(marked: bool, recorded: int | None, scenario: Scenario | None = None) -> Verdict:
    """Say what becomes of a run.

    Args:
        marked: ``mark_preempting()`` reached the transaction log.
        recorded: the exit code that W&B recorded, which need not be the process's own; ``None`` if it recorded none.
        scenario: how the process came to its end, where that matters: a cancelled sweep hands nothing out again.

    Returns:
        The final state, whether it comes late, and whether the run is requeued.
    """
    if recorded is None:
        state, delayed = (State.PREEMPTED if marked else State.CRASHED), True
    elif recorded == 0:
        state, delayed = State.FINISHED, False
    elif marked:
        state, delayed = State.PREEMPTED, False
    elif recorded == KEYBOARD_INTERRUPT_CODE:
        state, delayed = State.KILLED, False
    else:
        state, delayed = State.FAILED, False
    requeued = state is State.PREEMPTED and scenario is not Scenario.CANCELLED
    return Verdict(state, delayed, requeued)


class Column(str, Enum):
    """The columns of the documentation's reference table: when the script calls ``mark_preempting()``."""

    NEVER = "No mark_preempting()"
    IN_HANDLER = "Signal handler calls mark_preempting() and exits non-zero"
    ALWAYS = "mark_preempting() always called right after init()"


# (state, delayed) for each cell of the documentation's table, rows by scenario, columns in the order of `Column`.
DOCUMENTED: dict[Scenario, tuple[tuple[State, bool], tuple[State, bool], tuple[State, bool]]] = {
    Scenario.COMPLETES: ((State.FINISHED, False), (State.FINISHED, False), (State.FINISHED, False)),
    Scenario.FAILS: ((State.FAILED, False), (State.FAILED, False), (State.PREEMPTED, False)),
    Scenario.SIGKILL: ((State.CRASHED, True), (State.CRASHED, True), (State.PREEMPTED, True)),
    Scenario.SIGINT: ((State.KILLED, False), (State.PREEMPTED, False), (State.PREEMPTED, False)),
    Scenario.SIGNAL: ((State.CRASHED, True), (State.PREEMPTED, False), (State.PREEMPTED, True)),
}


def exit_code_for(signum: int) -> int:
    """Return the customary exit status of a process ended by a signal: ``128 + signum``."""
    return 128 + signum


def describe_outcome(row: str, marked: bool, recorded: int | None) -> str:
    """Say which row of the outcome table a line spoils: what W&B has on record then, and what it makes of it.

    Args:
        row: the row's name: a signal's, or a word such as ``fails``.
        marked: whether the run is marked as preempting.
        recorded: the exit code on record, ``None`` for none.
    """
    mark = "preempting, " if marked else ""
    code = "no exit code" if recorded is None else f"exit code {recorded}"
    event = "an error" if row == "fails" else row
    return f"after {event}: {mark}{code} → {judge(marked, recorded)}"


def kept_offline(outcome: str) -> str:
    """Return what `describe_outcome` says as it is for a run that is offline (``WANDB_MODE=offline``).

    The server hears of such a run when ``wandb sync`` sends its file. Where no exit code is in the file, ``wandb sync``
    says 1, and the run is no crashed one: measured with wandb 0.31.0, tests/truth/test_contract.py.
    """
    event, arrow, _ = outcome.partition(" → ")
    if not arrow or "no exit code" not in event:
        return outcome
    verdict = judge("preempting, " in event, SYNCED_WITHOUT_EXIT)
    return f"{event}{arrow}offline: `wandb sync` gives the run exit code {SYNCED_WITHOUT_EXIT}, {verdict}"


def signal_number(name: str) -> int | None:
    """Return the number of a signal on this platform, or ``None`` for a name it does not have."""
    try:
        return int(signal.Signals[name])
    except KeyError:
        return None
