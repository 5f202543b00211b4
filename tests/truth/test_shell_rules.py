"""WBS410 with the real bash and client: what a script does by the status of a preempted training, masked and not.

In each script the training alone gets SIGTERM, marks its run and leaves with 143. ``srun`` starts what it is told, and
``scontrol`` and the other programs of the scripts write down that they were called.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.drills import NO_SERVER
from tests.support import FIXTURES
from wbsignal_lint.drill.measurement import Measurement, Plan, drill

pytestmark = pytest.mark.truth

TRAINER = Path(__file__).parent / "scripts" / "preempted_alone.py"
CALLED = ("scontrol", "curl", "aws", "mail")


def run_preempted(fixture: str, folder: Path) -> tuple[Measurement, set[str]]:
    """Run a fixture of WBS410; return what was measured, and the files and calls that it leaves."""
    script = FIXTURES / "exit-status-masked" / fixture
    tools = folder / "tools"
    tools.mkdir()
    (tools / "srun").write_text('#!/bin/sh\nexec "$@"\n')
    (tools / "sleep").write_text("#!/bin/sh\n")
    for program in CALLED:
        (tools / program).write_text(f'#!/bin/sh\necho "$@" > {folder}/called-{program}\n')
    for program in tools.iterdir():
        program.chmod(0o755)
    for name in ("train.py", "pretrain.py"):
        shutil.copy(TRAINER, folder / name)
    for name in ("preprocess.py", "export.py"):
        (folder / name).write_text(f"open('called-{name}', 'w').close()\n")
    shutil.copy(script, folder / script.name)
    search = os.pathsep.join([str(Path(sys.executable).parent), str(tools), os.environ["PATH"]])
    environment = {**os.environ, "PATH": search, "SLURM_JOB_ID": "1"}
    measured = drill(["bash", script.name], Plan((), grace=90), server=NO_SERVER, cwd=folder, environment=environment)
    return measured, {path.name for path in folder.iterdir() if path.name.startswith(("called-", "done"))}


def test_the_requeue_that_a_status_decides_takes_place_only_when_it_is_not_masked(tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "fixed").mkdir()
    masked, without = run_preempted("bad_status_asked.sh", tmp_path / "bad")
    seen, with_status = run_preempted("fixed_status_asked.sh", tmp_path / "fixed")

    assert masked.sequence == seen.sequence == "P X(143)", masked.output + seen.output
    assert (masked.status, without) == (0, set())
    assert (seen.status, with_status) == (143, {"called-scontrol"})


@pytest.mark.hunt
@pytest.mark.parametrize(
    ("form", "masked", "unmasked"),
    [
        ("done_marker.sbatch", {"done"}, set()),
        ("or_else.sh", {"called-curl"}, {"called-curl"}),
        ("stops_at_errors.sh", {"called-preprocess.py", "called-export.py"}, {"called-preprocess.py"}),
        ("error_trap.sh", set(), {"called-mail"}),
        ("function.sh", set(), set()),
    ],
)
def test_what_a_script_does_by_the_status(form: str, masked: set[str], unmasked: set[str], tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "fixed").mkdir()
    (tmp_path / "bad" / "logs").mkdir()
    (tmp_path / "fixed" / "logs").mkdir()
    before, done_before = run_preempted(f"bad_{form}", tmp_path / "bad")
    after, done_after = run_preempted(f"fixed_{form}", tmp_path / "fixed")

    runs = 2 if form == "function.sh" else 1
    assert before.sequence == " | ".join(["P X(143)"] * runs), before.output
    assert after.sequence == "P X(143)", after.output
    assert (done_before, done_after) == (masked, unmasked)
