"""WBS503 and WBS408 with a real process 1: which ways to start a container keep its SIGTERM from the training."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.drills import NO_SERVER
from wbsignal_lint.drill.measurement import Measurement, Plan, drill

SCRIPTS = Path(__file__).parent / "scripts"
TRAINER = [sys.executable, str(SCRIPTS / "marks_in_handler.py"), "waits"]
LINE = shlex.join(TRAINER)


def has_namespaces() -> bool:
    """Whether this machine lets its users have namespaces of their own."""
    try:
        command = ["unshare", "--map-root-user", "--pid", "--fork", "--mount-proc", "true"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


pytestmark = [
    pytest.mark.truth,
    pytest.mark.skipif(not has_namespaces(), reason="`unshare --map-root-user --pid` is not allowed on this machine"),
]


def stopped(command: list[str], folder: Path) -> Measurement:
    """Start a container's command, stop the container once its run has logged, and return what became of the run."""
    for name, text in (("plain.sh", LINE), ("exec.sh", f"exec {LINE}"), ("passes_on.sh", 'exec "$@"')):
        (folder / name).write_text(f"#!/bin/bash\nset -e\nmkdir -p runs\n{text}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    container = [sys.executable, str(SCRIPTS / "container.py"), *command]
    return drill(container, Plan((signal.SIGTERM,), grace=20), server=NO_SERVER, cwd=folder)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["dash", "-c", LINE], id="shell form", marks=pytest.mark.hunt),
        pytest.param(["./plain.sh"], id="script"),
        pytest.param(["bash", "-c", f"{LINE}; true"], id="more behind it", marks=pytest.mark.hunt),
        pytest.param(["bash", "plain.sh"], id="bash script", marks=pytest.mark.hunt),
    ],
)
def test_the_training_below_a_shell_is_never_told(command: list[str], tmp_path: Path) -> None:
    measured = stopped(command, tmp_path)

    assert measured.sequence == "-", measured.output


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["dash", "-c", f"exec {LINE}"], id="exec"),
        pytest.param(["./exec.sh"], id="script with exec", marks=pytest.mark.hunt),
        pytest.param(TRAINER, id="exec form", marks=pytest.mark.hunt),
        pytest.param(["./passes_on.sh", *TRAINER], id="the script's arguments", marks=pytest.mark.hunt),
    ],
)
def test_the_training_that_is_process_1_marks_its_run(command: list[str], tmp_path: Path) -> None:
    measured = stopped(command, tmp_path)

    assert measured.sequence == "P X(143)", measured.output
