"""What the output formats show, to the letter."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import JOB, SCRIPT, lint, lint_here
from wbsignal_lint.diagnostics import (
    Applicability,
    Diagnostic,
    Edit,
    FileReport,
    Fix,
    LineIndex,
    Problem,
    Related,
    Severity,
    Span,
)
from wbsignal_lint.formats import Style, format_names, renderer


def report(text: str, start: str, *, length: int | None = None, **more: Any) -> FileReport:
    """Return a report with one finding on the first occurrence of ``start``."""
    offset = text.index(start)
    span = Span(offset, offset + (len(start) if length is None else length))
    finding = Diagnostic("WBS999", "made-up", Severity.ERROR, "this is wrong", span, **more)
    return FileReport("a.py", text, [finding], original=text)


def full(*reports: FileReport, unsafe: bool = False) -> str:
    return "".join(renderer("full")(reports, Style(unsafe_fixes=unsafe)))


def fix(text: str, old: str, new: str, applicability: Applicability = Applicability.SAFE) -> Fix:
    offset = text.index(old)
    return Fix("Do it right", (Edit(Span(offset, offset + len(old)), new),), applicability)


def test_full() -> None:
    text = "import sys\n\n\ndef f(signum):\n    sys.exit(0)\n\n\nf(1)\n"
    related = (Related(Span(text.index("f(1)"), len(text) - 1), "called here"),)
    shown = full(
        report(
            text,
            "sys.exit(0)",
            outcome="after SIGTERM: preempting, exit code 0 → FINISHED, not requeued",
            fix=fix(text, "0", "128 + signum"),
            related=related,
        )
    )

    assert shown == (
        "a.py:5:5: WBS999 [*] made-up\n"
        "  this is wrong\n"
        "  |\n"
        "4 | def f(signum):\n"
        "5 |     sys.exit(0)\n"
        "  |     ^^^^^^^^^^^\n"
        "  |\n"
        "  = W&B after SIGTERM: preempting, exit code 0 → FINISHED, not requeued\n"
        "  = note: line 8: called here\n"
        "  = help: Do it right\n"
        "    5 -     sys.exit(0)\n"
        "    5 +     sys.exit(128 + signum)\n"
        "\n"
        "Found 1 error. [*] 1 fixable with --fix.\n"
    )


@pytest.mark.parametrize(
    ("applicability", "unsafe", "sign", "remark", "summary"),
    [
        (Applicability.SAFE, False, "[*] ", "", " [*] 1 fixable with --fix."),
        (Applicability.UNSAFE, False, "", " (unsafe)", " 1 fixable with --fix --unsafe-fixes."),
        (Applicability.UNSAFE, True, "[*] ", " (unsafe)", " [*] 1 fixable with --fix --unsafe-fixes."),
        (Applicability.DISPLAY, True, "", " (by hand)", ""),
    ],
)
def test_who_may_apply_a_fix(applicability: Applicability, unsafe: bool, sign: str, remark: str, summary: str) -> None:
    shown = full(report("x = 0\n", "0", fix=fix("x = 0\n", "0", "1", applicability)), unsafe=unsafe)

    assert shown.startswith(f"a.py:1:5: WBS999 {sign}made-up\n")
    assert f"= help: Do it right{remark}\n" in shown
    assert shown.endswith(f"Found 1 error.{summary}\n")


def test_a_span_over_several_lines() -> None:
    text = "x\nf(\n  1,\n\n  2,\n)\ny\n"
    shown = full(report(text, "f(", length=len("f(\n  1,\n\n  2,\n)")))

    assert shown.splitlines()[2:-2] == [
        "  |",
        "1 | x",
        "2 | f(",
        "  | ^^",
        "3 |   1,",
        "  |   ^^",
        "4 |",
        "5 |   2,",
        "  |   ^^",
        "6 | )",
        "  | ^",
        "7 | y",
        "  |",
    ]


def test_a_very_long_span_is_cut() -> None:
    text = "f(\n" + "  1,\n" * 50 + ")\n"
    shown = full(report(text, "f(", length=len(text) - 1))

    assert len(shown.splitlines()) < 30
    assert "… 44 more lines" in shown


@pytest.mark.parametrize(
    ("line", "mark"),
    [
        ("\tx = BAD", "        ^^^"),
        ("x = '日本'; BAD", "            ^^^"),
        ("x = 'e\u0301'; BAD", "         ^^^"),
        ("\x1b[31mBAD", "     ^^^"),
        ("\fBAD", " ^^^"),
    ],
)
def test_the_mark_stands_below_what_it_means(line: str, mark: str) -> None:
    frame = full(report(f"{line}\r\n", "BAD")).splitlines()[3:5]

    assert frame[1] == f"  | {mark}"
    assert "\x1b" not in frame[0]


def test_a_long_line_is_cut_around_the_mark() -> None:
    text = "a = '" + "x" * 500 + "'; BAD = 1; b = '" + "y" * 500 + "'\n"
    shown = full(report(text, "BAD"))
    line, mark = shown.splitlines()[3:5]

    assert len(line) < 130
    assert line[mark.index("^") :].startswith("BAD = 1")
    assert mark.count("^") == 3


def test_an_empty_span_and_the_end_of_the_file_can_be_marked() -> None:
    text = "x = 1\n"
    finding = Diagnostic("WBS999", "made-up", Severity.ERROR, "missing", Span(len(text), len(text)))

    assert full(FileReport("a.py", text, [finding])).startswith("a.py:2:1: WBS999 made-up\n")
    assert full(FileReport("a.py", "", [Diagnostic("W", "n", Severity.INFO, "m", Span(0, 0))])).startswith("a.py:1:1: ")


def test_a_fix_is_shown_with_what_moves() -> None:
    text = "one\ntwo\nthree\nfour\nfive\n"
    moved = Fix("Move up", (Edit(Span(4, 4), "five\n"), Edit(Span(19, 24), "")))
    shown = full(report(text, "five", fix=moved))

    assert "    2 + five\n    5 - five\n" in shown
    assert "two" not in shown.split("help:")[1]


def test_a_big_fix_is_left_to_diff() -> None:
    text = "x\n" * 30
    big = Fix("Rewrite", (Edit(Span(0, len(text)), "y\n" * 30),))

    assert "changes 60 lines; see them with --diff\n" in full(report(text, "x", fix=big))


@given(st.text(alphabet="ab \t\r\n\f\x1b\u2028\u65e5\u0301", max_size=60), st.data())
def test_any_finding_can_be_shown_in_every_format(text: str, data: st.DataObject) -> None:
    start, end = sorted((data.draw(st.integers(0, len(text))), data.draw(st.integers(0, len(text)))))
    change = Fix("Change", (Edit(Span(start, end), data.draw(st.text(alphabet="x\r\n", max_size=5))),))
    finding = Diagnostic("WBS999", "made-up", Severity.ERROR, "m", Span(start, end), fix=change)
    row, column = LineIndex(text).position(start)
    for name in format_names():
        shown = "".join(renderer(name)([FileReport("a.py", text, [finding], original=text)], Style()))

        assert shown.endswith("\n")
        if name == "json":
            assert json.loads(shown)[0]["location"] == {"row": row, "column": column}
        else:
            assert shown.startswith(f"a.py:{row}:{column}: WBS999")
            assert all(unicodedata.category(character) != "Cc" or character in "\n\t" for character in shown)


def test_concise(project: Path) -> None:
    (project / "a.py").write_text(SCRIPT)
    (project / "job.sh").write_text(JOB)
    lines = lint("--output-format", "concise", cwd=project).stdout.splitlines()

    assert lines[0].startswith("a.py:9:5: WBS301 [*] ")
    assert lines[1].startswith("job.sh:3:6: WBS401 [*] ")
    assert lines[2:] == ["Found 2 errors. [*] 2 fixable with --fix."]
    assert lint("--output-format", "concise", "--quiet", cwd=project).stdout.splitlines() == lines[:2]


def test_json_has_the_keys_of_ruff(project: Path) -> None:
    (project / "a.py").write_text(SCRIPT)
    (finding,) = json.loads(lint("--output-format", "json", "a.py", cwd=project).stdout)

    assert set(finding) >= {"cell", "code", "message", "filename", "location", "end_location", "fix", "noqa_row", "url"}
    assert finding["code"] == "WBS301"
    assert finding["severity"] == "error"
    assert finding["filename"] == "a.py"
    assert finding["cell"] is None
    assert finding["location"] == {"row": 9, "column": 5}
    assert finding["end_location"] == {"row": 9, "column": 16}
    assert finding["noqa_row"] == 9
    assert finding["url"].endswith("/handler-exits-zero.md")
    assert finding["message"]
    assert finding["fix"]["applicability"] == "safe"
    assert finding["fix"]["message"]
    (edit,) = finding["fix"]["edits"]
    lines = SCRIPT.splitlines()
    (start, end), row = (edit["location"]["column"] - 1, edit["end_location"]["column"] - 1), edit["location"]["row"]
    lines[row - 1] = lines[row - 1][:start] + edit["content"] + lines[row - 1][end:]
    assert lines[8] == "    sys.exit(128 + signum)"


def test_json_is_an_array_whatever_there_is(project: Path) -> None:
    (project / "clean.py").write_text("x = 1\n")
    (project / "broken.py").write_text("x = (\n")

    assert json.loads(lint("--output-format", "json", "clean.py", cwd=project).stdout) == []
    assert json.loads(lint("--output-format", "json", "--fix", "clean.py", cwd=project).stdout) == []
    broken, missing = json.loads(lint("--output-format", "json", "broken.py", "missing.py", cwd=project).stdout)
    assert (broken["code"], broken["filename"], broken["fix"]) == ("WBS001", "broken.py", None)
    assert broken["location"] == {"row": 1, "column": 5}
    assert (missing["code"], missing["message"]) == ("WBS001", "no such file or folder")


def test_positions_count_characters_in_every_encoding_and_line_ending(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = SCRIPT.replace("    sys.exit(0)", "    '😀 日本 é\u0301'; sys.exit(0)")
    for data in (text.encode(), text.replace("\n", "\r\n").encode(), b"\xef\xbb\xbf" + text.encode()):
        (project / "a.py").write_bytes(data)
        assert lint_here("--output-format", "concise", "-q", "a.py") == 1
        assert capsys.readouterr().out.startswith("a.py:9:16: WBS301 ")


@pytest.mark.parametrize(
    ("remaining", "fixed", "problems", "sentence"),
    [
        (0, 0, 0, "All checks passed!"),
        (1, 0, 0, "Found 1 error."),
        (2, 0, 0, "Found 2 errors."),
        (1, 2, 0, "Found 3 errors (2 fixed, 1 remaining)."),
        (0, 1, 0, "Found 1 error (1 fixed, 0 remaining)."),
        (0, 0, 1, "1 problem kept files from being checked or fixed."),
        (1, 0, 2, "Found 1 error. 2 problems kept files from being checked or fixed."),
    ],
)
@pytest.mark.parametrize("name", ["full", "concise"])
def test_summary(name: str, remaining: int, fixed: int, problems: int, sentence: str) -> None:
    finding = Diagnostic("WBS999", "made-up", Severity.ERROR, "m", Span(0, 1))
    trouble = [Problem("a.py", "trouble")] * problems
    made = FileReport("a.py", "x\n", [finding] * remaining, {"WBS301": fixed} if fixed else {}, trouble)
    shown = "".join(renderer(name)([made], Style()))

    assert shown.splitlines()[-1] == sentence
    assert sentence not in "".join(renderer(name)([made], Style(summary=False)))
