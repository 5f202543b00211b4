"""Every fixture: exactly the findings it asks for, and exactly the fixed file (fixtures/README.md has the rules)."""

from __future__ import annotations

import functools
import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.support import (
    expectations,
    fixture_files,
    fixture_folders,
    fixture_id,
    head_entry,
    lint,
    lint_here,
    read_source,
    shown_row,
    without_expectations,
)

BAD, GOOD, FIXED = fixture_files("bad"), fixture_files("good"), fixture_files("fixed")
UNREADABLE = "unreadable-source"
MENDABLE = [path for path in BAD if path.parent.name != UNREADABLE]


@functools.cache
def findings_in(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Lint a folder of fixtures, its own rule switched on even if it is opt-in, and return the findings by file."""
    done = lint(
        *("--isolated", "--output-format", "json", "--extend-select", folder.name),
        *sorted(path.name for path in folder.iterdir() if path.name.startswith(("bad_", "good_", "fixed_"))),
        cwd=folder,
    )
    assert done.stderr == ""
    result = defaultdict(list)
    for finding in json.loads(done.stdout):
        result[finding["filename"]].append(finding)
    return result


def rows_and_codes(path: Path) -> list[tuple[int, str]]:
    return sorted(
        (shown_row(found["location"]["row"], found["cell"]), found["code"])
        for found in findings_in(path.parent)[path.name]
    )


@pytest.mark.parametrize("path", MENDABLE, ids=fixture_id)
def test_a_bad_file_has_exactly_the_findings_it_asks_for(path: Path) -> None:
    expected = expectations(read_source(path))

    assert expected, "a bad fixture without an expectation"
    assert rows_and_codes(path) == expected


@pytest.mark.parametrize("path", GOOD + FIXED, ids=fixture_id)
def test_a_good_or_fixed_file_has_no_findings(path: Path) -> None:
    assert findings_in(path.parent)[path.name] == []


@pytest.mark.parametrize("path", MENDABLE, ids=fixture_id)
def test_fixing_gives_the_fixed_file_byte_for_byte(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = read_source(path)
    start = without_expectations(source).encode("utf-8", "surrogateescape")
    how = head_entry(source, "fix")
    fixed = path.with_name(path.name.replace("bad_", "fixed_", 1))
    copy = tmp_path / path.name
    copy.write_bytes(start)
    monkeypatch.chdir(tmp_path)
    options = ("--isolated", "--quiet", "--extend-select", path.parent.name, "--fix")

    if how in ("unsafe", "none"):
        assert lint_here(*options, path.name) == 1
        assert copy.read_bytes() == start, "--fix alone changed it"
    if how == "none":
        assert lint_here(*options, "--unsafe-fixes", path.name) == 1
        assert copy.read_bytes() == start
        assert not fixed.exists(), "a fixed file that nothing is compared with"
        return
    unsafe = ["--unsafe-fixes"] if how == "unsafe" else []
    assert lint_here(*options, *unsafe, path.name) == 0
    assert copy.read_bytes().decode("utf-8", "surrogateescape") == read_source(fixed)

    capsys.readouterr()
    assert lint_here(*options, *unsafe, path.name) == 0
    assert capsys.readouterr() == ("", "")
    assert copy.read_bytes() == fixed.read_bytes()


def test_every_fixed_file_belongs_to_a_bad_one() -> None:
    assert [path for path in FIXED if not path.with_name(path.name.replace("fixed_", "bad_", 1)).exists()] == []


@pytest.mark.parametrize("folder", fixture_folders(), ids=lambda folder: folder.name)
def test_every_rule_has_at_least_twelve_bad_and_twelve_good_forms(folder: Path) -> None:
    assert len(list(folder.glob("bad_*"))) >= 12
    assert len(list(folder.glob("good_*"))) >= 12


def unreadable() -> list[tuple[str, str, str]]:
    """Return file, row (``-``: none) and words of the message for every file that can't be read."""
    file = next(folder for folder in fixture_folders() if folder.name == UNREADABLE) / "expect.txt"
    return re.findall(r"(?m)^([\w.]+):(\d+|-): (.+)$", file.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("name", "row", "words"), unreadable())
def test_an_unreadable_file_is_one_clear_line_and_status_2(name: str, row: str, words: str) -> None:
    path = next(path for path in BAD if path.name == name)
    done = lint("--isolated", "--output-format", "concise", "--quiet", name, cwd=path.parent)

    assert (done.returncode, done.stderr) == (2, "")
    place = rf"{re.escape(name)}:{row}:\d+" if row != "-" else re.escape(name)
    assert re.fullmatch(rf"{place}: WBS001 .*{re.escape(words)}.*\n", done.stdout, re.IGNORECASE)


def test_every_unreadable_file_is_listed() -> None:
    listed = {name for name, _, _ in unreadable()}

    assert listed == {path.name for path in BAD if path.parent.name == UNREADABLE}
