"""What is forecast of command-line frameworks and Ray, under the real ones; they are installed for the occasion."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.forecast.framework_scripts import MEASURED, PACKAGES, Measured
from tests.support import CLI, run

pytestmark = [pytest.mark.truth, pytest.mark.hunt]


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a Python that has the frameworks and the same wandb as this one."""
    folder = tmp_path_factory.mktemp("frameworks")
    made = run([sys.executable, "-m", "venv", folder], folder)
    assert made.returncode == 0, made.stderr
    installed = run([folder / "bin" / "pip", "install", "-q", f"wandb=={version('wandb')}", *PACKAGES], folder)
    assert installed.returncode == 0, installed.stderr
    return folder / "bin" / "python"


@pytest.mark.parametrize("measured", MEASURED, ids=lambda measured: f"{measured.name}-{measured.scenario}")
def test_the_record_is_the_one_that_is_forecast(python: Path, tmp_path: Path, measured: Measured) -> None:
    script = tmp_path / "train.py"
    script.write_text(measured.text)
    what = measured.scenario if measured.scenario.startswith("SIG") else "none"
    command = [*CLI, "drill", "--signal", what, "--output-format", "json", "--", str(python), str(script)]
    done = run([*command, *measured.arguments], tmp_path, environment={"RAY_USAGE_STATS_ENABLED": "0"})

    (found,) = json.loads(done.stdout)
    (outcome,) = found["outcomes"]
    record = (outcome["marked"], outcome["recorded_exit"], outcome["process_status"])
    assert record == (measured.marked, measured.recorded, measured.status), done.stderr
