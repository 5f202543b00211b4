"""What the launch facts say of a script's signals, held against what became of its trainings when it was run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.launch.shell_drill import Drill, Drilled, Training
from tests.launch.signal_scripts import SIGNALS, Written
from wbsignal_lint.launch.facts import LaunchFile
from wbsignal_lint.launch.processes import deliver
from wbsignal_lint.launch.reader import launch_of, read_launch
from wbsignal_lint.launch.route import Route, find_routes
from wbsignal_lint.launch.status import Reader, masked_statuses
from wbsignal_lint.launch.steps import ShellScript

__all__ = [
    "Answer",
    "Comparison",
    "compare_deliveries",
    "compare_statuses",
    "measured_answer",
    "read",
    "routes_to",
    "said_answer",
]


@dataclass(frozen=True)
class Answer:
    """What becomes of one training by one signal."""

    told: str | None
    """The signal that it gets; ``None``: none, ``KILL``: it is killed."""
    is_left: bool | None
    """Whether the script leaves before the training; ``None``: not known, or nothing to leave from."""


@dataclass(frozen=True)
class Comparison:
    """One question put to the facts and to the shell."""

    question: str
    said: Answer | None
    """``None``: the facts don't know."""
    measured: Answer

    @property
    def is_known(self) -> bool:
        """Whether the facts answer at all."""
        return self.said is not None

    @property
    def is_half_known(self) -> bool:
        """Whether the facts say what the training is told, but not whether it is waited for."""
        waits = self.measured.told not in (None, "KILL")
        return self.said is not None and self.said.is_left is None and waits

    @property
    def is_wrong(self) -> bool:
        """Whether the facts say something that is not so."""
        if self.said is None:
            return False
        if self.said.told != self.measured.told:
            return True
        return self.said.is_left is not None and self.said.is_left != self.measured.is_left


def read(written: Written) -> LaunchFile:
    """Return the facts of the job script."""
    return read_launch(written.text)


def routes_to(written: Written, script: ShellScript, training: str) -> list[Route]:
    """Return the ways that the facts see from the job script to one training."""

    def open_script(path: str) -> tuple[str, ShellScript] | None:
        text = written.files.get(path.removeprefix("./"))
        return None if text is None else (text, read_launch(text + "# wandb\n").scripts[0])

    return find_routes("job.sh", written.text, script, training, open_script, launch_of)


def measured_answer(training: Training) -> Answer:
    """Return what became of a training, in the facts' terms."""
    told = training.got
    if told is None and training.is_dead:
        told = "KILL"
    elif told is not None and told.startswith("late:"):
        told = None
    return Answer(told, training.was_left)


def said_answer(route: Route, signal: str) -> Answer | None:
    """Return what the facts say becomes of the training at the end of a route; ``None``: they don't know."""
    arrival = route.follow(signal)
    if not arrival.is_known:
        return None
    delivery = deliver(route.script, route.hops[0].launch, signal)
    awaited = None if delivery is None else delivery.is_awaited
    told = arrival.signal
    if told not in (None, "TERM", "USR1", "USR2", "INT"):
        told = "KILL"  # it has no handler for it
    if told == "KILL":
        return Answer(told, None)
    if arrival.is_cut_short:
        return Answer(told, True)
    return Answer(told, None if awaited is None else not awaited)


def compare_deliveries(drill: Drill, written: Written) -> Iterator[tuple[str, Drilled, list[Comparison]]]:
    """Send each signal to the script's shell; yield what came of it."""
    script = read(written).scripts[0]
    for signal in SIGNALS:
        drilled = drill.run(written.interpreter, written.files, sent=signal)
        comparisons = []
        for name in dict.fromkeys(one.name for one in drilled.trainings):
            measured = {measured_answer(one) for one in drilled.trainings if one.name == name}
            routes = routes_to(written, script, name)
            if len(measured) > 1 or len(routes) != 1:
                continue  # a loop's first training fares otherwise than its last; no route: no claim
            said = said_answer(routes[0], signal)
            if said is not None and sum(one.name == name for one in drilled.trainings) > 1:
                said = replace(said, is_left=None)  # that some are not waited for shows only when others have ended
            comparisons.append(Comparison(f"SIG{signal} to {name}", said, measured.pop()))
        yield signal, drilled, comparisons


def compare_statuses(drill: Drill, written: Written) -> list[tuple[str, bool]]:
    """Let the trainings end by themselves, well and with 143; return each hidden status, and whether it is hidden."""
    launch = read(written)
    found = list(masked_statuses(launch.scripts[0])) if launch.scripts else []
    if not found:
        return []
    well = drill.run(written.interpreter, written.files, status=0)
    badly = drill.run(written.interpreter, written.files, status=143)
    is_same = well.status == badly.status
    # By `set -e` a script starts no further training after one that has failed, if it gets to know.
    goes_on = badly.events.count(" ready\n") == well.events.count(" ready\n") > 1
    return [
        (
            f"{masked.hider.value} hides from {masked.reader.value}",
            is_same or (masked.reader is Reader.ERREXIT and goes_on),
        )
        for _, _, masked in found
    ]
