"""WBS503, WBS408 and ``forecast --launch`` with a real process 1: what of a container's end comes to the training."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.drills import NO_SERVER
from tests.truth.test_launch_forecast_truth import sequence
from wbsignal_lint.drill.agent import drill_agent
from wbsignal_lint.drill.measurement import Measurement, Plan, drill
from wbsignal_lint.forecast.command import rows_of_file, rows_of_launch
from wbsignal_lint.forecast.launched import LaunchReader

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


IMAGE = "FROM python:3.12\nWORKDIR /app\nCOPY . .\n{}\n"
SERVICE = "services:\n  train:\n    image: python:3.12\n    {}\n"
BUILT = "services:\n  train:\n    build: .\n    {}\n"
POD = "kind: Pod\nspec:\n  terminationGracePeriodSeconds: 4\n  containers:\n  - image: lab/train\n    {}\n"
TRAIN = "python train.py waits"
ARRAY = '["python", "train.py", "waits"]'
AGENT = "wandb, agent, --forward-signals, drill/drill/sweep1"
TRAP = 'trap \'kill -TERM "$PID"\' TERM\n{} &\nPID=$!\nwait "$PID"\n'
SCRIPTS_OF_THE_IMAGE = {
    "run.sh": f"{TRAIN}\n",
    "exec.sh": f"exec {TRAIN}\n",
    "hands_over.sh": 'set -e\nexec "$@"\n',
    "keeps.sh": '"$@"\n',
    "waits_once.sh": TRAP.format(TRAIN),
    "waits_twice.sh": TRAP.format(TRAIN) + 'wait "$PID"\n',
    "at_exit.sh": TRAP.format(TRAIN).replace("' TERM\n", "; wait' EXIT\n"),
}
needs_tini = pytest.mark.skipif(shutil.which("tini") is None, reason="tini, docker's init, is not installed")
FORMS = {
    "exec form": ("Dockerfile", IMAGE.format(f"CMD {ARRAY}")),
    "shell form": ("Dockerfile", IMAGE.format(f"CMD {TRAIN}")),
    "shell form with exec": ("Dockerfile", IMAGE.format(f"CMD exec {TRAIN}")),
    "shell form by bash": ("Dockerfile", IMAGE.format(f'SHELL ["/bin/bash", "-c"]\nCMD {TRAIN}')),
    "script": ("Dockerfile", IMAGE.format('CMD ["./run.sh"]')),
    "script with exec": ("Dockerfile", IMAGE.format('CMD ["./exec.sh"]')),
    "script with exec in shell form": ("Dockerfile", IMAGE.format("CMD ./exec.sh")),
    "script that waits once": ("Dockerfile", IMAGE.format('CMD ["./waits_once.sh"]')),
    "script that waits twice": ("Dockerfile", IMAGE.format('CMD ["./waits_twice.sh"]')),
    "script with a trap for EXIT": ("Dockerfile", IMAGE.format('CMD ["./at_exit.sh"]')),
    "entrypoint that hands over": ("Dockerfile", IMAGE.format(f'ENTRYPOINT ["./hands_over.sh"]\nCMD {ARRAY}')),
    "entrypoint that keeps": ("Dockerfile", IMAGE.format(f'ENTRYPOINT ["./keeps.sh"]\nCMD {ARRAY}')),
    "entrypoint before a shell form": ("Dockerfile", IMAGE.format(f'ENTRYPOINT ["./hands_over.sh"]\nCMD {TRAIN}')),
    "stop signal": ("Dockerfile", IMAGE.format(f"STOPSIGNAL SIGINT\nCMD {ARRAY}")),
    "timeout": ("Dockerfile", IMAGE.format('CMD ["timeout", "9h", "python", "train.py", "waits"]')),
    "service": ("compose.yaml", SERVICE.format(f"command: {TRAIN}")),
    "service with more behind": ("compose.yaml", SERVICE.format(f"command: bash -c '{TRAIN}; echo done'")),
    "service of an image": ("compose.yaml", BUILT.format(f"command: {TRAIN}")),
    "service with an init": ("compose.yaml", SERVICE.format(f"init: true\n    command: bash -c '{TRAIN}; true'")),
    "script under an init": ("compose.yaml", SERVICE.format("init: true\n    entrypoint: ./waits_twice.sh")),
    "pod": ("pod.yaml", POD.format("command: [python]\n    args: [train.py, waits]")),
    "pod with a script": ("pod.yaml", POD.format("command: [bash, run.sh]")),
    "agent": ("pod.yaml", POD.format(f"command: [{AGENT}]")),
    "agent that does not forward": ("pod.yaml", POD.format(f"command: [{AGENT}]".replace("--forward-signals, ", ""))),
    "agent in a script": (
        "compose.yaml",
        SERVICE.format("entrypoint: [./hands_over.sh]\n    command: [" + AGENT + "]"),
    ),
}
IN_EVERY_RUN = ("entrypoint that hands over",)


@pytest.mark.parametrize(
    "handles", [pytest.param(True, id="handler"), pytest.param(False, id="no handler", marks=pytest.mark.hunt)]
)
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name,
            marks=[
                *([] if name in IN_EVERY_RUN else [pytest.mark.hunt]),
                *([needs_tini] if "init: true" in text else []),
            ],
        )
        for name, (_, text) in FORMS.items()
    ],
)
def test_what_is_forecast_for_a_container_is_what_is_recorded(name: str, handles: bool, tmp_path: Path) -> None:
    file, text = FORMS[name]
    (tmp_path / ".git").mkdir()
    (tmp_path / "Dockerfile").write_text(IMAGE.format('ENTRYPOINT ["./hands_over.sh"]'))
    (tmp_path / file).write_text(text)
    for script, lines in SCRIPTS_OF_THE_IMAGE.items():
        (tmp_path / script).write_text(f"#!/bin/bash\n{lines}")
        (tmp_path / script).chmod(0o755)
    trainer = tmp_path / "train.py"
    shutil.copy(SCRIPTS / ("marks_in_handler.py" if handles else "never_marks.py"), trainer)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    search = os.pathsep.join([str(Path(sys.executable).parent), str(tmp_path / "bin"), os.environ["PATH"]])
    environment = {**os.environ, "PATH": search}

    (row,) = rows_of_launch(str(tmp_path / file), None, str(trainer), rows_of_file(str(trainer)))
    host = "yaml" if file.endswith(".yaml") else "dockerfile"
    (start,) = LaunchReader(tmp_path, "train.py").read(text, host).container_starts
    words = [word.value or "" for word in start.words]
    container = [
        sys.executable,
        str(SCRIPTS / "container.py"),
        *(["tini", "--"] if start.stop.has_init else []),
        *words,
    ]
    plan = Plan((signal.Signals[row.signal or ""],), grace=20)
    if "agent" in name:
        command = ["python", "train.py", "waits"]
        measured = drill_agent(command, plan, launcher=container, cwd=tmp_path, environment=environment).agent
    else:
        measured = drill(container, plan, server=NO_SERVER, cwd=tmp_path, environment=environment)

    assert measured.runs[0].sequence in {sequence(outcome) for outcome in row.outcomes}, measured.output
    assert not measured.killed
