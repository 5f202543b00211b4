"""Findings that depend on the versions which a project pins."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import FIXED_JOB, FIXTURES, JOB, lint_inside


def codes(folder: Path, *options: str) -> list[str]:
    """Return the codes of all findings in a folder."""
    done = lint_inside("--isolated", "--no-gitignore", "--output-format", "json", *options, ".", cwd=folder)
    assert done.stderr == ""
    return [found["code"] for found in json.loads(done.stdout)]


@pytest.mark.parametrize(
    ("pin", "found"),
    [
        ("", True),
        ("lightning", True),
        ("lightning==2.6.6", True),
        ("pytorch-lightning>=2", True),
        ("pytorch-lightning==1.9.5", False),
        ("lightning<2", False),
        ("lightning>=1.8", True),
    ],
)
def test_lightning_1_does_not_finish_on_sigterm(tmp_path: Path, pin: str, found: bool) -> None:
    script = FIXTURES / "lightning-finishes-on-sigterm" / "bad_module_level.py"
    (tmp_path / "train.py").write_text(script.read_text())
    (tmp_path / "requirements.txt").write_text(f"torch\n{pin}\n")

    assert codes(tmp_path) == ["WBS108"] * found


@pytest.mark.parametrize(("pin", "found"), [("", True), ("transformers>=5", True), ("transformers<5", False)])
def test_just_in_time_checkpoints_came_with_transformers_5(tmp_path: Path, pin: str, found: bool) -> None:
    script = FIXTURES / "handler-replaced" / "bad_jit_checkpoint.py"
    (tmp_path / "train.py").write_text(script.read_text())
    (tmp_path / "requirements.txt").write_text(f"{pin}\n")

    assert codes(tmp_path) == ["WBS107"] * found


@pytest.mark.parametrize(
    ("pin", "found"),
    [
        ("", True),
        ("wandb>=0.28.2", True),
        ("wandb==0.31.0", True),
        ("wandb>=0.19", True),
        ("wandb==0.25.1", False),
        ("wandb<0.28", False),
    ],
)
def test_older_clients_record_the_number_of_a_bool(tmp_path: Path, pin: str, found: bool) -> None:
    script = FIXTURES / "exit-status-type" / "bad_exit_true.py"
    (tmp_path / "train.py").write_text(script.read_text())
    (tmp_path / "requirements.txt").write_text(f"{pin}\n")

    assert codes(tmp_path) == ["WBS311"] * found


@pytest.mark.parametrize(("pin", "found"), [("", True), ("wandb>=0.13.11", True), ("wandb==0.12.21", False)])
@pytest.mark.parametrize("form", ["bad_except_system_exit", "bad_atexit"])
def test_old_clients_keep_the_exit_code_that_finish_is_not_given(
    tmp_path: Path, form: str, pin: str, found: bool
) -> None:
    script = FIXTURES / "finish-hides-failure" / f"{form}.py"
    (tmp_path / "train.py").write_text(script.read_text())
    (tmp_path / "requirements.txt").write_text(f"{pin}\n")

    assert codes(tmp_path, "--select", "WBS304") == ["WBS304"] * found


@pytest.mark.parametrize(
    ("pin", "is_safe"),
    [("", True), ("wandb", True), ("wandb>=0.24", True), ("wandb==0.31.0", True), ("wandb<0.24", False)],
)
def test_the_agents_option_is_inserted_where_the_pinned_client_has_it(tmp_path: Path, pin: str, is_safe: bool) -> None:
    (tmp_path / "job.sh").write_text(JOB)
    (tmp_path / "requirements.txt").write_text(f"{pin}\n")
    lint_inside("--isolated", "--fix", "--select", "WBS401", "job.sh", cwd=tmp_path)

    assert (tmp_path / "job.sh").read_text() == (FIXED_JOB if is_safe else JOB)


@pytest.mark.parametrize(("pin", "found"), [("typer==0.29.2", True), ("typer>=0.12", True), ("typer", False)])
def test_a_typer_app_replaces_the_hook_and_is_never_moved(tmp_path: Path, pin: str, found: bool) -> None:
    script = (
        "import signal\n\nimport typer\nimport wandb\n\napp = typer.Typer()\n\n\n"
        "@app.command()\ndef main(lr: float = 0.1):\n    for step in range(80):\n        run.log({'loss': lr})\n\n\n"
        "run = wandb.init(project='p')\napp()\n"
    )
    (tmp_path / "train.py").write_text(script)
    (tmp_path / "requirements.txt").write_text(f"{pin}\n")

    assert codes(tmp_path) == ["WBS310"] * found
    lint_inside("--isolated", "--fix", "--unsafe-fixes", "train.py", cwd=tmp_path)
    assert (tmp_path / "train.py").read_text() == script
