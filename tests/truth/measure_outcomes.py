"""Measures what W&B records for the scripts in fixtures/outcomes, and writes it to their measured.json.

From the root of the repository::

    python -m tests.truth.measure_outcomes                    # every script, in every scenario
    python -m tests.truth.measure_outcomes try_bare_except    # these again; the others keep what is written
    python -m tests.truth.measure_outcomes --repeat 3         # each drill three times

Every number in the table comes from a drill: nothing there is written by hand. A row whose drills differ among
themselves is no fact; it is named on standard error and left out, and the status is 1. test_outcomes.py holds the
forecasts against the table, and the table against new drills.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import signal
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

from wbsignal_lint.drill.loopback import Loopback, Sweep
from wbsignal_lint.drill.measurement import Plan, drill
from wbsignal_lint.drill.rows import row_of
from wbsignal_lint.outcome_table import Unknown

OUTCOMES = Path(__file__).parents[2] / "fixtures" / "outcomes"
TABLE = OUTCOMES / "measured.json"

TO_THE_END = "to the end"
SCENARIOS = (TO_THE_END, "SIGKILL", "SIGINT", "SIGTERM", "SIGUSR1")

GRACE = 60.0
"""Seconds that a script has to end after the signal, or as a whole; ten times what they take on a busy machine."""

PROCESSES = 2
"""Drills at a time; each is a training process and a client, and mostly waits."""


@dataclass(frozen=True)
class Measured:
    """What a drill of a script in one scenario found; ``unknown`` where it could not tell."""

    marked: bool | str
    recorded: int | str | None
    status: int | str | None
    handler_run: bool | str


def scripts() -> list[Path]:
    """Return the scripts in a stable order."""
    return sorted(OUTCOMES.glob("*.py"))


def scenarios_of(script: Path) -> tuple[str, ...]:
    """Return the scenarios that a script is drilled in: SIGHUP only where it is spoken of."""
    return (*SCENARIOS, "SIGHUP") if "SIGHUP" in script.read_text() else SCENARIOS


def measure_outcome(script: Path, scenario: str) -> Measured:
    """Drill a script in an empty folder; a signal comes after the first log.

    A script that is its own agent is online, with a server on this machine that has a sweep of one run for it.

    Raises:
        OSError: it can't be drilled.
    """
    signum = None if scenario == TO_THE_END else int(signal.Signals[scenario])
    plan = Plan(() if signum is None else (signum,), grace=GRACE)
    command = [sys.executable, str(script)]
    sweep = Sweep(command, runs=1) if "wandb.agent(" in script.read_text() else None
    with tempfile.TemporaryDirectory(prefix="wbsignal-outcome-") as folder, Loopback(sweep) as server:
        mode = "online" if sweep else "offline"
        measured = drill(command, plan, server=server.url, mode=mode, cwd=Path(folder))
    row = row_of(measured, signum, plan)
    (outcome,) = row.outcomes
    values = (outcome.marked, outcome.recorded, outcome.status, row.handler_run)
    return Measured(*(str(value) if isinstance(value, Unknown) else value for value in values))


def read_table() -> dict[str, dict[str, Measured]]:
    """Return what measured.json says, by the name of the script and the scenario; empty if there is none yet."""
    if not TABLE.exists():
        return {}
    written = json.loads(TABLE.read_text())["scripts"]
    return {name: {scenario: Measured(**row) for scenario, row in rows.items()} for name, rows in written.items()}


def write_table(table: dict[str, dict[str, Measured]]) -> None:
    """Write measured.json: a line for each drill, always in the same order."""
    versions = {"wandb": importlib.metadata.version("wandb"), "python": ".".join(map(str, sys.version_info[:2]))}
    blocks = []
    for name in sorted(table):
        order = [*SCENARIOS, "SIGHUP"]
        rows = sorted(table[name].items(), key=lambda row: order.index(row[0]))
        lines = [f"   {json.dumps(scenario)}: {json.dumps(asdict(measured))}" for scenario, measured in rows]
        blocks.append(f"  {json.dumps(name)}: {{\n" + ",\n".join(lines) + "\n  }")
    TABLE.write_text(
        f'{{\n "measured with": {json.dumps(versions)},\n "scripts": {{\n' + ",\n".join(blocks) + "\n }\n}\n"
    )


def main() -> int:
    """Measure the scripts that were named, or all."""
    parser = argparse.ArgumentParser(description="Measure the outcomes of the scripts in fixtures/outcomes.")
    parser.add_argument("names", nargs="*", help="scripts, without .py; default all")
    parser.add_argument("--repeat", type=int, default=1, help="how often each drill is done (default 1)")
    arguments = parser.parse_args()
    if missing := set(arguments.names) - {script.stem for script in scripts()}:
        parser.error(f"no such script: {', '.join(sorted(missing))}")
    chosen = [script for script in scripts() if not arguments.names or script.stem in arguments.names]
    drills = [(script, scenario) for script in chosen for scenario in scenarios_of(script)]
    present = {script.stem for script in scripts()} - {script.stem for script in chosen}
    table = {name: rows for name, rows in read_table().items() if name in present}
    left_out = 0
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        pending = [[pool.submit(measure_outcome, *one) for _ in range(arguments.repeat)] for one in drills]
        for (script, scenario), repeated in zip(drills, pending, strict=True):
            results = {future.result() for future in repeated}
            (one, *others) = results
            if others or "unknown" in (one.marked, one.recorded, one.status):
                left_out += 1
                print(f"LEFT OUT: {script.stem}, {scenario}: {results}", file=sys.stderr, flush=True)
            else:
                table.setdefault(script.stem, {})[scenario] = one
                print(f"{script.stem}, {scenario}: {one}", flush=True)
            write_table(table)
    print(f"{len(drills)} rows, {left_out} left out")
    return int(left_out > 0)


if __name__ == "__main__":
    sys.exit(main())
