"""The documentation's reference table against real runs: every cell is drilled, offline and online."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from wbsignal_lint.contract import DOCUMENTED, SYNCED_WITHOUT_EXIT, Column, Scenario, judge
from wbsignal_lint.drill.environment import client_environment
from wbsignal_lint.drill.loopback import Loopback
from wbsignal_lint.drill.measurement import Plan, drill

pytestmark = pytest.mark.truth

SCRIPTS = Path(__file__).parent / "scripts"
TRAINERS = {
    Column.NEVER: "never_marks.py",
    Column.IN_HANDLER: "marks_in_handler.py",
    Column.ALWAYS: "always_marks.py",
}
# How each row of the table comes about: the script's argument and the signal it is sent.
ENDINGS = [
    (Scenario.COMPLETES, "completes", None),
    (Scenario.FAILS, "fails", None),
    (Scenario.SIGKILL, "waits", signal.SIGKILL),
    (Scenario.SIGINT, "waits", signal.SIGINT),
    (Scenario.SIGNAL, "waits", signal.SIGTERM),
    (Scenario.SIGNAL, "waits", signal.SIGUSR1),
]


@pytest.mark.parametrize("mode", ["offline", "online"])
@pytest.mark.parametrize("column", list(Column), ids=lambda column: column.name)
@pytest.mark.parametrize(
    ("scenario", "ending", "signum"),
    [pytest.param(*case, id=case[2].name if case[2] else case[1]) for case in ENDINGS],
)
def test_a_run_ends_in_the_state_that_the_documentation_says(
    scenario: Scenario, ending: str, signum: signal.Signals | None, column: Column, mode: str, tmp_path: Path
) -> None:
    command = [sys.executable, str(SCRIPTS / TRAINERS[column]), ending]
    with Loopback() as server:
        measured = drill(
            command, Plan((signum,) if signum else (), grace=60), server=server.url, mode=mode, cwd=tmp_path
        )
        (run,) = measured.runs
        told = server.told_about(run.run_id)

    verdict = judge(run.marked, run.recorded, scenario)

    assert (verdict.state, verdict.delayed) == DOCUMENTED[scenario][list(Column).index(column)], measured.output
    # A drill reads an offline log; it is only as good as this: a server is told neither more nor less.
    assert told == ((run.marked, run.recorded) if mode == "online" else (False, None)), measured.output


def test_an_offline_run_without_an_exit_code_is_synced_as_one_that_failed(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    # The client of a run that is killed at once writes nothing down.
    script.write_text(
        "import os, signal, time, wandb\n"
        "run = wandb.init(project='drill')\n"
        "for step in range(20):\n    run.log({'step': step})\n    time.sleep(0.1)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    with Loopback() as server:
        offline = client_environment(os.environ, tmp_path, server.url, "offline")
        killed = subprocess.run([sys.executable, str(script)], env=offline, capture_output=True, timeout=60)
        (folder,) = (tmp_path / "wandb").glob("offline-run-*")
        before = list(server.told)
        online = client_environment(os.environ, tmp_path, server.url, "online")
        subprocess.run([sys.executable, "-m", "wandb", "sync", str(folder)], env=online, check=True, timeout=60)
        told = server.told_about(folder.name.rpartition("-")[2])

    assert killed.returncode == -signal.SIGKILL
    assert not before
    assert told == (False, SYNCED_WITHOUT_EXIT)


def test_every_row_of_the_table_is_drilled() -> None:
    assert {scenario for scenario, _, _ in ENDINGS} == set(DOCUMENTED)
