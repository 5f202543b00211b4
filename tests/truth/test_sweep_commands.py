"""WBS502 under the real ``wandb agent``: which commands of a sweep keep a forwarded SIGTERM from the training."""

from __future__ import annotations

import shlex
import signal
import sys
from pathlib import Path

import pytest

from wbsignal_lint.drill.agent import agent_command, drill_agent
from wbsignal_lint.drill.measurement import Plan

pytestmark = pytest.mark.truth

TRAINER = [sys.executable, str(Path(__file__).parent / "scripts" / "marks_in_handler.py"), "waits"]
LINE = shlex.join(TRAINER)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["sh", "-c", LINE], id="sh -c"),
        pytest.param(["bash", "-c", f"{LINE}; true"], id="more behind it", marks=pytest.mark.hunt),
        pytest.param(["bash", "-c", f"{LINE} | cat"], id="pipe", marks=pytest.mark.hunt),
        pytest.param(["setsid", *TRAINER], id="setsid", marks=pytest.mark.hunt),
    ],
)
def test_the_training_is_orphaned_and_never_told(command: list[str], tmp_path: Path) -> None:
    measured = drill_agent(command, Plan((signal.SIGTERM,)), launcher=agent_command(forward_signals=True), cwd=tmp_path)

    assert measured.agent.sequence == "-", measured.agent.output
    assert " ".join(TRAINER) in [left.command for left in measured.agent.left_behind]


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["sh", "-c", f"exec {LINE}"], id="exec"),
        pytest.param(["bash", "-c", f"true && {LINE}"], id="last command of bash", marks=pytest.mark.hunt),
        pytest.param(["nice", *TRAINER], id="nice", marks=pytest.mark.hunt),
        pytest.param(["timeout", "99", *TRAINER], id="timeout", marks=pytest.mark.hunt),
    ],
)
def test_the_training_is_told_and_marks_its_run(command: list[str], tmp_path: Path) -> None:
    measured = drill_agent(command, Plan((signal.SIGTERM,)), launcher=agent_command(forward_signals=True), cwd=tmp_path)

    assert measured.agent.sequence == "P X(143)", measured.agent.output
    assert measured.agent.left_behind == ()


@pytest.mark.parametrize(("start", "record"), [("", "-"), ("exec ", "P X(143)")], ids=["plain", "exec"])
def test_a_script_gives_its_place_to_the_training_only_if_it_says_so(start: str, record: str, tmp_path: Path) -> None:
    (tmp_path / "run.sh").write_text(f"#!/bin/bash\nset -e\n{start}{LINE}\n", encoding="utf-8")

    command = ["bash", "run.sh"]
    measured = drill_agent(command, Plan((signal.SIGTERM,)), launcher=agent_command(forward_signals=True), cwd=tmp_path)

    assert measured.agent.sequence == record, measured.agent.output
    assert bool(measured.agent.left_behind) == (record == "-")
