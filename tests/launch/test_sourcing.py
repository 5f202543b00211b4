"""Files that a job script sources count as part of it; findings stay in the file they belong to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import lint_inside

JOB = """\
#!/bin/bash
#SBATCH --signal=B:USR1@120
{source}
export WANDB_PROJECT=vision
{launch}
"""
BACKGROUND = 'python train.py &\nPID=$!\nwait "$PID"\nwait "$PID"'
TRAP = "trap 'kill -USR1 \"$PID\"' USR1\n"


def findings(folder: Path, *names: str) -> list[tuple[str, str, int]]:
    done = lint_inside("--isolated", "--output-format", "json", *(names or (".",)), cwd=folder)
    assert done.stderr == ""
    return [
        (Path(found["filename"]).name, found["code"], found["location"]["row"]) for found in json.loads(done.stdout)
    ]


def put(folder: Path, source: str, launch: str = BACKGROUND, **files: str) -> None:
    (folder / ".git").mkdir()
    (folder / "job.sbatch").write_text(JOB.format(source=source, launch=launch))
    (folder / "train.py").write_text("import wandb\n\nwandb.init()\n")
    for name, text in files.items():
        (folder / f"{name}.sh").write_text(text)


@pytest.mark.parametrize(
    "source",
    [
        "source traps.sh",
        ". ./traps.sh",
        'source "$(dirname "$0")/traps.sh"',
        'source "${BASH_SOURCE%/*}/traps.sh"',
        'HERE=$(pwd)\nsource "$HERE/traps.sh"',
        "[ -f traps.sh ] && source traps.sh || exit 1",
    ],
)
def test_a_sourced_trap_is_the_scripts_own(source: str, tmp_path: Path) -> None:
    put(tmp_path, source, traps=TRAP)
    assert findings(tmp_path) == []

    (tmp_path / "traps.sh").write_text("export OMP_NUM_THREADS=8\n")
    assert "WBS409" in {code for _, code, _ in findings(tmp_path)}, "now nobody takes the signal"


def test_a_file_that_is_not_there_may_set_any_trap(tmp_path: Path) -> None:
    put(tmp_path, "source traps.sh")

    assert findings(tmp_path) == []


def test_a_file_of_that_name_elsewhere_is_another_one(tmp_path: Path) -> None:
    put(tmp_path, 'source "$HOME/traps.sh"', traps="export OMP_NUM_THREADS=8\n")

    assert findings(tmp_path) == []


def test_a_wait_is_judged_by_the_sourced_trap(tmp_path: Path) -> None:
    put(tmp_path, "source traps.sh", BACKGROUND.rpartition("\n")[0], traps=TRAP)

    assert findings(tmp_path) == [("job.sbatch", "WBS405", 7)]


def test_functions_of_a_sourced_file_are_followed(tmp_path: Path) -> None:
    put(tmp_path, "source lib.sh\non_preemption", lib=f"#!/bin/bash\non_preemption() {{\n    {TRAP}}}\n")
    assert findings(tmp_path) == []

    job = (tmp_path / "job.sbatch").read_text()
    (tmp_path / "job.sbatch").write_text(job.replace("\non_preemption\n", "\n"))
    assert "WBS409" in {code for _, code, _ in findings(tmp_path)}, "nobody calls it"


def test_what_stands_in_a_sourced_file_is_reported_there_only(tmp_path: Path) -> None:
    put(tmp_path, "source sweep.sh", "start", sweep="start() {\n    srun wandb agent team/p/s\n}\n")
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.*") if path.is_file()}

    found = findings(tmp_path)
    assert [item for item in found if item[1] == "WBS401"] == [("sweep.sh", "WBS401", 2)]
    assert lint_inside("--isolated", "--select", "WBS401", "--fix", ".", cwd=tmp_path).returncode == 0
    assert (tmp_path / "job.sbatch").read_bytes() == before["job.sbatch"]
    assert b"agent --forward-signals" in (tmp_path / "sweep.sh").read_bytes()


def test_files_that_source_each_other_or_are_no_shell_do_no_harm(tmp_path: Path) -> None:
    put(tmp_path, "source a.sh\nsource broken.sh", a="source b.sh\n", b=f"source a.sh\n{TRAP}", broken="if (( ; fi {\n")

    assert findings(tmp_path, "job.sbatch") == []


MARKS = """\
import signal
import sys

import wandb


def stop(signum, frame):
    wandb.run.mark_preempting()
    sys.exit(128 + signum)


run = wandb.init()
signal.signal(signal.SIGTERM, stop)
for step in range(100):
    run.log({"loss": step})
"""


def after_scancel(folder: Path) -> list[str]:
    """Return the words of the line that says what is forecast to become of the run."""
    done = lint_inside("forecast", "--launch", "job.sbatch", "train.py", cwd=folder)
    assert done.stderr == ""
    return next(line.split() for line in done.stdout.splitlines() if line.startswith(" scancel"))


def test_the_forecast_follows_a_sourced_trap(tmp_path: Path) -> None:
    put(tmp_path, "source traps.sh", traps=TRAP.replace("USR1", "TERM"))
    (tmp_path / "train.py").write_text(MARKS)
    assert after_scancel(tmp_path) == ["scancel", "yes", "yes", "143", "143", "PREEMPTED", "yes", "PREEMPTED"]

    (tmp_path / "traps.sh").write_text("export OMP_NUM_THREADS=8\n")
    assert "CRASHED" in after_scancel(tmp_path)
