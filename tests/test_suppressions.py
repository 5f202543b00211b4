"""``noqa`` comments: what they suppress, where they count, and that only real comments do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import FIXED_SCRIPT, JOB, SCRIPT, lint, lint_here
from wbsignal_lint.comments import Comment, python_comments, shell_comments
from wbsignal_lint.suppressions import read_suppressions


def suppressed(comment: str, code: str, *, alone: bool = False) -> bool:
    return read_suppressions([Comment(1, comment, alone)]).suppress(code, [1])


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa",
        "#noqa",
        "# NoQA",
        "# noqa: WBS301",
        "# noqa:WBS301",
        "# NOQA: wbs301",
        "# noqa: E501,WBS301",
        "# noqa: E501, WBS301",
        "# noqa: E501 WBS301",
        "# noqa: WBS301  it must be so",
        "# noqa: WBS3",
        "# noqa: WBS",
        "# it must be so  # noqa: WBS301",
        "# type: ignore  # noqa",
        "# noqa: because I say so",
        "# noqa : WBS999",
        "# wbsignal-lint: noqa: WBS301",
    ],
)
def test_comments_that_suppress_on_their_line(comment: str) -> None:
    assert suppressed(comment, "WBS301")
    assert not read_suppressions([Comment(2, comment, False)]).suppress("WBS301", [1, 3])


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa: E501",
        "# noqa: WBS302",
        "# noqa: WBS3010",
        "# noqa: F401, WBS4",
        "# no qa",
        "# flake8: noqa",
        "# quinoa",
    ],
)
def test_comments_that_do_not(comment: str) -> None:
    assert not suppressed(comment, "WBS301")


@pytest.mark.parametrize("tool", ["flake8", "ruff", "wbsignal-lint", "FLAKE8"])
def test_comments_for_the_whole_file(tool: str) -> None:
    assert suppressed(f"# {tool}: noqa", "WBS301", alone=True)
    assert suppressed(f"# {tool}: noqa: E501,WBS3", "WBS301", alone=True)
    assert not suppressed(f"# {tool}: noqa: WBS302", "WBS301", alone=True)


@given(st.text(), st.sampled_from(["WBS301", "WBS401"]))
def test_any_comment_is_understood_and_means_no_more_than_flake8_takes_it_for(text: str, code: str) -> None:
    comment = "#" + text
    if suppressed(comment, code) or suppressed(comment, code, alone=True):
        assert re.search("noqa", comment, re.IGNORECASE)


@given(
    st.lists(st.sampled_from(["WBS301", "WBS3", "WBS", "E501", "WBS4"]), min_size=1), st.sampled_from([",", ", ", " "])
)
def test_a_list_of_codes_suppresses_what_begins_with_one_of_them(codes: list[str], separator: str) -> None:
    comment = f"# noqa: {separator.join(codes)}"

    assert suppressed(comment, "WBS301") == any("WBS301".startswith(code) for code in codes)


def test_only_real_comments_are_comments() -> None:
    python = 'x = "# noqa"  # one\ny = """\n# noqa\n"""\n# two\n'
    shell = "echo \"# noqa\" # one\necho a#b $# ${x#y} \\# '# no'\ncat <<EOF\n# noqa\nEOF\n  # two\n"

    assert [(comment.row, comment.text, comment.alone) for comment in python_comments(python)] == [
        (1, "# one", False),
        (5, "# two", True),
    ]
    assert [(comment.row, comment.text, comment.alone) for comment in shell_comments(shell)] == [
        (1, "# one", False),
        (6, "# two", True),
    ]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_comments_are_on_their_rows_whatever_ends_a_line(newline: str) -> None:
    text = newline.join(["x = 1", "\f", "y = '\u2028'  # here", ""])

    assert [comment.row for comment in python_comments(text)] == [3]


def codes_left(text: str, name: str, project: Path, capsys: pytest.CaptureFixture[str], *options: str) -> list[str]:
    (project / name).write_text(text)
    lint_here(*options, "--output-format", "concise", "--quiet", name)
    return re.findall(r"WBS\d+", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sys.exit(0)", "sys.exit(0)  # noqa"),
        ("sys.exit(0)", "sys.exit(0)  # noqa: WBS301"),
        ("sys.exit(0)", "sys.exit(  # noqa: WBS301\n        0\n    )"),
        ("sys.exit(0)", "sys.exit(\n        0\n    )  # noqa: WBS301"),
        ("sys.exit(0)", "sys.exit(\n        0  # noqa: WBS301\n    )"),
        ("import wandb", "# wbsignal-lint: noqa\nimport wandb"),
        ("import wandb", "# flake8: noqa: WBS301\nimport wandb"),
        ("    wandb.run.mark", "    # ruff: noqa: WBS3\n    wandb.run.mark"),
    ],
)
def test_a_suppressed_finding_is_neither_reported_nor_fixed(
    old: str, new: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = SCRIPT.replace(old, new)

    assert codes_left(text, "a.py", project, capsys) == []
    assert codes_left(text, "a.py", project, capsys, "--fix", "--unsafe-fixes") == []
    assert (project / "a.py").read_text() == text
    assert codes_left(text, "a.py", project, capsys, "--disable-noqa") == ["WBS301"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sys.exit(0)", "sys.exit(0)  # noqa: WBS302"),
        ("    sys.exit(0)", "    # noqa: WBS301\n    sys.exit(0)"),
        ("    sys.exit(0)", "    print('# noqa')\n    sys.exit(0)"),
        ("    sys.exit(0)", "    x = '''\n# flake8: noqa\n'''\n    sys.exit(0)"),
        ("import wandb", "import wandb  # flake8: noqa"),
    ],
)
def test_what_is_no_suppression_of_it_leaves_a_finding(
    old: str, new: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert codes_left(SCRIPT.replace(old, new), "a.py", project, capsys) == ["WBS301"]


@pytest.mark.parametrize(
    ("old", "new", "codes"),
    [
        ("abc123", "abc123 # noqa", []),
        ("abc123", "abc123  # noqa: WBS401", []),
        ("agent me/project/abc123", "agent \\\n  me/project/abc123  # noqa: WBS401", []),
        ("srun wandb", "srun \\\n  wandb", ["WBS401"]),
        ("srun wandb agent me", "srun \\\n  wandb agent \\\n  me", ["WBS401"]),
        ("#SBATCH", "# wbsignal-lint: noqa\n#SBATCH", []),
        ("#SBATCH", "# flake8: noqa: WBS4\n#SBATCH", []),
        ("abc123", "abc123 # noqa: WBS301", ["WBS401"]),
        ("abc123", "abc123; echo '# noqa'", ["WBS401"]),
        ("srun", "cat <<EOF\n# wbsignal-lint: noqa\nEOF\nsrun", ["WBS401"]),
    ],
)
def test_shell(old: str, new: str, codes: list[str], project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert codes_left(JOB.replace(old, new), "job.sbatch", project, capsys) == codes


def test_one_of_two_findings_is_fixed_when_the_other_is_suppressed(project: Path) -> None:
    second = (
        "\n\ndef other(signum, frame):\n    sys.exit(0)  # noqa: WBS301\n\n\nsignal.signal(signal.SIGUSR1, other)\n"
    )
    (project / "a.py").write_text(SCRIPT.replace("\n\nsignal.signal", second + "signal.signal"))
    done = lint("--fix", "a.py", cwd=project)

    assert done.returncode == 0
    assert (project / "a.py").read_text() == FIXED_SCRIPT.replace("\n\nsignal.signal", second + "signal.signal")
