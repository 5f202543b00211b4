"""Runs launching fixtures with the real bash or Python, agent and trainer, and says what became of their runs.

By hand, from the root of the repository, for files or folders::

    python -m tests.truth.drill_launch fixtures/trap-deferred/bad_agent.sh

A fixture's head says what to do and what comes of it (fixtures/README.md). The signal goes to the script's bash, or to
the Python that runs it and gets the sweep as its argument, as a batch system or container sends it; eight seconds later
whatever still runs is killed. Every Python file that a script names is a trainer whose handler marks, takes three
seconds, and exits with 128+signum; every ``wandb agent`` is the real one, with a sweep of two such runs on a server of
this machine. A record is what `drill_fixture` writes, and

- ``left-behind``: the training went on, or was still in its handler, when the script had ended;
- ``killed``: the script was still there eight seconds later;
- ``next-run``: the agent started another run after the signal.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from tests.drills import NO_SERVER, Drilled, arguments_of, drillable, print_drills
from tests.truth.drill_fixture import Head, only_launches
from wbsignal_lint.drill.agent import drill_agent
from wbsignal_lint.drill.loopback import SWEEP_PATH
from wbsignal_lint.drill.measurement import Measurement, Plan, drill

__all__ = ["GRACE", "TRAINER", "drill_launch", "drilled_launches"]

TRAINER = Path(__file__).parent / "scripts" / "marks_and_saves.py"
GRACE = 8.0
SUFFIXES = (".sh", ".sbatch", ".job", ".slurm")


def record_of(measured: Measurement, handed_out: int) -> str:
    """Return what became of the runs, in one line."""
    notes = [
        note
        for note, holds in (
            ("left-behind", bool(measured.left_behind)),
            ("killed", measured.killed),
            ("next-run", handed_out > 1),
        )
        if holds
    ]
    status = "" if measured.killed else f"rc={measured.status}"
    return " ".join(part for part in (measured.runs[0].sequence if measured.runs else "-", status, *notes) if part)


def head_of(path: Path) -> Head | None:
    """Return the head of a fixture that launches trainings; ``None`` for all others."""
    if path.suffix not in (*SUFFIXES, ".py"):
        return None
    text = path.read_bytes().decode(errors="replace")
    return Head.of(text) if path.suffix != ".py" or only_launches(text) else None


def drill_launch(path: Path, head: Head) -> Drilled:
    """Run one fixture and send its process the signals after the first log; return what became of the runs."""
    text = path.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="wbsignal-launch-") as name:
        folder = Path(name)
        for script in re.findall(r"[\w./-]+\.py\b", text):
            if not script.startswith("/"):
                (folder / script).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(TRAINER, folder / script)
        shutil.copy(path, folder / path.name)
        tools = folder / "tools"
        tools.mkdir()
        for program in ("python", "python3"):
            (tools / program).symlink_to(sys.executable)
        search = os.pathsep.join([str(Path(sys.executable).parent), str(tools), os.environ["PATH"]])
        environment = {**os.environ, "PATH": search, "SLURM_JOB_ID": "1"}
        launcher = [sys.executable, path.name, SWEEP_PATH] if path.suffix == ".py" else ["bash", path.name]
        plan = Plan(head.signals, grace=GRACE)
        if re.search(r"\bwandb\b.*\bagent\b", text):
            trainer = [sys.executable, str(TRAINER)]
            measured = drill_agent(trainer, plan, launcher=launcher, cwd=folder, environment=environment)
            return Drilled(record_of(measured.agent, len(measured.handed_out)), measured.agent.output)
        measured_alone = drill(launcher, plan, server=NO_SERVER, cwd=folder, environment=environment)
        return Drilled(record_of(measured_alone, 0), measured_alone.output)


def drilled_launches() -> list[tuple[Path, Head]]:
    """Return the launching fixtures that say how they are drilled and what comes of it, in a stable order."""
    return drillable(head_of)


def main() -> int:
    """Drill the files that were named."""
    arguments = arguments_of("Run launching fixtures under the real bash, agent and client.", "--signal", "SIGTERM")
    otherwise = Head.of(f"# drill: {arguments.otherwise}")
    assert otherwise is not None
    return print_drills(arguments.paths, head_of, otherwise, drill_launch, verbose=arguments.verbose)


if __name__ == "__main__":
    sys.exit(main())
