"""No rule, not even one that is off by default, has anything to say of the job scripts that docs/slurm.md recommends.

That they keep their runs on a real SLURM is the business of tests/slurm.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.slurm.templates import TEMPLATES
from tests.support import lint


def test_there_is_one_for_each_way_to_be_reached() -> None:
    assert list(TEMPLATES) == ["A trainer in a step", "A trainer without srun", "A sweep agent"]


@pytest.mark.parametrize("name", TEMPLATES)
def test_it_is_clean(name: str, tmp_path: Path) -> None:
    (tmp_path / "job.sbatch").write_text(TEMPLATES[name], encoding="utf-8")

    done = lint("--isolated", "--pedantic", "--output-format", "concise", "job.sbatch", cwd=tmp_path)

    assert (done.stdout, done.returncode) == ("All checks passed!\n", 0)


def test_the_linter_does_read_it(tmp_path: Path) -> None:
    spoilt = TEMPLATES["A sweep agent"].replace("--forward-signals ", "").replace("srun ", "")
    (tmp_path / "job.sbatch").write_text(spoilt, encoding="utf-8")

    done = lint("--isolated", "--output-format", "concise", "job.sbatch", cwd=tmp_path)

    assert "WBS401" in done.stdout
    assert "WBS418" in done.stdout
