"""Hunts for scripts of which the launch facts or rules say what is not so. By hand, from the root of the repository::

    python -m tests.launch.hunt_signals --scripts 2000 --seed 1

Writes random job scripts (`signal_scripts`), runs each with the real shell and sends it SIGTERM, SIGUSR1 and SIGINT
(`shell_drill`), and holds what became of its trainings against what the facts say (`signal_comparison`) and what the
rules report. Prints counts, what was said and is wrong, and what was lost without a finding.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.launch.shell_drill import Drill, Drilled, drilling
from tests.launch.signal_comparison import Comparison, compare_deliveries, compare_statuses, measured_answer, read
from tests.launch.signal_scripts import SIGNALS, Written, scripts
from wbsignal_lint.diagnostics import Severity
from wbsignal_lint.launch.steps import Kill
from wbsignal_lint.rules import all_rules
from wbsignal_lint.rules.base import LaunchRule

__all__ = ["Tally", "findings", "hunt"]

ABOUT_THE_WAY = frozenset({"WBS404", "WBS405", "WBS406", "WBS407", "WBS416", "WBS420"})
"""Rules that say that the training is not told, or not waited for."""


@dataclass
class Tally:
    """What a hunt has found."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[Written, Comparison]] = field(default_factory=list)
    false_alarms: list[tuple[Written, str]] = field(default_factory=list)
    misses: list[tuple[Written, str]] = field(default_factory=list)

    @property
    def unknown_share(self) -> float:
        """Which part of the questions the facts leave open."""
        return self.counts["unknown"] / max(1, self.counts["comparisons"])


def findings(written: Written) -> set[str]:
    """Return the codes of what the launch rules report in a job script; those that are off by default do not count."""
    launch = read(written)
    rules = [rule for rule in all_rules() if isinstance(rule, LaunchRule) and rule.severity is not Severity.INFO]
    return {finding.code for rule in rules for finding in rule.check(launch)}


def hunt(number: int, start: int) -> Tally:
    """Try that many scripts; a seed gives the same ones each time."""
    tally = Tally()
    seen: set[tuple[object, ...]] = set()
    with drilling() as drill:

        @seed(start)
        @settings(
            max_examples=number,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(scripts())
        def look(written: Written) -> None:
            key = (written.interpreter, *sorted(written.files.items()))
            if key not in seen:
                seen.add(key)
                _try(drill, written, tally)

        look()
    return tally


def _try(drill: Drill, written: Written, tally: Tally) -> None:
    tally.counts["scripts"] += 1
    runs: dict[str, Drilled] = {}
    for signal, drilled, comparisons in compare_deliveries(drill, written):
        runs[signal] = drilled
        tally.counts["runs"] += 1
        for comparison in comparisons:
            tally.counts["comparisons"] += 1
            tally.counts["unknown"] += not comparison.is_known
            tally.counts["half unknown"] += comparison.is_half_known
            if comparison.is_wrong:
                tally.wrong.append((written, comparison))
    codes = findings(written)
    tally.counts.update(codes)
    _judge(written, codes, runs, tally)
    for claim, holds in compare_statuses(drill, written):
        tally.counts["statuses"] += 1
        if not holds:
            tally.false_alarms.append((written, f"WBS410: {claim}"))


def _judge(written: Written, codes: set[str], runs: dict[str, Drilled], tally: Tally) -> None:
    """Hold the findings against what became of the trainings."""
    kept = {
        signal: all(answer.told in SIGNALS and not answer.is_left for answer in map(measured_answer, drilled.trainings))
        and not drilled.had_left
        for signal, drilled in runs.items()
        if drilled.trainings
    }
    watched = {launch.trainer.script for launch in read(written).scripts[0].watched if launch.trainer is not None}
    if any(watched - {one.name for one in drilled.trainings} for drilled in runs.values()):
        return  # a finding can be about a training that was not yet running
    traps = [trap for script in read(written).scripts[:1] for trap in script.traps if any(trap.each(Kill))]
    meant = {name for trap in traps for name in trap.signals} & {"TERM", "USR1"} & set(kept)
    if not meant:
        return
    tally.counts["scripts that mean to tell"] += 1
    about = codes & ABOUT_THE_WAY
    if any(drilled.requeued_first for drilled in runs.values()):
        about = about - {"WBS420"}  # true, though the stand-in for scontrol ends no job
    if about and all(kept[signal] for signal in kept):
        tally.false_alarms.append((written, " ".join(sorted(about))))
    lost = sorted(signal for signal in meant if not kept[signal])
    tally.counts["scripts that lose"] += bool(lost)
    if lost and not codes:
        tally.misses.append((written, "SIG" + ", SIG".join(lost)))


def main() -> int:
    """Hunt, and print what was found."""
    parser = argparse.ArgumentParser(description="Hold the launch facts against real shells.")
    parser.add_argument("--scripts", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=10, help="how many scripts of each kind to print")
    arguments = parser.parse_args()
    tally = hunt(arguments.scripts, arguments.seed)
    for name, count in sorted(tally.counts.items()):
        print(f"{count:6} {name}")
    print(f"{len(tally.wrong):6} wrong answers, {tally.unknown_share:.1%} unknown")
    for title, found in (
        ("wrong", tally.wrong),
        ("false alarm", tally.false_alarms),
        ("lost without a finding", tally.misses),
    ):
        print(f"{len(found):6} {title}")
        shown = sorted(found, key=lambda one: len(one[0].text))[: arguments.show]
        for written, what in shown:
            print(f"----- {title}: {written.interpreter}: {what}")
            for name, text in written.files.items():
                print(f"## {name}\n{text}", end="")
    return int(bool(tally.wrong or tally.false_alarms))


if __name__ == "__main__":
    sys.exit(main())
