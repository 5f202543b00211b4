"""The plugin in the real flake8: the same findings as the command line, at the same places."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.support import CLEAN_SCRIPT, FIXED_SCRIPT, FIXTURES, SCRIPT, fixture_files, lint, run

pytestmark = pytest.mark.client


def flake8(*arguments: str | Path, cwd: Path, data: bytes | None = None) -> list[tuple[str, int, int, str]]:
    """Run flake8 and return path, row, column and code of each finding."""
    command = [sys.executable, "-m", "flake8", "--format", "%(path)s\t%(row)d\t%(col)d\t%(code)s", *arguments]
    done = run(command, cwd, data=data)
    assert done.stderr == ""
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    return sorted((path.removeprefix("./"), int(row), int(column), code) for path, row, column, code in lines)


def test_same_findings_as_the_command_line_in_every_fixture() -> None:
    # A comment that leaves a whole file out is flake8's own business: no plugin is asked about such a file.
    left_out = ("unreadable-source", "unused-suppression")
    paths = [
        str(path.relative_to(FIXTURES))
        for kind in ("bad", "good", "fixed")
        for path in fixture_files(kind)
        if path.suffix == ".py" and path.parent.name not in left_out
    ]
    findings = json.loads(lint("--isolated", "--select", "ALL", "--output-format", "json", *paths, cwd=FIXTURES).stdout)
    expected = sorted(
        (found["filename"], found["location"]["row"], found["location"]["column"], found["code"]) for found in findings
    )

    assert len(expected) > 100
    assert flake8("--isolated", "--select", "WBS", *paths, cwd=FIXTURES) == expected


def test_one_file_is_read_with_those_that_it_imports() -> None:
    late = FIXTURES / "projects" / "training-elsewhere" / "bad"
    zero = FIXTURES / "projects" / "imported-handler" / "bad"

    assert flake8("--isolated", "--select", "WBS101,WBS301", "train.py", cwd=late) == [("train.py", 20, 5, "WBS101")]
    # What is wrong in another file is not for flake8 to say, which is asked about one.
    assert flake8("--isolated", "--select", "WBS101,WBS301", "train.py", cwd=zero) == []


def test_message_and_code_as_flake8_writes_them(project: Path) -> None:
    (project / "a.py").write_text(SCRIPT)
    (shown,) = json.loads(lint("--output-format", "json", "a.py", cwd=project).stdout)
    done = run([sys.executable, "-m", "flake8", "--isolated", "a.py"], project)

    assert done.stdout == f"a.py:9:5: WBS301 {shown['message']}\n"
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("encoding", "newline"), [("utf-8", "\n"), ("utf-8", "\r\n"), ("utf-8-sig", "\n"), ("utf-8-sig", "\r\n")]
)
def test_columns_count_characters_whatever_the_bytes(project: Path, encoding: str, newline: str) -> None:
    text = SCRIPT.replace("    sys.exit(0)", "    '😀 日本'; sys.exit(0)")
    (project / "a.py").write_bytes(text.replace("\n", newline).encode(encoding))

    assert flake8("--isolated", "--select", "WBS3", "a.py", cwd=project) == [("a.py", 9, 13, "WBS301")]


def test_standard_input(project: Path) -> None:
    data = SCRIPT.encode()

    assert flake8("--isolated", "-", cwd=project, data=data) == [("stdin", 9, 5, "WBS301")]
    named = flake8("--isolated", "--stdin-display-name", "x.py", "-", cwd=project, data=data)
    assert named == [("x.py", 9, 5, "WBS301")]


def test_suppressions(project: Path) -> None:
    variants = {
        "line.py": SCRIPT.replace("exit(0)", "exit(0)  # noqa: WBS301"),
        "statement.py": SCRIPT.replace("exit(0)", "exit(\n        0\n    )  # noqa: WBS301"),
        "file.py": "# wbsignal-lint: noqa: WBS301\n" + SCRIPT,
        "ours.py": "# wbsignal-lint: noqa\n" + SCRIPT,
        "other.py": "# wbsignal-lint: noqa: WBS302\n" + SCRIPT,
    }
    for name, text in variants.items():
        (project / name).write_text(text)

    assert [name for name, *_ in flake8("--isolated", "--select", "WBS3", cwd=project)] == ["other.py"]
    every = flake8("--isolated", "--select", "WBS3", "--disable-noqa", cwd=project)
    assert [name for name, *_ in every] == sorted(variants)


def test_flake8_selects_and_ignores(project: Path) -> None:
    (project / "a.py").write_text(SCRIPT)
    (project / ".flake8").write_text("[flake8]\nextend-ignore = WBS301\n")
    assert flake8(cwd=project) == []

    (project / ".flake8").write_text("[flake8]\nper-file-ignores =\n    a.py: WBS3\n")
    assert flake8(cwd=project) == []
    assert flake8("--isolated", "--select", "WBS201", cwd=project) == []


def test_settings_from_flake8s_own_configuration(project: Path) -> None:
    (project / "a.py").write_text(SCRIPT)
    (project / ".flake8").write_text("[flake8]\nwbsignal-preemption-signals = USR1, SIGUSR2\n")
    assert flake8(cwd=project) == []

    late = FIXED_SCRIPT.replace("signal.signal(signal.SIGTERM, handle)\n", "").replace(
        'for step in range(100):\n    run.log({"loss": 1 / (step + 1)})\n',
        "toolbox.run_epochs(run)\nsignal.signal(signal.SIGTERM, handle)\n",
    )
    (project / "a.py").write_text("import toolbox\n" + late)
    (project / ".flake8").write_text("[flake8]\nwbsignal-training-calls = toolbox.run_epochs\n")
    assert [code for *_, code in flake8(cwd=project)] == ["WBS101"]
    assert [code for *_, code in flake8("--isolated", cwd=project)] == []


def test_settings_from_the_nearest_pyproject(project: Path) -> None:
    (project / "sub").mkdir()
    (project / "a.py").write_text(SCRIPT)
    (project / "sub/a.py").write_text(SCRIPT)
    (project / "sub/pyproject.toml").write_text("[tool.wbsignal-lint]\npreemption-signals = ['USR1']\n")

    assert flake8(cwd=project) == [("a.py", 9, 5, "WBS301")]


def test_a_signal_that_does_not_exist_is_said_in_one_line(project: Path) -> None:
    (project / "a.py").write_text(SCRIPT)
    done = run([sys.executable, "-m", "flake8", "--wbsignal-preemption-signals", "SIGTREM", "a.py"], project)

    assert done.returncode == 1
    output = done.stdout + done.stderr
    assert "wbsignal-preemption-signals: there is no signal 'SIGTREM' (did you mean SIGTERM?)" in output
    assert "Traceback" not in output


def test_syntax_errors_are_flake8s_own_business(project: Path) -> None:
    (project / "a.py").write_text("import wandb, signal\ndef f(:\n")

    assert [code for *_, code in flake8("--isolated", "--select", "WBS,E9", cwd=project)] == ["E999"]


def test_nothing_heavy_is_imported_for_files_that_the_gates_let_go(project: Path) -> None:
    (project / "a.py").write_text(CLEAN_SCRIPT)
    program = (
        "import sys; from flake8.main.cli import main; main(['--isolated', '-j1', 'a.py']); "
        "print([name for name in ('libcst', 'tree_sitter', 'rich') if name in sys.modules])"
    )

    assert run([sys.executable, "-c", program], project).stdout == "[]\n"
