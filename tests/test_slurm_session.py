"""The session on a real SLURM runs on demand only, and says in one line what it lacks."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests.support import ROOT, run

SESSION = (sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", "tests/slurm")


def test_it_is_in_no_session_that_does_not_ask_for_it() -> None:
    done = run([*SESSION, "--collect-only", "-m", "not hunt"], ROOT)

    assert re.search(r"no tests collected \(\d+ deselected\)", done.stdout), done.stdout


def test_without_slurm_it_fails_and_says_how_to_get_it(tmp_path: Path) -> None:
    done = run([*SESSION, "-m", "slurm", "-k", "scancel"], ROOT, environment={"PATH": str(tmp_path)})

    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if "SLURM" in line]
    assert "sbatch" in line
    assert "apt-get install slurm-wlm munge" in line
