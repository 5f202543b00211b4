"""What a batch script runs from other files of its project, as the rules see it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support import lint

TRAINS = "#!/bin/bash\nexport WANDB_PROJECT=segmentation\nmkdir -p runs\n{}python train.py --epochs 90\n"
AGENT = "#!/bin/bash\nwandb agent --forward-signals lab/bench/q1w2e3r4\n"
JOB = "#!/bin/bash\n#SBATCH --gpus=1\n# wandb\n{}\n"


def findings(folder: Path, job: str, script: str, name: str = "run.sh") -> list[str]:
    """Return what is found in the line of a job that runs a script beside it."""
    (folder / ".git").mkdir(exist_ok=True)
    (folder / "job.sbatch").write_text(JOB.format(job), encoding="utf-8")
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(script, encoding="utf-8")
    done = lint("--isolated", "--output-format", "concise", "job.sbatch", cwd=folder)
    return re.findall(r"(?m)^job\.sbatch:4:\d+: (WBS\d+)", done.stdout)


@pytest.mark.parametrize(
    "job", ["bash run.sh", "./run.sh --fast", "bash -x ./run.sh 90", "if bash run.sh; then sync; fi"]
)
def test_a_script_below_the_batch_shell_is_out_of_reach(job: str, tmp_path: Path) -> None:
    assert "WBS418" in findings(tmp_path, job, TRAINS.format(""))
    assert "WBS418" in findings(tmp_path, job, TRAINS.format("exec "))
    assert "WBS418" in findings(tmp_path, job, AGENT)


@pytest.mark.parametrize("job", ["srun bash run.sh", "srun ./run.sh", "srun --ntasks=1 env A=1 bash -e run.sh 90"])
def test_a_script_that_is_a_task_keeps_the_signal(job: str, tmp_path: Path) -> None:
    assert "WBS408" in findings(tmp_path, job, TRAINS.format(""))
    assert "WBS408" in findings(tmp_path, job, AGENT)
    assert findings(tmp_path, job, TRAINS.format("exec ")) == []


@pytest.mark.parametrize(
    ("job", "script"),
    [
        ("bash run.sh", TRAINS.format("srun ")),
        ("bash run.sh", "#!/bin/bash\n# wandb\npython prepare_data.py\n"),
        ("bash run.sh", "#!/bin/bash\n# wandb\ntrap 'kill $!; wait $!' TERM\npython train.py &\nwait $!\n"),
        (
            "srun bash run.sh",
            "#!/bin/bash\n# wandb\ntrap 'kill $pid; wait $pid' TERM\npython train.py &\npid=$!\nwait $pid\n",
        ),
        ("bash missing.sh", TRAINS.format("")),
        ("bash -c run.sh", TRAINS.format("")),
        ("echo run.sh", TRAINS.format("")),
        ("ssh node run.sh", TRAINS.format("")),
        ("srun apptainer exec torch.sif bash run.sh", TRAINS.format("")),
        ("bash run.sh", "#!/usr/bin/env python3\nimport wandb\n"),
    ],
)
def test_other_scripts_are_left_alone(job: str, script: str, tmp_path: Path) -> None:
    assert findings(tmp_path, job, script) == []


def test_scripts_are_found_from_the_root_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "slurm").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / "run.sh").write_text(TRAINS.format(""), encoding="utf-8")
    (tmp_path / "slurm" / "job.sbatch").write_text(JOB.format("bash run.sh"), encoding="utf-8")

    done = lint("--isolated", "--output-format", "concise", "slurm/job.sbatch", cwd=tmp_path)

    assert re.findall(r"slurm/job\.sbatch:4:1: (WBS\d+)", done.stdout) == ["WBS418"]


def test_an_agent_is_an_error_and_a_training_a_warning(tmp_path: Path) -> None:
    shown = {}
    for what, script in (("agent", AGENT), ("training", TRAINS.format(""))):
        findings(tmp_path, "bash run.sh", script)
        done = lint("--isolated", "--output-format", "json", "job.sbatch", cwd=tmp_path)
        shown[what] = re.findall(r'"severity": "(\w+)"', done.stdout)

    assert shown == {"agent": ["error"], "training": ["warning"]}
