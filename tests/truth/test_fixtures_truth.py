"""Every rule's claim, under the real client: a bad fixture loses its run, the fixed and the good ones keep it."""

from __future__ import annotations

from pathlib import Path

import pytest
from drill_fixture import FIXTURES, Head, drill_fixture, drilled_fixtures, kind_of

pytestmark = pytest.mark.truth


@pytest.mark.parametrize(
    ("path", "head"),
    [pytest.param(path, head, id=str(path.relative_to(FIXTURES))) for path, head in drilled_fixtures()],
)
def test_the_record_is_the_one_that_the_head_claims(path: Path, head: Head) -> None:
    measured = drill_fixture(path, head.signals)

    assert str(measured) == head.records[kind_of(path)], measured.output
    assert measured.left_behind == ()
    assert not measured.killed
