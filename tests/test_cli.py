"""The command line as a user meets it: what it prints, what it changes, how it exits."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.support import CLEAN_SCRIPT, CLI, FIXED_JOB, FIXED_SCRIPT, JOB, ROOT, SCRIPT, lint, run


@pytest.fixture
def folder(project: Path) -> Path:
    """Return a folder with a bad script, a bad job, a clean script and an unreadable one."""
    (project / "a.py").write_text(SCRIPT)
    (project / "job.sbatch").write_text(JOB)
    (project / "clean.py").write_text(CLEAN_SCRIPT)
    return project


def unsafe_script(folder: Path) -> str:
    """Write a script whose only finding has an unsafe fix, and return its text."""
    # In a helper that other code calls, too, another exit status may break the caller.
    text = SCRIPT.replace("    sys.exit(0)\n", "    leave()\n\n\ndef leave():\n    sys.exit(0)\n") + "leave()\n"
    (folder / "unsafe.py").write_text(text)
    return text


# Exit status


def test_status_0_when_there_is_nothing_to_report(folder: Path) -> None:
    done = lint("clean.py", cwd=folder)

    assert (done.returncode, done.stdout, done.stderr) == (0, "All checks passed!\n", "")


def test_status_1_when_findings_are_left(folder: Path) -> None:
    done = lint(cwd=folder)

    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.endswith("\nFound 2 errors. [*] 2 fixable with --fix.\n")


def test_status_0_when_everything_was_fixed(folder: Path) -> None:
    done = lint("--fix", cwd=folder)

    assert (done.returncode, done.stdout) == (0, "Found 2 errors (2 fixed, 0 remaining).\n")
    assert (folder / "a.py").read_text() == FIXED_SCRIPT
    assert (folder / "job.sbatch").read_text() == FIXED_JOB
    assert lint("--fix", cwd=folder).stdout == "All checks passed!\n"


def test_what_was_fixed_is_listed_when_that_is_wanted(folder: Path) -> None:
    done = lint("--fix", "--show-fixes", cwd=folder)

    assert done.stdout == "a.py: fixed WBS301\njob.sbatch: fixed WBS401\nFound 2 errors (2 fixed, 0 remaining).\n"
    assert lint("--fix", "--show-fixes", "--quiet", cwd=folder).stdout == ""


def test_status_2_when_something_cant_be_read_and_the_rest_is_still_linted(folder: Path) -> None:
    (folder / "broken.py").write_text("import wandb, signal\ndef f(:\n")
    os.mkfifo(folder / "pipe.sh")
    done = lint("missing.py", "pipe.sh", ".", "--output-format", "concise", cwd=folder)

    assert done.returncode == 2
    assert done.stderr == ""
    assert re.sub(r"(WBS[34]01) .*", r"\1", done.stdout).splitlines() == [
        "missing.py: WBS001 no such file or folder",
        "pipe.sh: WBS001 a pipe, not a file (give its content to `-` with --stdin-filename)",
        "a.py:9:5: WBS301",
        "broken.py:2:7: WBS001 syntax error: invalid syntax",
        "job.sbatch:3:6: WBS401",
        "Found 2 errors. [*] 2 fixable with --fix. 3 problems kept files from being checked or fixed.",
    ]


def test_what_is_no_file_is_passed_over_unless_it_is_named(folder: Path) -> None:
    (folder / "a.py").write_text("import wandb, helpers\nhelpers.stop()\nrun = wandb.init()\n")
    (folder / "job.sbatch").write_text("source pipe.sh\nsrun wandb agent --forward-signals id\n")
    for name in ("helpers.py", "pipe.sh", "sweep.yaml", "Makefile", "requirements.txt"):
        os.mkfifo(folder / name)  # to read one waits for somebody to write
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "socket.py"))
    os.symlink("/dev/zero", folder / "endless.ipynb")

    assert lint(".", cwd=folder).returncode == 0
    assert lint(".", "helpers.py", cwd=folder).returncode == 2


def test_unreadable_and_fixed_is_still_status_2(folder: Path) -> None:
    done = lint("--fix", "missing.py", "a.py", cwd=folder)

    assert done.returncode == 2
    assert (folder / "a.py").read_text() == FIXED_SCRIPT


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--nonsense",), "unrecognized arguments: --nonsense"),
        (("--select", "WBS999"), "no rule has the code, prefix or name 'WBS999'"),
        (("--ignore", "handler-exit-zero"), "(did you mean handler-exits-zero?)"),
        (("--output-format", "xml"), "invalid choice: 'xml'"),
        (("--jobs", "0"), "must be a number from 1 on, not '0'"),
        (("--exclude", "!"), "argument --exclude: Invalid git pattern"),
        (("-", "a.py"), "can't be mixed with other paths"),
    ],
)
def test_a_wrong_call_is_status_2_and_says_why(folder: Path, arguments: tuple[str, ...], message: str) -> None:
    done = lint(*arguments, cwd=folder)

    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr.splitlines()[-1]


def test_exit_zero_is_for_findings_only(folder: Path) -> None:
    assert lint("--exit-zero", cwd=folder).returncode == 0
    assert lint("--exit-zero", "missing.py", cwd=folder).returncode == 2


def test_a_syntax_error_counts_in_a_named_file_and_in_a_folder_only_if_wandb_is_mentioned(folder: Path) -> None:
    (folder / "other.py").write_text("print 'python 2'\n")

    assert lint(cwd=folder).returncode == 1
    assert lint("other.py", cwd=folder).stdout.startswith("other.py:1:1: WBS001 syntax error: Missing parentheses")


def test_nothing_to_lint_is_said(project: Path) -> None:
    done = lint(cwd=project)

    assert (done.returncode, done.stdout) == (0, "All checks passed!\n")
    assert done.stderr == "wbsignal-lint: warning: nothing to lint found under the given paths\n"


# Fixing


def test_unsafe_fixes_are_applied_only_when_asked_for(folder: Path) -> None:
    text = unsafe_script(folder)

    safe = lint("--fix", "unsafe.py", "a.py", cwd=folder)
    assert safe.returncode == 1
    assert safe.stdout.endswith("Found 2 errors (1 fixed, 1 remaining). 1 more fixable with --fix --unsafe-fixes.\n")
    assert (folder / "unsafe.py").read_text() == text

    shown = lint("--unsafe-fixes", "unsafe.py", cwd=folder)
    assert shown.returncode == 1
    assert shown.stdout.endswith("Found 1 error. [*] 1 fixable with --fix --unsafe-fixes.\n")
    assert (folder / "unsafe.py").read_text() == text

    unsafe = lint("--fix", "--unsafe-fixes", "unsafe.py", cwd=folder)
    assert (unsafe.returncode, unsafe.stdout) == (0, "Found 1 error (1 fixed, 0 remaining).\n")
    assert (folder / "unsafe.py").read_text() != text


def test_diff_is_a_patch_and_changes_nothing(folder: Path) -> None:
    crlf = SCRIPT.replace("\n", "\r\n").rstrip("\r\n").encode()
    (folder / "crlf.py").write_bytes(crlf)
    done = subprocess.run(
        [*CLI, "--diff"], cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True
    )

    assert (done.returncode, done.stderr) == (1, b"")
    assert (folder / "a.py").read_text() == SCRIPT
    assert (folder / "crlf.py").read_bytes() == crlf
    subprocess.run(["git", "apply", "-p0"], cwd=folder, input=done.stdout, check=True)
    assert (folder / "a.py").read_text() == FIXED_SCRIPT
    assert (folder / "job.sbatch").read_text() == FIXED_JOB
    assert (folder / "crlf.py").read_bytes() == crlf.replace(b"exit(0)", b"exit(128 + signum)")

    again = lint("--diff", cwd=folder)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_diff_with_what_cant_be_read(folder: Path) -> None:
    done = lint("--diff", "missing.py", "clean.py", cwd=folder)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "missing.py: WBS001 no such file or folder\n"


# Standard input


def test_standard_input_is_linted(folder: Path) -> None:
    done = lint("-", "--output-format", "concise", "--quiet", cwd=folder, data=SCRIPT.encode())

    assert done.returncode == 1
    assert done.stdout.startswith("-:9:5: WBS301 ")


def test_the_name_of_standard_input_decides_on_kind_and_settings(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub/pyproject.toml").write_text("[tool.wbsignal-lint.per-file-ignores]\n'quiet.sh' = ['WBS401']\n")
    arguments = ("-", "--output-format", "concise", "--quiet", "--stdin-filename")

    assert lint(*arguments, "sub/job.sh", cwd=folder, data=JOB.encode()).stdout.startswith("sub/job.sh:3:6: WBS401 ")
    assert lint(*arguments, "sub/quiet.sh", cwd=folder, data=JOB.encode()).stdout == ""
    assert lint(*arguments, "job", cwd=folder, data=JOB.encode()).stdout.startswith("job:3:6: WBS401 ")


@pytest.mark.parametrize("data", [SCRIPT.encode(), b"\xef\xbb\xbf" + SCRIPT.replace("\n", "\r\n").encode()])
def test_fixing_standard_input_gives_the_text_on_standard_output(folder: Path, data: bytes) -> None:
    done = subprocess.run(
        [*CLI, "--fix", "-"], cwd=folder, input=data, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True
    )

    assert done.returncode == 0
    assert done.stdout == data.replace(b"exit(0)", b"exit(128 + signum)")
    assert done.stderr == b"Found 1 error (1 fixed, 0 remaining).\n"


def test_standard_input_that_cant_be_fixed_or_is_excluded_comes_out_as_it_went_in(folder: Path) -> None:
    broken = lint("--fix", "-", cwd=folder, data=b"def f(:\n")
    excluded = lint(
        *("--fix", "--force-exclude", "--exclude", "gen*", "--stdin-filename", "gen.py", "-"),
        cwd=folder,
        data=SCRIPT.encode(),
    )

    assert (broken.returncode, broken.stdout) == (2, "def f(:\n")
    assert broken.stderr.startswith("-:1:7: WBS001 syntax error")
    assert (excluded.returncode, excluded.stdout, excluded.stderr) == (0, SCRIPT, "")


def test_diff_of_standard_input(folder: Path) -> None:
    done = lint("--diff", "-", cwd=folder, data=SCRIPT.encode())

    assert done.returncode == 1
    assert "-    sys.exit(0)\n+    sys.exit(128 + signum)\n" in done.stdout


# Many files


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_any_number_of_processes_gives_the_same(project: Path, jobs: str) -> None:
    for number in range(40):
        (project / f"s{number:02}.py").write_text(SCRIPT if number % 2 else CLEAN_SCRIPT)
    (project / "t.py").write_text("import wandb, signal\n(")
    expected = [f"s{number:02}.py" for number in range(1, 40, 2)] + ["t.py"]

    done = lint("--jobs", jobs, "--output-format", "json", cwd=project)
    assert (done.returncode, done.stderr) == (2, "")
    assert [found["filename"] for found in json.loads(done.stdout)] == expected

    assert lint("--jobs", jobs, "--fix", cwd=project).returncode == 2
    assert (project / "s39.py").read_text() == FIXED_SCRIPT


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_ends_it_with_130_and_without_a_traceback(project: Path, jobs: str) -> None:
    for number in range(400):
        (project / f"s{number:03}.py").write_text(SCRIPT * 10)
    process = subprocess.Popen(
        [*CLI, "--jobs", jobs, "--fix", "--output-format", "concise"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Tests may run in the background of a shell, where SIGINT is ignored from the start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    # It is at work when the first file is rewritten.
    while "sys.exit(0)" in (project / "s000.py").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)

    assert (process.returncode, errors) == (130, "wbsignal-lint: interrupted\n")
    texts = {path.read_text() for path in project.iterdir() if path.suffix == ".py"}
    assert texts <= {SCRIPT * 10, FIXED_SCRIPT * 10}
    assert [path.name for path in project.iterdir() if path.suffix != ".py"] == []


def test_a_reader_that_has_seen_enough_is_no_trouble(project: Path) -> None:
    for number in range(200):
        (project / f"s{number:03}.py").write_text(SCRIPT)
    command = f"{' '.join(CLI)} --jobs 1 . | head -n 1; exit ${{PIPESTATUS[0]}}"
    done = run(["bash", "-c", command], project)

    assert done.stdout.startswith("s000.py:9:5:")
    assert (done.returncode, done.stderr) == (141, "")


# Words


def test_explaining_a_rule_by_code_or_name(project: Path) -> None:
    by_code, by_name = lint("rule", "wbs301", cwd=project), lint("rule", "handler-exits-zero", cwd=project)

    assert by_code.returncode == by_name.returncode == 0
    assert by_code.stdout == by_name.stdout
    assert by_code.stdout.startswith("WBS301 handler-exits-zero (error; fix: safe or unsafe)\n")
    for section in ("What it finds", "Why it matters", "Example", "Fix", "Leaves alone"):
        assert f"\n## {section}\n" in by_code.stdout


def test_explaining_all_and_listing(project: Path) -> None:
    every, listed = lint("rule", "--all", cwd=project).stdout, lint("--list-rules", cwd=project).stdout

    codes = re.findall(r"(?m)^(WBS\d{3}) ", listed)
    assert codes == sorted(codes)
    assert len(codes) >= 8
    assert re.findall(r"(?m)^(WBS\d{3}) \S+ \([\w ]+; fix: [\w ]+\)$", every) == codes
    assert lint("rule", cwd=project).stdout == listed
    assert re.search(r"(?m)^WBS301  handler-exits-zero  +error  +safe or unsafe  +Exit status 0 in a", listed)


def test_a_prefix_lists_its_group(project: Path) -> None:
    done = lint("rule", "wbs10", cwd=project)

    assert done.returncode == 0
    assert {code[:5] for code in re.findall(r"(?m)^(WBS\d{3}) ", done.stdout)} == {"WBS10"}


def test_an_unknown_rule_is_status_2_with_a_suggestion(project: Path) -> None:
    done = lint("rule", "handler-exit-zero", cwd=project)

    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr == "wbsignal-lint: error: there is no rule 'handler-exit-zero'; did you mean handler-exits-zero?\n"
    )


def test_a_file_called_as_a_command_can_be_linted(project: Path) -> None:
    (project / "rule").write_text(JOB)

    assert "WBS401" in lint("./rule", cwd=project).stdout


def test_help_and_version(project: Path) -> None:
    shown = lint("--help", cwd=project)

    assert shown.returncode == 0
    for option in ("--fix", "--unsafe-fixes", "--diff", "--select", "--ignore", "--extend-select", "--exclude"):
        assert option in shown.stdout
    assert "  rule" in shown.stdout
    assert re.fullmatch(r"wbsignal-lint \d+\.\d+\.\d+\n", lint("--version", cwd=project).stdout)


# Colours


def in_terminal(folder: Path, *arguments: str, **environment: str) -> str:
    """Run wbsignal-lint with a terminal for standard output, and return what it wrote there."""
    master, slave = pty.openpty()
    variables = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    variables.update(PYTHONPATH=str(ROOT), TERM="xterm", **environment)
    process = subprocess.Popen([*CLI, *arguments], cwd=folder, env=variables, stdout=slave, stderr=slave)
    os.close(slave)
    written = b""
    while select.select([master], [], [], 30)[0]:
        try:
            written += os.read(master, 65536)
        except OSError:  # how Linux says that the other end is closed
            break
    process.wait()
    os.close(master)
    return written.decode()


def test_colours_in_a_terminal_only_and_as_wished(folder: Path) -> None:
    assert "\x1b[" in in_terminal(folder)
    assert "\x1b[" not in in_terminal(folder, "--color", "never")
    assert "\x1b[" not in in_terminal(folder, NO_COLOR="1")
    assert "\x1b[" in in_terminal(folder, "--color", "always", NO_COLOR="1")
    assert "\x1b[" not in lint(cwd=folder).stdout
    assert "\x1b[" in run([*CLI], folder, environment={"FORCE_COLOR": "1"}).stdout
    assert "\x1b[" in lint("--color", "always", cwd=folder).stdout
    assert "\x1b[" not in lint("--color", "always", "--output-format", "json", cwd=folder).stdout


def test_names_and_lines_that_the_output_encoding_lacks(project: Path) -> None:
    name = os.fsdecode(b"\xff\xe4.py")
    (project / name).write_text(SCRIPT.replace("sys.exit(0)", "sys.exit(0)  # 日本"))
    for encoding in ("ascii", "utf-8"):
        done = run([*CLI], project, environment={"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"})

        assert done.stderr == ""
        assert ":9:5: WBS301" in done.stdout
        assert done.returncode == 1
