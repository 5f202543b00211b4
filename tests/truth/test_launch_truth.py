"""Every launch rule's claim, with the real bash, agent and signals: bad fixtures lose their run, fixed ones do not.

A hunt drills all fixtures that say how; every run drills one form of each rule, bad and fixed.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.drills import kind_of
from tests.support import FIXTURES
from tests.truth.drill_fixture import Head
from tests.truth.drill_launch import drill_launch, drilled_launches

pytestmark = pytest.mark.truth


def form_of(path: Path) -> str:
    """Return what a bad file and its fixed one have in common."""
    return path.stem.partition("_")[2]


def forms_in_every_run() -> dict[str, str]:
    """Return one form of each rule: the first of those that have a bad and a fixed file; without fixes, a good one."""
    chosen: dict[str, str] = {}
    drilled = {path for path, _ in drilled_launches()}
    for path in sorted(drilled):
        mended = {path.with_name(path.name.replace("bad_", kind, 1)) for kind in ("fixed_", "good_")}
        if kind_of(path) == "bad" and mended & drilled:
            chosen.setdefault(path.parent.name, form_of(path))
    return chosen


IN_EVERY_RUN = forms_in_every_run()


@pytest.mark.parametrize(
    ("path", "head"),
    [
        pytest.param(
            path,
            head,
            id=str(path.relative_to(FIXTURES)),
            marks=[] if IN_EVERY_RUN.get(path.parent.name) == form_of(path) else [pytest.mark.hunt],
        )
        for path, head in drilled_launches()
    ],
)
def test_what_becomes_of_the_run_is_what_the_head_claims(path: Path, head: Head) -> None:
    drilled = drill_launch(path, head)

    assert drilled.record == head.records[kind_of(path)], drilled.output


def test_every_drilled_rule_shows_a_loss_and_its_mending_in_every_run() -> None:
    assert set(IN_EVERY_RUN) == {path.parent.name for path, _ in drilled_launches()}


def test_what_is_lost_is_not_what_is_kept() -> None:
    same = [
        path
        for path, head in drilled_launches()
        if kind_of(path) != "good" and head.records.get("bad") == head.records.get("fixed")
    ]

    assert same == []
