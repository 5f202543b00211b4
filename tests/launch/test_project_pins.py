"""What the project pins decides about the agent's options, where the file itself installs nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import lint_inside

JOB = "#!/bin/bash\nexec wandb agent --forward-signals x\n"


@pytest.mark.parametrize(
    ("pin", "status"),
    [
        ("wandb==0.23.1\n", 1),
        ("wandb<0.28\n", 1),
        ("wandb~=0.25.0\n", 1),
        ("wandb>=0.20\n", 0),
        ("wandb==0.28.0\n", 0),
        ("wandb\n", 0),
        ("torch==2.4\n", 0),
    ],
)
def test_the_requirements_of_the_project_decide(pin: str, status: int, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text(pin)
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "agent.sh").write_text(JOB)

    done = lint_inside("--isolated", "--select", "WBS402", "jobs/agent.sh", cwd=tmp_path)

    assert done.returncode == status, done.stdout
    assert ("in requirements.txt" in done.stdout) == bool(status)


def test_what_the_file_installs_itself_decides_before_that(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("wandb==0.23.1\n")
    (tmp_path / "agent.sh").write_text(JOB.replace("exec", "pip install wandb==0.31.0\nexec"))

    assert lint_inside("--isolated", "--select", "WBS402", "agent.sh", cwd=tmp_path).returncode == 0
    (tmp_path / "requirements.txt").write_text("wandb==0.31.0\n")
    (tmp_path / "agent.sh").write_text(JOB.replace("exec", "pip install wandb==0.23.1\nexec"))
    assert lint_inside("--isolated", "--select", "WBS402", "agent.sh", cwd=tmp_path).returncode == 1
