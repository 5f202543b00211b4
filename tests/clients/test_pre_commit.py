"""The hooks in the real pre-commit, from a checkout of this very tree."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import CLEAN_SCRIPT, FIXED_JOB, FIXED_SCRIPT, JOB, ROOT, SCRIPT

pytestmark = pytest.mark.client

GIT = ("git", "-c", "user.name=Tester", "-c", "user.email=tester@example.org", "-c", "commit.gpgsign=false")


def git(*arguments: str, cwd: Path) -> str:
    return subprocess.run([*GIT, *arguments], cwd=cwd, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository that holds this work tree as it is."""
    copy = tmp_path_factory.mktemp("hooks")
    for name in git("ls-files", "-z", "-co", "--exclude-standard", cwd=ROOT).split("\0"):
        if name and (ROOT / name).is_file() and not name.startswith(("fixtures/", "tests/")):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    git("init", "-q", cwd=copy)
    git("add", "-A", cwd=copy)
    git("commit", "-qm", "As it is", cwd=copy)
    return copy


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for the environment that pre-commit makes; both hooks share it."""
    return tmp_path_factory.mktemp("pre-commit")


@pytest.fixture
def repository(project: Path) -> Path:
    """Return a repository with files of all kinds."""
    git("init", "-q", cwd=project)
    for name, text in {
        "train.py": SCRIPT,
        "jobs/sweep.sbatch": JOB,
        "launch": JOB,
        "clean.py": CLEAN_SCRIPT,
        "vendored/train.py": SCRIPT,
        "README.md": JOB,
        "LICENSE": "Do what you want.\n",
        "Makefile": "all:\n\twandb agent x\n",
        ".justfile": "all:\n    wandb agent x\n",
        "docker/Dockerfile.train": 'FROM python\nCMD ["wandb", "agent", "x"]\n',
        "pod.yaml": "command: [wandb, agent, x]\n",
        "sweep.ipynb": '{"cells": [{"cell_type": "code", "source": ["!wandb agent x"]}]}\n',
        "pyproject.toml": "[tool.wbsignal-lint]\nextend-exclude = ['vendored']\n",
    }.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(text)
    git("add", "-A", cwd=project)
    return project


def pre_commit(hooks: Path, home: Path, hook: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a hook on all files."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PYTHONPATH"))}
    return subprocess.run(
        [sys.executable, "-m", "pre_commit", "try-repo", str(hooks), hook, "--all-files", "--verbose", "--color=never"],
        cwd=cwd,
        env={**environment, "PRE_COMMIT_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_finding_fails_the_hook_and_changes_nothing(hooks: Path, home: Path, repository: Path) -> None:
    done = pre_commit(hooks, home, "wbsignal-lint", repository)

    assert done.returncode == 1, done.stdout + done.stderr
    assert sorted(re.findall(r"(?m)^(\S+?):\S.* WBS(\d+) \[", done.stdout)) == [
        (".justfile", "401"),
        ("Makefile", "401"),
        ("docker/Dockerfile.train", "401"),
        ("jobs/sweep.sbatch", "401"),
        ("launch", "401"),
        ("pod.yaml", "401"),
        ("sweep.ipynb", "401"),
        ("train.py", "301"),
    ]
    assert "Found 8 errors. [*] 8 fixable with --fix.\n" in done.stdout
    assert "WBS001" not in done.stdout
    assert git("diff", cwd=repository) == ""


def test_fixing_fails_once_and_then_passes(hooks: Path, home: Path, repository: Path) -> None:
    first = pre_commit(hooks, home, "wbsignal-lint-fix", repository)

    assert first.returncode == 1, first.stdout + first.stderr
    assert "files were modified by this hook" in first.stdout
    assert "Found 8 errors (8 fixed, 0 remaining).\n" in first.stdout
    assert (repository / "train.py").read_text() == FIXED_SCRIPT
    assert (repository / "jobs/sweep.sbatch").read_text() == FIXED_JOB
    assert (repository / "launch").read_text() == FIXED_JOB
    assert (repository / "vendored/train.py").read_text() == SCRIPT

    second = pre_commit(hooks, home, "wbsignal-lint-fix", repository)
    assert second.returncode == 0, second.stdout + second.stderr
    assert "All checks passed!" in second.stdout
