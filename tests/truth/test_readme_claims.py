"""README's five mistakes under the real client: what its tables say was recorded, is recorded."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.drills import NO_SERVER
from tests.readme import Mistake, console_blocks, mistakes
from tests.support import CLI, ROOT, run
from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.drill.agent import drill_agent
from wbsignal_lint.drill.measurement import Measurement, Plan, drill

pytestmark = pytest.mark.truth

# What README's scripts leave to the reader, with which the training takes long enough for a signal, or fails.
TRAINS = "def train_step():\n    import time\n    time.sleep(0.02)\n    return 0.1\n"
FAILS = "def train_step():\n    raise ValueError('a bug')\n"

TRAINER = [sys.executable, str(Path(__file__).parent / "scripts" / "marks_in_handler.py"), "waits"]
SWEEP = "drill/drill/sweep1"


def measure(mistake: Mistake, text: str, what: str, folder: Path) -> Measurement:
    """Run a script or job script of README's, and let happen to it what a row of its table says."""
    script = folder / mistake.filename
    if mistake.filename == "job.sbatch":
        script.write_text(text, encoding="utf-8")
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        environment = {**os.environ, "PATH": path, "SWEEP_ID": SWEEP}
        plan = Plan((signal.Signals[what],))
        return drill_agent(TRAINER, plan, launcher=["bash", script.name], cwd=folder, environment=environment).agent
    script.write_text((FAILS if what == "exception" else TRAINS) + text, encoding="utf-8")
    signals = () if what == "exception" else (signal.Signals[what],)
    return drill([sys.executable, script.name], Plan(signals), server=NO_SERVER, cwd=folder)


@pytest.mark.parametrize(
    ("mistake", "what"),
    [pytest.param(mistake, what, id=f"{mistake.code}-{what}") for mistake in mistakes() for what in mistake.recorded],
)
def test_what_is_recorded_before_and_after(mistake: Mistake, what: str, tmp_path: Path) -> None:
    for text, claim in zip((mistake.before, mistake.after), mistake.recorded[what], strict=True):
        measured = measure(mistake, text, what, tmp_path)
        # A run that has recorded nothing yet may have no log that could be read.
        run = measured.runs[0] if measured.runs else None
        words = describe_outcome(what, run is not None and run.marked, run.recorded if run else None)

        assert words == f"after {what}: {claim}", measured.output


def test_the_drill_shown_is_the_one_that_is_measured(tmp_path: Path) -> None:
    command, shown = next((words[0], output) for words, output in console_blocks() if " drill " in words[0])
    script = ROOT / command.split()[-1]

    done = run([*CLI, *command.split()[1:-2], sys.executable, script], tmp_path, environment={"COLUMNS": "80"})

    # Below the table are times, which differ.
    def rows(text: str) -> list[str]:
        return [line for line in text.splitlines() if line.startswith(" ")]

    assert rows(done.stdout) == rows(shown), done.stderr
    assert done.returncode == 1
