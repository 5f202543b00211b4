"""``[tool.wbsignal-lint]``: found, read, checked, and put to use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import CLEAN_SCRIPT, FIXED_SCRIPT, JOB, SCRIPT, lint_inside
from wbsignal_lint.contract import PREEMPTION_SIGNALS
from wbsignal_lint.settings import Settings, SettingsError, nearest_settings, read_settings


def settings(project: Path, text: str) -> Settings | None:
    file = project / "pyproject.toml"
    file.write_text(text)
    return read_settings(file)


def findings(project: Path, *options: str) -> list[tuple[str, str]]:
    done = lint_inside("--output-format", "json", *options, cwd=project)
    assert done.stderr == ""
    return [(found["filename"], found["code"]) for found in json.loads(done.stdout)]


def test_all_keys_are_read(project: Path) -> None:
    read = settings(
        project,
        """
        [tool.wbsignal-lint]
        select = ["WBS3", "agent-without-forward-signals"]
        extend-select = ["WBS101"]
        ignore = ["wbs302"]
        exclude = ["vendored"]
        extend-exclude = ["gen_*.py"]
        preemption-signals = ["SIGTERM", "usr1"]
        training-calls = ["mylib.run"]
        output-format = "concise"
        fix = true
        unsafe-fixes = true
        force-exclude = true
        respect-gitignore = false

        [tool.wbsignal-lint.per-file-ignores]
        "tests/*" = ["ALL"]
        """,
    )

    assert read == Settings(
        root=project,
        select=("WBS3", "agent-without-forward-signals"),
        extend_select=("WBS101",),
        ignore=("wbs302",),
        per_file_ignores=(("tests/*", ("ALL",)),),
        exclude=("vendored",),
        extend_exclude=("gen_*.py",),
        preemption_signals=("SIGTERM", "SIGUSR1"),
        training_calls=("mylib.run",),
        output_format="concise",
        fix=True,
        unsafe_fixes=True,
        force_exclude=True,
        respect_gitignore=False,
    )


def test_an_empty_table_and_no_table(project: Path) -> None:
    assert settings(project, "[tool.wbsignal-lint]\n") == Settings(root=project)
    assert settings(project, "[tool.other]\n# wbsignal-lint\n") is None
    assert settings(project, "not toml at all, but not ours either") is None
    assert Settings().preemption_signals == PREEMPTION_SIGNALS


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("selct = []", "has no key 'selct' (did you mean 'select'?)"),
        ("per_file_ignores = {}", "has no key 'per_file_ignores' (did you mean 'per-file-ignores'?)"),
        ("zzz = 1", "has no key 'zzz' (known are: documentation, exclude, extend-exclude, "),
        ("select = 'WBS301'", "select must be a list of strings"),
        ("select = [301]", "select must be a list of strings"),
        ("select = ['WBS999']", "select: no rule has the code, prefix or name 'WBS999'"),
        ("ignore = ['handler-exit-zero']", "ignore: no rule has the code, prefix or name 'handler-exit-zero' "),
        ("ignore = ['handler-exit-zero']", "(did you mean handler-exits-zero?)"),
        ("ignore = ['E501']", "ignore: no rule has the code, prefix or name 'E501'"),
        ("per-file-ignores = ['WBS301']", "per-file-ignores must be a table of file patterns"),
        ("per-file-ignores = {'a.py' = 'WBS301'}", "per-file-ignores['a.py'] must be a list of strings"),
        ("per-file-ignores = {'a.py' = ['WBS9']}", "per-file-ignores['a.py']: no rule"),
        (
            "preemption-signals = ['SIGTREM']",
            "preemption-signals: there is no signal 'SIGTREM' (did you mean SIGTERM?)",
        ),
        ("preemption-signals = ['KILL']", "preemption-signals: SIGKILL can't be handled by any process"),
        ("training-calls = 1", "training-calls must be a list of strings"),
        ("output-format = 'xml'", "output-format must be one of concise, full, json"),
        ("output-format = ['full']", "output-format must be one of concise, full, json"),
        ("fix = 'yes'", "fix must be true or false"),
        ("fix = 1", "fix must be true or false"),
        ("exclude = ['!']", "exclude: "),
        ("= 1", "not valid TOML: "),
    ],
)
def test_a_mistake_is_one_line_with_file_and_key_and_status_2(project: Path, line: str, message: str) -> None:
    (project / "pyproject.toml").write_text(f"[tool.wbsignal-lint]\n{line}\n")
    (project / "a.py").write_text(SCRIPT)
    done = lint_inside("a.py", cwd=project)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"wbsignal-lint: error: {project}/pyproject.toml: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_nearest_table_upwards_counts_for_each_file(project: Path) -> None:
    for folder in ("", "inner", "inner/deep", "other"):
        (project / folder).mkdir(exist_ok=True)
        (project / folder / "a.py").write_text(SCRIPT)
    (project / "pyproject.toml").write_text("[tool.wbsignal-lint]\nignore = ['WBS301']\n")
    (project / "inner/pyproject.toml").write_text("[tool.wbsignal-lint]\n")
    (project / "inner/deep/pyproject.toml").write_text("[project]\nname = 'x'\n")

    assert findings(project) == [("inner/a.py", "WBS301"), ("inner/deep/a.py", "WBS301")]
    assert findings(project, "--isolated") == [
        (name, "WBS301") for name in ("a.py", "inner/a.py", "inner/deep/a.py", "other/a.py")
    ]


def test_config_file_for_all_files(project: Path) -> None:
    (project / "a.py").write_text(SCRIPT)
    (project / "strict.toml").write_text("[tool.wbsignal-lint]\nignore = ['handler-exits-zero']\n")
    (project / "empty.toml").write_text("")

    assert findings(project, "--config", "strict.toml") == []
    assert lint_inside("--config", "empty.toml", cwd=project).stderr.endswith("has no table [tool.wbsignal-lint]\n")
    assert lint_inside("--config", "missing.toml", cwd=project).returncode == 2


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a.py", ["sub/b.py"]),
        ("sub/*", ["a.py"]),
        ("/b.py", ["a.py", "sub/b.py"]),
        ("**/b.py", ["a.py"]),
        ("sub", ["a.py"]),
    ],
)
def test_per_file_ignores(project: Path, pattern: str, expected: list[str]) -> None:
    (project / "sub").mkdir()
    (project / "a.py").write_text(SCRIPT)
    (project / "sub/b.py").write_text(SCRIPT)
    (project / "pyproject.toml").write_text(f"[tool.wbsignal-lint.per-file-ignores]\n'{pattern}' = ['WBS3']\n")

    assert findings(project) == [(name, "WBS301") for name in expected]
    assert findings(project, "--select", "WBS3") == [(name, "WBS301") for name in expected]
    assert findings(project / "sub") == [("b.py", "WBS301")] * ("sub/b.py" in expected)


def test_preemption_signals(project: Path) -> None:
    (project / "a.py").write_text(SCRIPT.replace("SIGTERM", "SIGUSR2"))
    assert findings(project) == [("a.py", "WBS301")]

    (project / "pyproject.toml").write_text("[tool.wbsignal-lint]\npreemption-signals = ['TERM']\n")
    assert findings(project) == []


def test_training_calls(project: Path) -> None:
    late = FIXED_SCRIPT.replace("signal.signal(signal.SIGTERM, handle)\n", "").replace(
        'for step in range(100):\n    run.log({"loss": 1 / (step + 1)})\n',
        "toolbox.run_epochs(run)\nsignal.signal(signal.SIGTERM, handle)\n",
    )
    (project / "a.py").write_text("import toolbox\n" + late)
    assert findings(project) == []

    (project / "pyproject.toml").write_text("[tool.wbsignal-lint]\ntraining-calls = ['toolbox.run_epochs']\n")
    assert findings(project) == [("a.py", "WBS101")]


def test_fix_and_output_format_and_the_command_line_wins(project: Path) -> None:
    (project / "a.py").write_text(SCRIPT)
    (project / "pyproject.toml").write_text("[tool.wbsignal-lint]\nfix = true\noutput-format = 'json'\n")

    assert "WBS301" in lint_inside("--no-fix", "--output-format", "concise", cwd=project).stdout
    assert (project / "a.py").read_text() == SCRIPT
    assert lint_inside(cwd=project).stdout == "[]\n"
    assert (project / "a.py").read_text() == FIXED_SCRIPT


def test_gitignore_and_excludes(project: Path) -> None:
    (project / "clean.py").write_text(CLEAN_SCRIPT)
    for name in ("a.py", "ignored.py", "generated.py"):
        (project / name).write_text(SCRIPT)
    (project / ".gitignore").write_text("ignored.py\n")
    (project / "pyproject.toml").write_text("[tool.wbsignal-lint]\nextend-exclude = ['gen*']\n")

    assert [name for name, _ in findings(project)] == ["a.py"]
    assert [name for name, _ in findings(project, "--exclude", "a.*,x")] == []
    assert [name for name, _ in findings(project, "--no-gitignore")] == ["a.py", "ignored.py"]
    assert [name for name, _ in findings(project, "generated.py")] == ["generated.py"]
    assert lint_inside("--force-exclude", "generated.py", cwd=project).returncode == 0


@pytest.mark.parametrize(
    ("options", "codes"),
    [
        ((), {"WBS301", "WBS401"}),
        (("--select", "WBS3"), {"WBS301"}),
        (("--select", "WBS301,WBS401"), {"WBS301", "WBS401"}),
        (("--select", "WBS301", "--select", "WBS401"), {"WBS301", "WBS401"}),
        (("--select", "agent-without-forward-signals"), {"WBS401"}),
        (("--select", "ALL", "--ignore", "WBS1,WBS3"), {"WBS401"}),
        (("--ignore", "WBS", "--extend-select", "WBS301"), {"WBS301"}),
        (("--select", "WBS3", "--ignore", "WBS301"), set()),
        (("--select", "WBS301", "--ignore", "WBS3"), {"WBS301"}),
        (("--ignore", "wbs301"), {"WBS401"}),
    ],
)
def test_selection(project: Path, options: tuple[str, ...], codes: set[str]) -> None:
    (project / "a.py").write_text(SCRIPT)
    (project / "job.sh").write_text(JOB)
    (project / "clean.py").write_text(CLEAN_SCRIPT)

    assert {code for _, code in findings(project, *options)} == codes


def test_pedantic_adds_the_rules_of_severity_info_and_no_others(project: Path) -> None:
    (project / "a.py").write_text(SCRIPT.replace("sys.exit(0)", "sys.exit(1)"))

    assert findings(project) == []
    assert ("a.py", "WBS307") in findings(project, "--pedantic")
    assert ("a.py", "WBS307") not in findings(project, "--pedantic", "--ignore", "WBS307")
    assert findings(project, "--pedantic", "--select", "WBS3", "--ignore", "WBS307") == []
    (project / "a.py").write_text(SCRIPT)
    assert ("a.py", "WBS301") in findings(project, "--pedantic")


def test_selection_on_the_command_line_replaces_that_of_the_project(project: Path) -> None:
    (project / "a.py").write_text(SCRIPT)
    (project / "job.sh").write_text(JOB)
    (project / "pyproject.toml").write_text("[tool.wbsignal-lint]\nselect = ['WBS4']\nignore = ['WBS301']\n")

    assert findings(project) == [("job.sh", "WBS401")]
    assert findings(project, "--select", "WBS3") == [("a.py", "WBS301")]
    assert findings(project, "--extend-select", "WBS301") == [("a.py", "WBS301"), ("job.sh", "WBS401")]
    assert findings(project, "--ignore", "WBS4") == []


def test_settings_error_is_raised_for_what_cant_be_read(project: Path) -> None:
    (project / "pyproject.toml").mkdir()
    with pytest.raises(SettingsError, match="can't be read"):
        read_settings(project / "pyproject.toml")
    # As a folder on the way it is simply no settings file.
    assert nearest_settings(project) == Settings()
