"""``wbsignal-lint forecast`` as its user meets it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from wbsignal_lint.cli import main

GOOD = """\
import signal, sys, time, wandb

def handle_preemption(signum, frame):
    if wandb.run is not None:
        wandb.run.mark_preempting()
    sys.exit(128 + signum)

for preemption_signal in (signal.SIGTERM, signal.SIGUSR1):
    signal.signal(preemption_signal, handle_preemption)
run = wandb.init(project="p")
for step in range(100):
    run.log({"loss": 1 / (step + 1)})
    time.sleep(0.05)
"""
BAD = GOOD.replace("128 + signum", "0")


def write(folder: Path, text: str, name: str = "train.py") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def rows_of(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, object]]:
    return {row["signal"] or row["scenario"]: row for row in json.loads(capsys.readouterr().out)}


def test_the_documented_pattern_has_no_row_that_falls_short(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["forecast", write(tmp_path, GOOD), "--output-format", "json"])

    rows = rows_of(capsys)
    assert status == 0
    assert not any(row["falls_short"] for row in rows.values())
    assert set(rows) == {
        "completes with exit code 0",
        "fails with a non-zero exit code",
        "SIGKILL",
        "SIGINT",
        "SIGTERM",
        "SIGUSR1",
        'is stopped in the UI ("Stop run")',
        "is cancelled (wandb sweep --cancel)",
    }


def test_a_handler_that_exits_zero_spoils_its_signals_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["forecast", write(tmp_path, BAD), "--output-format", "json"])

    rows = rows_of(capsys)
    assert status == 1
    assert [name for name, row in rows.items() if row["falls_short"]] == ["SIGTERM", "SIGUSR1"]
    (outcome,) = rows["SIGTERM"]["outcomes"]  # type: ignore[misc]
    assert outcome == {
        "marked": True,
        "recorded_exit": 0,
        "process_status": 0,
        "state": "FINISHED",
        "delayed": False,
        "requeued": False,
        "why": "it leaves by sys.exit(0)",
        "line": 6,
    }


def test_further_signals_that_are_handled_get_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["forecast", write(tmp_path, GOOD.replace("SIGUSR1", "SIGXCPU")), "--output-format", "json"])

    rows = rows_of(capsys)
    assert rows["SIGXCPU"]["handler_run"] is True
    assert rows["SIGUSR1"]["handler_run"] is False


def test_what_depends_on_input_has_several_outcomes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = GOOD.replace("    sys.exit(128", "    if len(sys.argv) > 1:\n        return\n    sys.exit(128")
    main(["forecast", write(tmp_path, text), "--output-format", "json"])

    outcomes = rows_of(capsys)["SIGTERM"]["outcomes"]
    assert {(outcome["state"], outcome["recorded_exit"]) for outcome in outcomes} == {  # type: ignore[attr-defined]
        ("FINISHED", 0),
        ("PREEMPTED", 143),
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import wandb\nwandb.agent('e/p/s', function=print)\n", "what wandb.agent() does with signals is not known"),
        ("import wandb\nprint(1)\n", "no wandb.log() was found"),
        (GOOD.replace("(signal.SIGTERM, signal.SIGUSR1)", "SIGNALS"), ""),
    ],
)
def test_what_cannot_be_known_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str) -> None:
    status = main(["forecast", write(tmp_path, text), "--output-format", "json"])

    (outcome,) = rows_of(capsys)["SIGTERM"]["outcomes"]  # type: ignore[misc]
    assert status in (0, 1)
    if said:
        assert outcome["state"] is None
        assert said in outcome["why"]


def test_the_table_fits_80_columns_and_names_the_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    write(tmp_path, BAD)
    main(["forecast", "train.py"])

    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert "\x1b" not in shown
    assert "sys.exit(0) (line 6)" in shown
    assert "SIGTERM !" in shown


def test_the_picture_is_svg(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "table.svg"
    main(["forecast", write(tmp_path, BAD), "--save-svg", str(picture)])

    assert ElementTree.parse(picture).getroot().tag.endswith("svg")
    assert "PREEMPTED" in picture.read_text()


def test_standard_input_and_project_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(BAD.encode())))

    assert main(["forecast", "-", "--output-format", "json"]) == 1
    assert rows_of(capsys)["SIGTERM"]["falls_short"] is True


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"import wandb\ndef f(:\n", "train.py:2:7: syntax error"),
        (b"import wandb\n\xff\n", "train.py:2:1: "),
        (b"import wandb\0\n", "train.py:1:13: "),
        (None, "train.py: No such file"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, place: str
) -> None:
    path = tmp_path / "train.py"
    if content is not None:
        path.write_bytes(content)

    assert main(["forecast", str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert place in captured.err
