"""Runs shell fixtures with the real bash, the real agent and a real trainer, and says what became of their runs.

By hand, from the root of the repository, for files or folders::

    python -m tests.truth.drill_launch fixtures/trap-deferred/bad_agent.sh

A fixture's head says what to do and what comes of it (fixtures/README.md). The signal goes to the script's bash, as a
batch system or container sends it; eight seconds later whatever still runs is killed. Every Python file that the
script names is a trainer whose handler marks, takes three seconds, and exits with 128+signum; every ``wandb agent`` is
the real one, with a sweep of two such runs on a server of this machine. A record is what `drill_fixture` writes, and

- ``left-behind``: the training went on, or was still in its handler, when the script had ended;
- ``killed``: the script was still there eight seconds later;
- ``next-run``: the agent started another run after the signal.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.truth.drill_fixture import FIXTURES, NO_SERVER, Head, kind_of
from wbsignal_lint.drill.agent import drill_agent
from wbsignal_lint.drill.measurement import Measurement, Plan, drill

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


def drill_launch(path: Path, signals: tuple[int, ...]) -> tuple[str, str]:
    """Run one shell fixture and send its bash the signals after the first log.

    Returns:
        What became of the runs, as heads write it, and the end of what was printed.
    """
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
        launcher = ["bash", path.name]
        plan = Plan(signals, grace=GRACE)
        if re.search(r"\bwandb\b.*\bagent\b", text):
            trainer = [sys.executable, str(TRAINER)]
            measured = drill_agent(trainer, plan, launcher=launcher, cwd=folder, environment=environment)
            return record_of(measured.agent, len(measured.handed_out)), measured.agent.output
        measured_alone = drill(launcher, plan, server=NO_SERVER, cwd=folder, environment=environment)
        return record_of(measured_alone, 0), measured_alone.output


def drilled_launches() -> list[tuple[Path, Head]]:
    """Return the shell fixtures that say how they are drilled and what comes of it, in a stable order."""
    found = []
    for path in sorted(path for suffix in SUFFIXES for path in FIXTURES.glob(f"*/*{suffix}")):
        head = Head.of(path.read_bytes().decode(errors="replace"))
        if head is not None and kind_of(path) in head.records:
            found.append((path, head))
    return found


def main() -> int:
    """Drill the files that were named."""
    parser = argparse.ArgumentParser(description="Run shell fixtures under the real bash, agent and client.")
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--signal", default="SIGTERM", help="for files whose head names none")
    parser.add_argument("--verbose", action="store_true", help="show the end of what the fixture printed")
    arguments = parser.parse_args()
    different = 0
    for root in arguments.paths:
        files = sorted(one for one in root.iterdir() if one.suffix in SUFFIXES) if root.is_dir() else [root]
        for path in files:
            head = Head.of(path.read_bytes().decode(errors="replace"))
            wanted = head.records.get(kind_of(path)) if head else None
            if wanted is None and root.is_dir():
                continue
            signals = head.signals if head else (int(signal.Signals[arguments.signal]),)
            record, output = drill_launch(path, signals)
            verdict = "--" if wanted is None else "ok" if record == wanted else "DIFFERENT"
            different += verdict == "DIFFERENT"
            says = f"   (head: {wanted})" if verdict == "DIFFERENT" else ""
            print(f"{verdict:9} {os.path.relpath(path)}: {record}{says}", flush=True)
            if arguments.verbose:
                print(output)
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
