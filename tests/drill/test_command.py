"""The drill, drilled: every kind of command gets a clear verdict, and nothing is left running."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.truth

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(__file__).parent / "scripts"
KEEPS_ITS_RUN = [sys.executable, str(ROOT / "tests" / "truth" / "scripts" / "marks_in_handler.py"), "waits"]


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder whose path every process of the drill carries; short, for the client puts sockets into it."""
    with tempfile.TemporaryDirectory(prefix="wd-") as folder:
        yield Path(folder)


def environment(place: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(place), "PYTHONPATH": str(ROOT), "COLUMNS": "80", **more}


def drill(place: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "wbsignal_lint", "drill", *arguments],
        cwd=place,
        env=environment(place, **more),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def script(name: str, *arguments: str) -> list[str]:
    return ["--", sys.executable, str(SCRIPTS / name), *arguments]


def rows(finished: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert finished.stdout, finished.stderr
    result: list[dict[str, Any]] = json.loads(finished.stdout)
    return result


def only_outcome(finished: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    (row,) = rows(finished)
    (outcome,) = row["outcomes"]
    return dict(outcome)


def left_running(place: Path) -> list[str]:
    """Return the command lines of processes that have the folder in their environment or their arguments."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            if str(place).encode() in command + (process / "environ").read_bytes():
                found.append(command.replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def test_a_script_that_keeps_its_run_is_as_good_as_the_documented_pattern(place: Path) -> None:
    finished = drill(place, "--output-format", "json", "--", *KEEPS_ITS_RUN)

    (row,) = rows(finished)
    assert row["handler_run"] is True
    assert row["outcomes"][0] | {"why": ""} == {
        "marked": True,
        "recorded_exit": 143,
        "process_status": 143,
        "state": "PREEMPTED",
        "delayed": False,
        "requeued": True,
        "why": "",
        "line": None,
    }
    assert [(record["kind"], record["exit_code"]) for record in row["measured"]["runs"][0]["records"]] == [
        ("preempting", None),
        ("exit", 143),
    ]
    assert finished.returncode == 0
    assert left_running(place) == []


def test_a_script_that_hangs_before_its_run_is_ended(place: Path) -> None:
    finished = drill(place, "--timeout", "2", "--output-format", "json", *script("hangs_before_init.py"))

    outcome = only_outcome(finished)
    assert outcome["state"] is None
    assert outcome["why"] == "no W&B run was started within 2 s; ended by the drill, the signal was not sent"
    assert finished.returncode == 2
    assert left_running(place) == []


def test_a_script_that_hangs_in_its_handler_is_killed_after_the_grace_period(place: Path) -> None:
    finished = drill(place, "--grace", "1.5", "--output-format", "json", *script("hangs_in_handler.py"))

    (row,) = rows(finished)
    assert row["handler_run"] is True
    outcome = only_outcome(finished)
    assert (outcome["marked"], outcome["recorded_exit"], outcome["process_status"]) == (True, None, -9)
    assert (outcome["state"], outcome["delayed"]) == ("PREEMPTED", True)
    assert "still running after 1.5 s, ended with SIGKILL" in outcome["why"]
    assert finished.returncode == 1
    assert left_running(place) == []


def test_a_script_that_ignores_the_signal_is_killed_after_the_grace_period(place: Path) -> None:
    finished = drill(place, "--grace", "1", "--output-format", "json", *script("ignores.py"))

    (row,) = rows(finished)
    assert row["handler_run"] is False
    outcome = only_outcome(finished)
    assert outcome["why"].startswith("SIGTERM is ignored; nothing recorded; still running after 1 s")
    assert (outcome["state"], outcome["requeued"]) == ("CRASHED", False)
    assert left_running(place) == []


def test_a_daemon_that_a_script_leaves_behind_is_named_and_ended(place: Path) -> None:
    finished = drill(place, "--output-format", "json", *script("forks.py", str(place)))

    (row,) = rows(finished)
    (left,) = row["measured"]["left_behind"]
    assert left["command"].endswith(f"time.sleep(600) {place}")
    assert f"left running: {left['command']} (pid {left['pid']})" in row["outcomes"][0]["why"]
    assert left_running(place) == []


def test_a_script_that_writes_without_end_is_drilled_all_the_same(place: Path) -> None:
    finished = drill(place, "--output-format", "json", *script("writes_without_end.py"))

    outcome = only_outcome(finished)
    assert (outcome["marked"], outcome["recorded_exit"], outcome["process_status"]) == (True, 143, 143)
    assert left_running(place) == []


def test_a_script_without_wandb_is_said_to_be_one(place: Path) -> None:
    finished = drill(place, "--output-format", "json", *script("not_wandb.py"))

    assert only_outcome(finished)["why"] == "ended with status 0 before a W&B run was started"
    assert only_outcome(finished)["state"] is None
    assert finished.returncode == 2


def test_a_crash_before_the_run_is_shown_with_its_last_line(place: Path) -> None:
    finished = drill(place, "--output-format", "json", *script("crashes_before_init.py"))

    assert only_outcome(finished)["why"] == (
        "ended with status 1 before a W&B run was started: ValueError: learning rate must be positive"
    )
    assert finished.returncode == 2


def test_a_command_that_does_not_exist_is_named(place: Path) -> None:
    finished = drill(place, "--", "no-such-trainer")

    assert "no-such-trainer" in finished.stderr
    assert finished.returncode == 2
    assert "Traceback" not in finished.stderr


def test_several_signals_are_drilled_in_the_order_given_and_progress_is_told(place: Path) -> None:
    finished = drill(place, "--signal", "USR2", "--signal", "SIGKILL", "--output-format", "json", "--", *KEEPS_ITS_RUN)

    assert [(row["signal"], row["scenario"]) for row in rows(finished)] == [
        ("SIGUSR2", "receives another signal"),
        ("SIGKILL", "receives SIGKILL"),
    ]
    assert finished.stderr.splitlines()[0] == "1/2 SIGUSR2: waiting for the run"
    assert finished.stderr.splitlines()[-1] == "2/2 SIGKILL: SIGKILL sent, waiting for the end"


@pytest.mark.parametrize(
    ("ending", "scenario", "state"),
    [
        ("completes", "completes with exit code 0", "FINISHED"),
        ("fails", "fails with a non-zero exit code", "FAILED"),
    ],
)
def test_a_command_can_be_drilled_without_a_signal(place: Path, ending: str, scenario: str, state: str) -> None:
    finished = drill(place, "--signal", "none", "--output-format", "json", "--", *KEEPS_ITS_RUN[:-1], ending)

    assert rows(finished)[0]["scenario"] == scenario
    assert only_outcome(finished)["state"] == state
    assert finished.returncode == 0


@pytest.mark.parametrize(("moment", "at_least"), [("started", 0), ("1-log", 1), ("5-logs", 5)])
def test_the_signal_comes_when_the_run_is_as_far_as_asked_for(place: Path, moment: str, at_least: int) -> None:
    finished = drill(place, "--when", moment, "--output-format", "json", "--", *KEEPS_ITS_RUN)

    (row,) = rows(finished)
    assert row["outcomes"][0]["state"] == "PREEMPTED"
    assert row["measured"]["runs"][0]["logged"] >= at_least


def test_a_number_of_seconds_waits_for_no_run(place: Path) -> None:
    finished = drill(place, "--when", "0.5", "--output-format", "json", "--", "sleep", "600")

    (row,) = rows(finished)
    assert (row["measured"]["signalled"], row["handler_run"]) == (True, False)
    assert row["outcomes"][0]["process_status"] == -signal.SIGTERM
    assert "no W&B run was started" in row["outcomes"][0]["why"]
    assert finished.returncode == 2


def test_a_group_gets_the_signal_as_a_whole(place: Path) -> None:
    wrapped = ["--", "bash", "-c", f"{' '.join(KEEPS_ITS_RUN)}; true"]

    alone = drill(place, "--output-format", "json", *wrapped)
    group = drill(place, "--group", "--output-format", "json", *wrapped)

    assert only_outcome(alone)["state"] == "CRASHED"
    assert [left["command"] for left in rows(alone)[0]["measured"]["left_behind"]] == [" ".join(KEEPS_ITS_RUN)]
    assert only_outcome(group)["state"] == "PREEMPTED"
    assert left_running(place) == []


def test_a_run_that_is_put_elsewhere_is_found(place: Path) -> None:
    elsewhere = place / "outputs"
    elsewhere.mkdir()

    finished = drill(place, "--output-format", "json", *script("logs_elsewhere.py", str(elsewhere)))

    assert only_outcome(finished)["state"] == "PREEMPTED"


def test_a_script_that_insists_on_being_online_meets_the_loopback_server(place: Path) -> None:
    finished = drill(place, "--output-format", "json", *script("insists_on_online.py"))

    assert only_outcome(finished)["state"] == "PREEMPTED", finished.stdout
    assert left_running(place) == []


def test_the_users_settings_and_folders_are_neither_read_nor_written(place: Path) -> None:
    home = place / "home"
    (home / ".config" / "wandb").mkdir(parents=True)
    (home / ".config" / "wandb" / "settings").write_text("[default]\nmode = disabled\n")
    (home / ".netrc").write_text("machine api.wandb.ai\n  login user\n  password " + "f" * 40 + "\n")
    (place / "wandb").mkdir()
    (place / "wandb" / "settings").write_text("[default]\nmode = disabled\n")
    before = sorted((path, path.is_file() and path.read_bytes()) for path in place.rglob("*"))

    mine = {"WANDB_MODE": "disabled", "WANDB_SERVICE": "3-1-tcp-localhost-1", "WANDB_DIR": str(home)}
    finished = drill(
        place, "--output-format", "json", "--", *KEEPS_ITS_RUN, HOME=str(home), WANDB_RUN_ID="mine", **mine
    )

    assert only_outcome(finished)["state"] == "PREEMPTED", finished.stdout
    assert rows(finished)[0]["measured"]["runs"][0]["run_id"] != "mine"
    assert sorted((path, path.is_file() and path.read_bytes()) for path in place.rglob("*")) == before


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_drill_ends_everything_that_it_started(place: Path, signum: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "wbsignal_lint", "drill", "--when", "3000-logs", *script("forks.py", str(place))],
        cwd=place,
        env=environment(place),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        deadline = time.monotonic() + 60
        while not any("sleep(600)" in command for command in left_running(place)) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signum)
        output, errors = process.communicate(timeout=60)

    assert process.returncode == 128 + signum
    assert "interrupted; everything that it had started was ended" in errors
    assert output == ""
    assert left_running(place) == []


def test_the_table_is_plain_in_a_pipe_and_fits_80_columns(place: Path) -> None:
    picture = place / "table.svg"

    finished = drill(place, "--signal", "TERM", "--signal", "HUP", "--save-svg", str(picture), "--", *KEEPS_ITS_RUN)

    lines = finished.stdout.splitlines()
    assert "\x1b" not in finished.stdout
    assert max(map(len, lines)) <= 80
    (good,) = [line.split() for line in lines if line.startswith(" SIGTERM ")]
    (bad,) = [line.split() for line in lines if line.startswith(" SIGHUP !")]
    assert good == ["SIGTERM", "yes", "yes", "143", "143", "PREEMPTED", "yes", "PREEMPTED"]
    assert bad == ["SIGHUP", "!", "no", "no", "-", "-1", "CRASHED", "no", "PREEMPTED"]
    assert finished.returncode == 1
    assert "PREEMPTED" in picture.read_text()


def test_without_wandb_the_extra_is_named() -> None:
    program = "import sys; from wbsignal_lint.drill.command import main; sys.exit(main(['true']))"

    # -S leaves site-packages out, so that neither wandb nor rich is there.
    finished = subprocess.run(
        [sys.executable, "-S", "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )

    assert finished.stderr == (
        "wbsignal-lint drill: a drill needs wandb, which is not installed: pip install 'wbsignal-lint[drill]'\n"
    )
    assert finished.returncode == 2


def test_the_python_agent_gets_a_run_from_the_loopback_server(place: Path) -> None:
    finished = subprocess.run(
        [
            *(sys.executable, "-m", "wbsignal_lint", "drill", "--compare", "--output-format", "json", "--"),
            *(sys.executable, str(ROOT / "fixtures" / "outcomes" / "agent_function_handler_exits.py")),
        ],
        cwd=place,
        env=environment(place),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    (row,) = json.loads(finished.stdout)
    assert row["agreement"] == "equal", finished.stderr
    assert row["measured"]["outcomes"][0]["recorded_exit"] == 0
    assert row["measured"]["outcomes"][0]["process_status"] == 143
