"""Projects of several files: what is found stands in the file with the line that is wrong, and is mended there."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.support import (
    CLI,
    FIXTURES,
    expectations,
    head_entry,
    lint,
    lint_here,
    lint_inside,
    read_source,
    run,
    without_expectations,
)
from wbsignal_lint.drill.measurement import Plan
from wbsignal_lint.drill.measurement import drill as measure

PROJECTS = FIXTURES / "projects"
BAD, FIXED, GOOD = (sorted(PROJECTS.glob(f"*/{kind}")) for kind in ("bad", "fixed", "good"))


def name_of(project: Path) -> str:
    return project.parent.name


def files_of(project: Path) -> dict[str, str]:
    return {
        path.relative_to(project).as_posix(): read_source(path)
        for path in sorted(project.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def findings(project: Path, *paths: str) -> list[tuple[str, int, str]]:
    done = lint_inside("--isolated", "--output-format", "json", *(paths or (".",)), cwd=project)
    assert done.stderr == ""
    return sorted((one["filename"], one["location"]["row"], one["code"]) for one in json.loads(done.stdout))


def test_there_are_enough() -> None:
    assert len(BAD) >= 10
    assert len(GOOD) >= 6
    assert {name_of(project) for project in BAD} == {name_of(project) for project in FIXED}


@pytest.mark.parametrize("project", BAD, ids=name_of)
def test_a_bad_project_has_exactly_the_findings_it_asks_for_each_in_its_file(project: Path) -> None:
    expected = [(name, row, code) for name, text in files_of(project).items() for row, code in expectations(text)]

    assert expected, "a bad project without an expectation"
    assert findings(project) == sorted(expected)


@pytest.mark.parametrize("project", GOOD + FIXED, ids=lambda project: f"{project.parent.name}/{project.name}")
def test_a_good_or_fixed_project_has_no_findings(project: Path) -> None:
    assert findings(project) == []


@pytest.mark.parametrize("project", BAD, ids=name_of)
def test_fixing_gives_the_fixed_project_byte_for_byte(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "project"
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in files_of(project).items():
        (copy / name).write_text(without_expectations(text), encoding="utf-8")
    unsafe = ["--unsafe-fixes"] if any(head_entry(text, "fix") for text in files_of(project).values()) else []
    monkeypatch.chdir(copy)

    assert lint_here("--isolated", "--quiet", "--fix", *unsafe) == 0
    assert files_of(copy) == files_of(project.with_name("fixed"))

    capsys.readouterr()
    assert lint_here("--isolated", "--quiet", "--fix", *unsafe) == 0
    assert capsys.readouterr() == ("", "")
    assert files_of(copy) == files_of(project.with_name("fixed"))


@pytest.mark.parametrize("project", BAD, ids=name_of)
def test_a_diff_shows_what_a_fix_would_write(project: Path, tmp_path: Path) -> None:
    copy = tmp_path / "project"
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns("__pycache__"))
    before = files_of(copy)
    done = lint_inside("--isolated", "--diff", "--unsafe-fixes", cwd=copy)

    wrong = {name for name, text in before.items() if expectations(text)}
    assert set(re.findall(r"(?m)^\+\+\+ (\S+)$", done.stdout)) == wrong
    assert files_of(copy) == before


def test_only_files_that_are_linted_are_reported_on() -> None:
    project = PROJECTS / "imported-handler" / "bad"

    assert findings(project, "train.py") == []
    assert findings(project, "utils/preempt.py") == []
    assert findings(project, "utils/preempt.py", "train.py") == [("utils/preempt.py", 12, "WBS301")]


def test_a_finding_says_which_registration_makes_a_function_a_handler() -> None:
    done = lint("--isolated", cwd=PROJECTS / "imported-handler" / "bad")

    assert "note: line 11 of train.py: stop is registered for SIGTERM here" in done.stdout


def test_worker_processes_find_the_same() -> None:
    project = PROJECTS / "one-handler-two-scripts" / "bad"
    alone = lint("--isolated", "--jobs", "1", cwd=project)

    assert "WBS303" in alone.stdout
    assert lint("--isolated", "--jobs", "3", cwd=project).stdout == alone.stdout


def test_a_comment_in_the_handlers_file_suppresses(tmp_path: Path) -> None:
    shutil.copytree(PROJECTS / "imported-handler" / "bad", tmp_path / "project")
    file = tmp_path / "project" / "utils" / "preempt.py"
    file.write_text(file.read_text().replace("# expect: WBS301", "# noqa: WBS301"))

    done = lint("--isolated", "--extend-select", "WBS002", cwd=tmp_path / "project")
    assert (done.returncode, done.stdout) == (0, "All checks passed!\n")


def test_settings_of_the_handlers_file_decide(tmp_path: Path) -> None:
    shutil.copytree(PROJECTS / "imported-handler" / "bad", tmp_path / "project")
    settings = '[tool.wbsignal-lint]\nper-file-ignores = { "utils/*" = ["WBS301"] }\n'
    (tmp_path / "project" / "pyproject.toml").write_text(settings)

    assert lint(cwd=tmp_path / "project").returncode == 0


def test_an_excluded_file_is_followed_but_not_reported_on(tmp_path: Path) -> None:
    shutil.copytree(PROJECTS / "training-elsewhere" / "bad", tmp_path / "late")
    shutil.copytree(PROJECTS / "imported-handler" / "bad", tmp_path / "zero")

    assert "WBS101" in lint("--isolated", "--exclude", "loop.py", cwd=tmp_path / "late").stdout
    assert lint("--isolated", "--exclude", "utils", cwd=tmp_path / "zero").returncode == 0


def test_forecast_follows_imports_and_names_the_file() -> None:
    done = run([*CLI, "forecast", "train.py"], PROJECTS / "imported-handler" / "bad")

    assert re.search(r"SIGTERM !\s+it leaves by sys.exit\(0\) \(line 12 of utils/preempt.py\)", done.stdout)


DRILLED = [
    (project, name, head)
    for project in BAD + FIXED + GOOD
    for name, text in files_of(project).items()
    if (head := head_entry(text, f"{project.name}-record")) is not None
]


@pytest.mark.truth
@pytest.mark.parametrize(
    ("project", "script", "record"), DRILLED, ids=[f"{name_of(item[0])}/{item[0].name}" for item in DRILLED]
)
def test_the_client_records_what_the_head_says(project: Path, script: str, record: str, tmp_path: Path) -> None:
    import signal
    import sys

    copy = tmp_path / "project"
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns("__pycache__"))
    measured = measure([sys.executable, script], Plan((signal.SIGTERM,)), server="http://127.0.0.1:9", cwd=copy)

    assert str(measured) == record
