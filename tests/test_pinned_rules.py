"""Findings that depend on the versions which a project pins."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import FIXTURES, lint


def codes(folder: Path, *options: str) -> list[str]:
    """Return the codes of all findings in a folder."""
    done = lint("--isolated", "--no-gitignore", "--output-format", "json", *options, ".", cwd=folder)
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
