"""WBS501 under the real ``wandb agent``: the arguments that a training gets by the command of its sweep.

The run's one parameter is ``lr``, 0.1, whatever the fixture's own are. One form is run always, the others in a hunt.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support import FIXTURES
from wbsignal_lint.drill.environment import client_environment
from wbsignal_lint.drill.loopback import SWEEP_PATH, Loopback, Sweep

pytestmark = pytest.mark.truth

TRAINER = """\
import json, sys

with open("arguments.json", "w") as file:
    json.dump(sys.argv[1:], file)
"""
NOT_STARTED = None
IN_EVERY_RUN = "bad_bash_c"
LOST = {
    "bad_bash_c": [],
    "bad_block_scalar": NOT_STARTED,
    "bad_boolean_flags": ["--resume"],
    "bad_flow_list": ["--arguments=${args}"],
    "bad_folded_scalar": ["--mode", "sweep"],
    "bad_hydra": ["+experiment=base ${args_no_hyphens}"],
    "bad_json": ["--config=${args_json}"],
    "bad_json_file": ["--config=${args_json_file}"],
    "bad_program_in_string": NOT_STARTED,
    "bad_single_quotes": [],
    # The element begins and ends as a macro does, is none that the agent knows, and is left out.
    "bad_two_macros_in_one": NOT_STARTED,
}
PASSED_ON = {
    "good_default": ["--lr=0.1"],
    "good_environment_variables": ["--data=/data/images", "--lr=0.1"],
    "good_escaped": ["--lr=0.1"],
    "good_no_hyphens": ["lr=0.1"],
    "good_other_names": ["--out", "--arguments", "--lr=0.1"],
    "good_positional_parameters": ["--lr=0.1"],
}


def arguments_under(name: str, folder: Path) -> list[str] | None:
    """Let an agent run the command of a fixture for one run; return the training's arguments, if it was started."""
    command = yaml.safe_load((FIXTURES / "sweep-args-in-string" / f"{name}.yaml").read_text())["command"]
    (folder / "vision").mkdir()
    for trainer in ("train.py", "main.py", "vision/train.py"):
        (folder / trainer).write_text(TRAINER)
    (folder / "run.sh").write_text('exec python train.py "$@"\n')
    (folder / "env.sh").write_text("")
    tools = folder / "tools"
    tools.mkdir()
    (tools / "srun").write_text('#!/bin/sh\nexec "$@"\n')
    (tools / "srun").chmod(0o755)
    (tools / "python").symlink_to(sys.executable)
    search = os.pathsep.join([str(tools), os.environ["PATH"]])
    caller = {**os.environ, "PATH": search, "DATA": "/data"}
    with Loopback(Sweep(command, runs=1)) as server:
        subprocess.run(
            [sys.executable, "-m", "wandb", "agent", SWEEP_PATH],
            cwd=folder,
            env=client_environment(caller, folder, server.url, "online"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=120,
        )
    assert server.handed_out == ["run1"]
    written = folder / "arguments.json"
    return json.loads(written.read_text()) if written.exists() else NOT_STARTED


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        pytest.param(name, arguments, id=name, marks=[] if name == IN_EVERY_RUN else [pytest.mark.hunt])
        for name, arguments in (LOST | PASSED_ON).items()
    ],
)
def test_the_training_gets_these_arguments(name: str, arguments: list[str] | None, tmp_path: Path) -> None:
    assert arguments_under(name, tmp_path) == arguments


@pytest.mark.hunt
def test_the_training_gets_a_file_that_has_the_parameters(tmp_path: Path) -> None:
    option, path = arguments_under("good_json", tmp_path) or ("", "")

    assert option == "--config"
    assert json.loads(Path(path).read_text())["lr"] == 0.1
