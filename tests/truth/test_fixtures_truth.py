"""Every rule's claim, under the real client: a bad fixture loses its run, the fixed and the good ones keep it.

A hunt drills all of them. Every run drills the same eighth of each rule's forms, a bad file always with its fixed
one, so that it stays within minutes however many rules there are.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from pathlib import Path

import pytest

from tests.drills import kind_of
from tests.support import FIXTURES
from tests.truth.drill_fixture import Head, drill_fixture, drilled_fixtures

pytestmark = pytest.mark.truth


ONE_IN = 8


def form_of(path: Path) -> str:
    """Return what a bad file and its fixed one have in common: the name behind ``bad_`` and ``fixed_``."""
    kind, _, form = path.stem.partition("_")
    return form if kind in ("bad", "fixed") else path.stem


def drilled_in_every_run() -> frozenset[tuple[str, str]]:
    """Return the pairs of rule and form that are drilled in every run: always the same, at least one of each rule."""
    forms: dict[str, set[str]] = defaultdict(set)
    for path, _ in drilled_fixtures():
        forms[path.parent.name].add(form_of(path))
    chosen: set[tuple[str, str]] = set()
    for rule, names in forms.items():
        ranked = sorted(names, key=lambda name: zlib.crc32(name.encode()))
        chosen |= {(rule, name) for name in ranked[: max(1, len(ranked) // ONE_IN)]}
        # A rule's claim is a bad form; good ones alone would show nothing.
        bad = [form_of(path) for path, _ in drilled_fixtures() if path.parent.name == rule and kind_of(path) == "bad"]
        chosen |= {(rule, min(bad))} if bad else set()
    return frozenset(chosen)


IN_EVERY_RUN = drilled_in_every_run()


def marks_of(path: Path) -> list[pytest.MarkDecorator]:
    return [] if (path.parent.name, form_of(path)) in IN_EVERY_RUN else [pytest.mark.hunt]


def test_every_rule_that_is_drilled_is_drilled_in_every_run() -> None:
    assert {rule for rule, _ in IN_EVERY_RUN} == {path.parent.name for path, _ in drilled_fixtures()}


@pytest.mark.parametrize(
    ("path", "head"),
    [
        pytest.param(path, head, id=str(path.relative_to(FIXTURES)), marks=marks_of(path))
        for path, head in drilled_fixtures()
    ],
)
def test_the_record_is_the_one_that_the_head_claims(path: Path, head: Head) -> None:
    measured = drill_fixture(path, head)

    assert str(measured) == head.records[kind_of(path)], measured.output
    assert measured.left_behind == ()
    assert not measured.killed
