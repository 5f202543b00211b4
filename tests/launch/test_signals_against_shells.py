"""Which training is told of a signal, and which script stays until it has ended: as the facts say, so does the shell.

Each case is one that the facts once had wrong, or that sets two shells apart. It is run with the real shell, and with
a stand-in for the training that ends when it is let go (`shell_drill`). A hunt tries random scripts::

    python -m pytest -m hunt tests/launch/test_signals_against_shells.py
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.launch.hunt_signals import hunt
from tests.launch.shell_drill import Drill, drilling
from tests.launch.signal_comparison import Answer, measured_answer, read, routes_to, said_answer
from tests.launch.signal_scripts import Written

WAIT = 'wait "$PID"\n'
START = "python train_qa.py &\nPID=$!\n"
TRAP = "trap 'kill -TERM \"$PID\"' TERM USR1\n"
GUARDED = 'handler() {\n  if [ -n "${PID:-}" ]; then\n    kill -TERM "$PID"\n  fi\n}\ntrap handler TERM\n'

CASES = {
    # name: (shell, script, signal, what the training gets, whether the script leaves before it has ended)
    "single wait": ("bash", TRAP + START + WAIT, "TERM", "TERM", True),
    "two waits": ("bash", TRAP + START + WAIT + WAIT, "USR1", "TERM", False),
    "set -e ends the script at the interrupted wait": (
        "bash",
        "set -e\n" + TRAP + START + WAIT + WAIT,
        "TERM",
        "TERM",
        True,
    ),
    "set -e lets a wait fail before ||": (
        "bash",
        f"set -e\n{TRAP}{START}wait $PID || wait $PID\n",
        "TERM",
        "TERM",
        False,
    ),
    "set -e ends a trap whose kill fails": (
        "bash",
        "set -e\ntrap 'kill -TERM -- -$PID; wait' TERM\n" + START + WAIT,
        "TERM",
        None,
        True,
    ),
    "guard that holds": ("bash", GUARDED + START + WAIT + WAIT, "TERM", "TERM", False),
    "loop that asks": ("bash", f"{TRAP}{START}while kill -0 $PID; do\n  wait $PID\ndone\n", "TERM", "TERM", False),
    "loop that is left": (
        "bash",
        f"{TRAP}{START}while true; do\n  wait $PID\n  break\ndone\n",
        "TERM",
        "TERM",
        True,
    ),
    "waits in the trap for nothing": (
        "bash",
        "trap 'kill -TERM $PID; wait' TERM\n( cd . && python train_qa.py; echo over ) &\nPID=$!\nwait\n",
        "TERM",
        None,
        None,
    ),
    "trap replaced before the wait": ("bash", f"{TRAP}{START}trap - TERM\n{WAIT}", "TERM", None, True),
    "second training in front": ("bash", f"{TRAP}{START}python train_qb.py\n", "TERM", None, False),
    "tail in front": ("bash", f"{TRAP}{START}tail --pid=$PID -f /dev/null\n", "TERM", None, False),
    "pid in a subshell": ("bash", f"{TRAP}(\n{START}wait\n)\n", "TERM", None, False),
    "group of setsid": (
        "bash",
        "trap 'kill -USR1 -- -$PID' TERM\nsetsid python train_qa.py &\nPID=$!\nwait $PID\nwait $PID\n",
        "TERM",
        "USR1",
        False,
    ),
    "group without job control": (
        "bash",
        "trap 'kill -TERM -- -$PID' TERM\n" + START + WAIT + WAIT,
        "TERM",
        None,
        False,
    ),
    "group with job control": (
        "bash",
        "set -m\ntrap 'kill -TERM -- -$PID' TERM\n" + START + WAIT + WAIT,
        "TERM",
        "TERM",
        False,
    ),
    "pid that is set again": (
        "bash",
        f"{TRAP}{START}python train_qb.py &\nPID=$!\nwait\nwait\n",
        "TERM",
        None,
        False,
    ),
    "interrupt in the background": ("bash", f"trap 'kill -INT $PID' TERM\n{START}{WAIT}{WAIT}", "TERM", None, False),
    "interrupt to a list, in bash": (
        "bash",
        "trap 'kill -INT $PID' TERM\n( cd . && python train_qa.py ) &\nPID=$!\nwait\nwait\n",
        "TERM",
        "INT",
        False,
    ),
    "interrupt to a list, in dash": (
        "dash",
        "trap 'pkill -INT -f train_qa.py' TERM\n( cd . && python train_qa.py ) &\nwait\nwait\n",
        "TERM",
        None,
        False,
    ),
    "interrupt to timeout": (
        "bash",
        f"trap 'kill -INT $PID' TERM\ntimeout 1h {START}{WAIT}{WAIT}",
        "TERM",
        "INT",
        False,
    ),
    "killed shell, then the training itself": (
        "bash",
        "trap 'kill $PID; pkill -f train_qa.py' TERM\n{ python train_qa.py; echo over; } &\nPID=$!\nwait\n",
        "TERM",
        "TERM",
        True,
    ),
    "interrupt in front": ("dash", "python train_qa.py\n", "INT", None, False),
    "trap for EXIT in bash": ("bash", f"trap 'kill -TERM $PID; wait' EXIT\n{START}{WAIT}", "TERM", "TERM", False),
    "trap for EXIT in dash": ("dash", f"trap 'kill -TERM $PID; wait' EXIT\n{START}{WAIT}", "TERM", None, True),
    "SIG in front, in dash": ("dash", f"trap 'kill -TERM $PID' SIGTERM\n{START}{WAIT}{WAIT}", "TERM", None, True),
    "-- behind a signal, in dash": (
        "dash",
        f"trap 'kill -TERM -- $PID' TERM\n{START}{WAIT}{WAIT}",
        "TERM",
        None,
        False,
    ),
    "list of jobs, in dash": ("dash", f"trap 'kill -TERM $(jobs -p)' TERM\n{START}{WAIT}{WAIT}", "TERM", None, False),
    "exec in the background": (
        "bash",
        "trap 'echo got it' TERM\nexec python train_qa.py &\nwait\nwait\n",
        "TERM",
        None,
        False,
    ),
    "interrupt to exec in the background": (
        "bash",
        f"trap 'kill -INT $PID' TERM\nexec {START}{WAIT}{WAIT}",
        "TERM",
        "INT",
        False,
    ),
    "time is no process": (
        "bash",
        "trap 'kill -15 $(jobs -p); wait' EXIT\ntime python train_qa.py\n",
        "TERM",
        "TERM",
        None,
    ),
    "time in the background is a shell": (
        "bash",
        f"trap 'kill -TERM $PID' TERM\ntime {START}{WAIT}{WAIT}",
        "TERM",
        None,
        None,
    ),
    "group that the subshell above is killed with": (
        "bash",
        "trap 'trap \"\" TERM; kill 0; wait' TERM\n( python train_qa.py; echo over ) &\nwait\nwait\n",
        "TERM",
        "TERM",
        None,
    ),
    "SIGKILL to a shell above": (
        "bash",
        "trap 'kill -KILL $PID; exit' TERM\nbash -c 'python train_qa.py; echo over' &\nPID=$!\nwait\n",
        "TERM",
        None,
        True,
    ),
    "pid of a tee that reads nothing": (
        "bash",
        f"{TRAP}python train_qa.py > out | tee log &\nPID=$!\nwhile kill -0 $PID; do\n  sleep 1\ndone\nsleep 60\n",
        "TERM",
        None,
        None,
    ),
}
# What depends on more than the script tells: "unknown" is right, and anything else was wrong once.
NOT_KNOWN = {
    # name: (shell, script, signal)
    "set -u ends a trap that uses a pid too early": (
        "bash",
        "set -u\ntrap 'kill -TERM $OTHER; kill -TERM $PID' TERM\n" + START + WAIT + WAIT,
        "TERM",
    ),
    "hang-up under nohup": ("bash", f"trap 'kill -HUP $PID' TERM\nnohup {START}{WAIT}{WAIT}", "TERM"),
    "pid that dash has lost": (
        "dash",
        "trap 'echo got it' TERM\npython train_qa.py &\nPID=$(jobs -p)\ntail --pid=$PID -f /dev/null\nsleep 60\n",
        "TERM",
    ),
    "SIGKILL close behind": ("bash", f"trap 'kill -TERM $PID; kill -KILL $PID' TERM\n{START}{WAIT}{WAIT}", "TERM"),
}


@pytest.fixture(scope="module")
def drill() -> Iterator[Drill]:
    with drilling() as one:
        yield one


@pytest.mark.parametrize("name", CASES)
def test_the_facts_say_what_the_shell_does(name: str, drill: Drill) -> None:
    shell, text, signal, told, is_left = CASES[name]
    written = Written(shell, {"job.sh": f"#!/bin/{shell}\nexport WANDB_PROJECT=demo\n{text}"})

    drilled = drill.run(shell, written.files, sent=signal)
    measured = {one.name: measured_answer(one) for one in drilled.trainings}["train_qa.py"]
    (route,) = routes_to(written, read(written).scripts[0], "train_qa.py")
    said = said_answer(route, signal)

    assert measured.told == told, drilled.output
    assert is_left is None or measured.is_left is is_left, drilled.output
    assert said == Answer(told, is_left)


@pytest.mark.parametrize("name", NOT_KNOWN)
def test_the_facts_do_not_guess(name: str) -> None:
    shell, text, signal = NOT_KNOWN[name]
    written = Written(shell, {"job.sh": f"#!/bin/{shell}\nexport WANDB_PROJECT=demo\n{text}"})
    (route,) = routes_to(written, read(written).scripts[0], "train_qa.py")

    assert said_answer(route, signal) is None


def test_which_shell_sh_is_makes_a_difference_that_the_facts_do_not_know(drill: Drill) -> None:
    files = {"job.sh": f"#!/bin/sh\nexport WANDB_PROJECT=demo\ntrap 'kill -TERM $PID' SIGTERM\n{START}{WAIT}{WAIT}"}
    told = {shell: drill.run(shell, files, sent="TERM").trainings[0].got for shell in ("sh", "dash")}
    (route,) = routes_to(Written("sh", files), read(Written("sh", files)).scripts[0], "train_qa.py")

    assert told == {"sh": "TERM", "dash": None}
    assert said_answer(route, "TERM") is None


@pytest.mark.hunt
def test_the_facts_are_never_wrong_about_random_scripts() -> None:
    tally = hunt(3000, 20)

    assert [(written.text, comparison) for written, comparison in tally.wrong] == []
    assert [(written.text, claim) for written, claim in tally.false_alarms] == []
    assert tally.unknown_share < 0.15
