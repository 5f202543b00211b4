"""Rules whose findings are graver in some projects than in others: on by default for those only."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.support import lint, run

UNMARKED = """\
import signal
import sys

import wandb


def handle(signum, frame):
    sys.exit(128 + signum)


signal.signal(signal.SIGTERM, handle)
run = wandb.init()
for step in range(100):
    run.log({"loss": 1 / (step + 1)})
"""
SWEEP = "program: train.py\nmethod: grid\nparameters:\n  lr:\n    values: [0.1, 0.01]\n"
AGENT = "#!/bin/bash\nsrun wandb agent --forward-signals me/project/abc123\n"


def findings(folder: Path, *options: str) -> list[tuple[str, str]]:
    """Lint the script of a project; return the code and severity of every finding."""
    done = lint("--isolated", "--output-format", "json", *options, "train.py", cwd=folder)
    assert done.stderr == ""
    return [(found["code"], found["severity"]) for found in json.loads(done.stdout)]


def project_with(folder: Path, files: dict[str, str], script: str = UNMARKED) -> Path:
    for name, text in {"pyproject.toml": "", "train.py": script, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    "files",
    [
        {"sweep.yaml": SWEEP},
        {"configs/sweeps/lr.yml": SWEEP},
        {"job.sh": AGENT},
        {"cluster/job.sbatch": AGENT},
        {"Makefile": "sweep:\n\twandb agent $(SWEEP)\n"},
    ],
)
def test_an_unmarked_run_of_a_sweep_is_a_warning_without_being_asked_for(tmp_path: Path, files: dict[str, str]) -> None:
    assert findings(project_with(tmp_path, files)) == [("WBS202", "warning")]


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"config.yaml": "method: sgd\n"},
        {"config.yaml": "optimizer:\n  method: sgd\n  parameters: []\n"},
        {"job.sh": "#!/bin/bash\n# wandb agent me/project/abc123\nsrun python train.py\n"},
        {"tests/fixtures/sweep.yaml": SWEEP},
        {"README.md": "wandb agent me/project/abc123\n"},
        {"../sweep.yaml": SWEEP},
    ],
)
def test_without_a_sweep_it_is_an_info_that_is_asked_for(tmp_path: Path, files: dict[str, str]) -> None:
    project = project_with(tmp_path / "project", files)

    assert findings(project) == []
    assert findings(project, "--extend-select", "WBS202") == [("WBS202", "info")]
    assert ("WBS202", "info") in findings(project, "--pedantic")


@pytest.mark.parametrize(
    "script",
    [
        UNMARKED + "wandb.agent(wandb.sweep({'method': 'grid', 'parameters': {}}))\n",
        "import wandb\nSWEEP = wandb.sweep({'method': 'grid', 'parameters': {}})\n" + UNMARKED,
    ],
)
def test_a_script_that_runs_a_sweep_shows_it_itself(tmp_path: Path, script: str) -> None:
    assert findings(project_with(tmp_path, {}, script)) == [("WBS202", "warning")]


@pytest.mark.parametrize("options", [("--ignore", "WBS202"), ("--select", "WBS301"), ("--ignore", "WBS2")])
def test_a_rule_that_is_not_wanted_says_nothing_of_sweeps_either(tmp_path: Path, options: tuple[str, ...]) -> None:
    assert findings(project_with(tmp_path, {"sweep.yaml": SWEEP}), *options) == []


def test_a_suppression_of_what_is_off_is_not_called_unused(tmp_path: Path) -> None:
    script = UNMARKED.replace("frame):", "frame):  # noqa: WBS202")
    project = project_with(tmp_path, {}, script)

    assert findings(project, "--extend-select", "WBS002") == []
    assert findings(project_with(project, {"sweep.yaml": SWEEP}, script), "--extend-select", "WBS002") == []


def test_the_message_names_the_sweep(tmp_path: Path) -> None:
    project = project_with(tmp_path, {"sweeps/lr.yaml": SWEEP})
    shown = lint("--isolated", "--output-format", "concise", "train.py", cwd=project).stdout

    assert "(the sweep: sweeps/lr.yaml)" in shown


@pytest.mark.client
def test_flake8_shows_the_warning_and_not_the_info(tmp_path: Path) -> None:
    project = project_with(tmp_path, {})
    command = [sys.executable, "-m", "flake8", "--isolated", "train.py"]

    assert "WBS202" not in run(command, project).stdout
    assert "WBS202" in run([*command, "--extend-select", "WBS202"], project).stdout
    (project / "sweep.yaml").write_text(SWEEP)
    assert "WBS202" in run(command, project).stdout
