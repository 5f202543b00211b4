"""``wbsignal-lint forecast --launch`` of files that start containers; tests/truth holds it to real ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.forecast.test_command import GOOD, write
from wbsignal_lint.cli import main

IMAGE = "FROM python:3.12\nWORKDIR /app\nCOPY . .\n{}\n"
SERVICE = "services:\n  train:\n    image: {}\n    {}\n"
BUILT = "services:\n  train:\n    build: .\n    {}\n"
POD = "kind: Pod\nspec:\n  containers:\n  - image: lab/train\n    {}\n"
TRAIN = "python train.py"
UNHANDLED = GOOD.replace("signal.signal(preemption_signal, handle_preemption)", "pass")


def rows(folder: Path, name: str, text: str, capsys: pytest.CaptureFixture[str], trainer: str = GOOD) -> dict[str, str]:
    """Forecast what a file starts in containers: the state and the reason of each outcome of its one row."""
    write(folder, "#!/bin/bash\npython train.py\n", "run.sh")
    write(folder, "#!/bin/bash\nexec python train.py\n", "exec.sh")
    write(folder, '#!/bin/sh\nset -e\nexec "$@"\n', "hands_over.sh")
    (folder / ".git").mkdir(exist_ok=True)
    main(["forecast", "--launch", write(folder, text, name), write(folder, trainer), "--output-format", "json"])
    (row,) = json.loads(capsys.readouterr().out)
    return {one["state"] or "unknown": one["why"] for one in row["outcomes"]} | {"event": row["event"]}


@pytest.mark.parametrize(
    ("lines", "state", "words"),
    [
        ('CMD ["python", "train.py"]', "PREEMPTED", "the training's handler has 10 s (docker's default)"),
        (
            f"CMD {TRAIN}",
            "CRASHED",
            "the sh around it is process 1 and has no handler for SIGTERM: the kernel drops it",
        ),
        (f"CMD exec {TRAIN}", "PREEMPTED", "it leaves by sys.exit(143)"),
        ('CMD ["./run.sh"]', "CRASHED", "the bash of run.sh is process 1"),
        ("CMD ./exec.sh", "CRASHED", "the sh around it is process 1"),
        ('ENTRYPOINT ["./hands_over.sh"]\nCMD ["bash", "./exec.sh"]', "PREEMPTED", "it leaves by"),
        ('ENTRYPOINT ["./hands_over.sh"]\nCMD ["bash", "-c", "python train.py; true"]', "CRASHED", "killed after 10 s"),
        ('ENTRYPOINT ["tini", "--"]\nCMD ["./run.sh"]', "CRASHED", "killed with the container"),
        ('STOPSIGNAL SIGKILL\nCMD ["python", "train.py"]', "CRASHED", "SIGKILL goes to"),
        ('STOPSIGNAL SIGINT\nCMD ["python", "-m", "train"]', "KILLED", "the KeyboardInterrupt is not caught"),
        ('STOPSIGNAL $SIGNAL\nCMD ["python", "train.py"]', "unknown", "which signal stops the container"),
        ('FROM python:3.12-alpine\nCOPY . .\nCMD ["sh", "-c", "python train.py"]', "unknown", "whether its sh becomes"),
        ('FROM lab/base\nCMD ["python", "train.py"]', "unknown", "the ENTRYPOINT of lab/base, if there is one"),
        ('FROM lab/base\nENTRYPOINT ["python", "train.py"]', "PREEMPTED", "it leaves by"),
    ],
)
def test_what_a_dockerfile_starts(
    lines: str, state: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = rows(tmp_path, "Dockerfile", IMAGE.format(lines), capsys)

    assert found["event"] == "stop"
    assert words in found[state]


@pytest.mark.parametrize(
    ("text", "state", "words"),
    [
        (SERVICE.format("python:3.12", f"command: {TRAIN}"), "PREEMPTED", "has 10 s (docker's default)"),
        (SERVICE.format("lab/x", f"command: {TRAIN}"), "unknown", "the ENTRYPOINT of lab/x, if there is one, gets"),
        (SERVICE.format("lab/x", f"entrypoint: {TRAIN}"), "PREEMPTED", "it leaves by"),
        (SERVICE.format("lab/x", f"entrypoint: {TRAIN}\n    stop_grace_period: 1m30s"), "PREEMPTED", "has 90 s; it"),
        (SERVICE.format("lab/x", f"entrypoint: {TRAIN}\n    stop_grace_period: 0s"), "CRASHED", "before it has marked"),
        (SERVICE.format("lab/x", f"entrypoint: {TRAIN}\n    stop_signal: SIGUSR1"), "PREEMPTED", "sys.exit(138)"),
        (
            SERVICE.format("lab/x", f"entrypoint: {TRAIN}\n    stop_signal: SIGQUIT"),
            "CRASHED",
            "no handler for SIGQUIT",
        ),
        (SERVICE.format("lab/x", "init: true\n    entrypoint: ./run.sh"), "CRASHED", "the init is process 1"),
        (SERVICE.format("lab/x", f"init: true\n    entrypoint: {TRAIN}"), "PREEMPTED", "passes SIGTERM on"),
        (BUILT.format("command: ./run.sh"), "CRASHED", "the bash of run.sh is process 1"),
        (BUILT.format("stop_grace_period: 1m"), "PREEMPTED", "has 60 s"),
    ],
)
def test_what_a_service_starts(
    text: str, state: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, IMAGE.format('ENTRYPOINT ["./hands_over.sh"]\nCMD ["python", "train.py"]'), "Dockerfile")

    assert words in rows(tmp_path, "compose.yaml", text, capsys)[state]


@pytest.mark.parametrize(
    ("lines", "state", "words"),
    [
        ("command: [python]\n    args: [train.py]", "PREEMPTED", "has 30 s (the default of Kubernetes)"),
        ("args: [python, train.py]", "unknown", "the ENTRYPOINT of lab/train"),
        ("command: [wandb, agent, -f, me/p/x]", "PREEMPTED", "the agent passes SIGTERM on"),
        ("command: [wandb, agent, me/p/x]", "CRASHED", "the agent is process 1 and has no handler for SIGTERM"),
        (
            "command: [./run.sh]\n    lifecycle: {preStop: {exec: {command: [pkill, -TERM, python]}}}",
            "unknown",
            "what the preStop hook does, which comes first, is not known",
        ),
        ("command: [bash, run.sh]\n    lifecycle: {preStop: {sleep: {seconds: 5}}}", "CRASHED", "killed after 30 s"),
        ("command: [bash, run.sh]\n  shareProcessNamespace: true", "CRASHED", "SIGTERM ends the bash of run.sh"),
    ],
)
def test_what_a_pod_starts(
    lines: str, state: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = rows(tmp_path, "pod.yaml", POD.format(lines), capsys)

    assert found["event"] == "deletion"
    assert words in found[state]


def test_a_training_without_a_handler_is_spared_as_process_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = IMAGE.format('CMD ["python", "train.py"]')

    assert (
        "the kernel drops it, and SIGKILL ends it after 10 s"
        in rows(tmp_path, "Dockerfile", text, capsys, UNHANDLED)["CRASHED"]
    )
    below = rows(tmp_path, "Dockerfile", text.replace('["python"', '["tini", "python"'), capsys, UNHANDLED)
    assert "SIGTERM ends the process" in below["CRASHED"]


def test_every_container_that_starts_it_has_a_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = 'FROM python:3.12 AS one\nCMD python train.py\nFROM one\nCMD ["python", "train.py"]\n'
    main(["forecast", "--launch", write(tmp_path, text, "Dockerfile"), write(tmp_path, GOOD)])

    out = capsys.readouterr().out
    assert "under train.py (Dockerfile:2)" in out
    assert "under train.py (Dockerfile:4)" in out
