"""One source through gates, facts, rules and suppressions; and the fix loop."""

from __future__ import annotations

import ast
import functools
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import CLEAN_SCRIPT, FIXED_JOB, FIXED_SCRIPT, JOB, SCRIPT
from wbsignal_lint import edits, rules, selection
from wbsignal_lint.diagnostics import Applicability, Diagnostic, Edit, Fix, LineIndex, Severity, Span
from wbsignal_lint.files import Job, lint_source
from wbsignal_lint.fixing import fix_text
from wbsignal_lint.linter import LintOptions, lint_text
from wbsignal_lint.nesting import depth_of
from wbsignal_lint.rules import LaunchRule, Rule, ScriptRule
from wbsignal_lint.runner import run
from wbsignal_lint.script.facts import Script
from wbsignal_lint.settings import Settings
from wbsignal_lint.sources import Kind, Source
from wbsignal_lint.statements import statement_rows


def lint(text: str, kind: Kind = Kind.PYTHON) -> list[str]:
    report = lint_text(text, kind, "a", LintOptions())
    return [diagnostic.code for diagnostic in report.diagnostics] + [str(problem) for problem in report.problems]


def test_a_script_and_a_job_are_linted() -> None:
    assert lint(SCRIPT) == ["WBS301"]
    assert lint(FIXED_SCRIPT) == []
    assert lint(CLEAN_SCRIPT) == []
    assert lint("") == []
    assert lint(JOB, Kind.SHELL) == ["WBS401"]
    assert lint(FIXED_JOB, Kind.SHELL) == []


# Nesting: Python's own parser refuses some of it, LibCST's native parser would end the process on some.

BLOWN_UP = {
    "operators": lambda n: "x = 1" + " + 1" * n,
    "booleans": lambda n: "x = 1" + " and 1" * n,
    "booleans in turns": lambda n: "x = 1" + " and 1 or 1" * n,
    "comparisons": lambda n: "x = 1" + " < 1" * n,
    "negations": lambda n: "x = " + "not " * n + "1",
    "ternaries": lambda n: "x = " + "1 if 1 else " * n + "1",
    "lambdas": lambda n: "x = " + "lambda: " * n + "1",
    "attributes": lambda n: "x = y" + ".y" * n,
    "calls": lambda n: "x = y" + ".y()" * n,
    "subscripts": lambda n: "x = y" + "[0]" * n,
    "brackets": lambda n: "x = " + "[" * n + "]" * n,
    "elifs": lambda n: "if x:\n    pass\n" + "elif x:\n    pass\n" * n,
    "strings": lambda n: "x = (" + "'a' " * n + ")",
    "assignments": lambda n: "x = " * n + "1",
    "statements": lambda n: "x = 1\n" * n,
}


@pytest.mark.parametrize("size", [50, 300, 1000, 3000, 10000])
@pytest.mark.parametrize("form", list(BLOWN_UP))
def test_deep_nesting_is_read_or_refused_in_one_line(form: str, size: int) -> None:
    text = SCRIPT + BLOWN_UP[form](size) + "\n"
    result = lint(text)

    assert result in (["WBS301"], ["a: WBS001 nesting too deep"]) or "too many nested parentheses" in result[0]
    assert size > 50 or result == ["WBS301"]


def test_depth_counts_the_operands_of_a_flat_chain() -> None:
    assert depth_of(ast.parse("x and y and z")) > depth_of(ast.parse("x and y"))
    assert depth_of(ast.parse("x\n" * 1000)) == depth_of(ast.parse("x"))


@given(st.text(max_size=200))
def test_any_text_is_linted_without_an_exception(text: str) -> None:
    for kind in Kind:
        lint_text(text + SCRIPT, kind, "a", LintOptions())
        lint_text(SCRIPT + text, kind, "a", LintOptions())


@pytest.mark.parametrize(
    ("row", "rows"),
    [
        (1, [1, 2]),
        (2, [1, 2]),
        (3, [3, 4, 5]),
        (5, [3, 4, 5]),
        (6, [6, 7]),
        (8, [8]),
        (9, [9]),
        (10, [10]),
        (11, [11, 12]),
    ],
)
def test_rows_of_a_statement(row: int, rows: list[int]) -> None:
    tree = ast.parse(
        "x = (1 +\n  2)\n@d\ndef f(a,\n      b):\n  g(\n   1)\n\n  # c\ntry: pass\nexcept (A,\n  B): pass\n"
    )

    assert list(statement_rows(tree, row)) == rows


# Rules that go wrong. They are made up: no real rule is known to.


class _Broken(ScriptRule):
    """A rule that fails."""

    code, name, severity = "WBS998", "broken", Severity.ERROR

    def check(self, script: Script) -> Iterator[Diagnostic]:
        """Fail."""
        raise KeyError("oops")
        yield


def _mending(code: str, find: str, fix: Callable[[str, int], Fix], base: type[Rule] = ScriptRule) -> Rule:
    """Return a rule that finds a piece of text wherever it stands."""

    def check(self: Rule, facts: Script) -> Iterator[Diagnostic]:
        start = facts.text.find(find)
        while start >= 0:
            yield self.at(Span(start, start + len(find)), "made up", fix=fix(facts.text, start))
            start = facts.text.find(find, start + 1)

    members = {"code": code, "name": f"made-up-{code}", "severity": Severity.ERROR, "check": check}
    rule: Rule = type("MadeUp", (base,), members)()
    return rule


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    def put(*made_up: Rule) -> None:
        monkeypatch.setattr(selection, "all_rules", lambda: made_up)
        selection._codes_of.cache_clear()

    yield put
    selection._codes_of.cache_clear()


def replace_with(content: str, length: int = 1) -> Callable[[str, int], Fix]:
    return lambda text, start: Fix("Replace", (Edit(Span(start, start + length), content),))


def test_a_rule_that_fails_is_named_and_the_others_go_on(only: Callable[..., None]) -> None:
    only(_Broken(), *rules.all_rules())
    report = lint_text(SCRIPT, Kind.PYTHON, "a.py", LintOptions())

    assert [diagnostic.code for diagnostic in report.diagnostics] == ["WBS301"]
    assert [str(problem) for problem in report.problems] == [
        "a.py: WBS001 rule WBS998 broken failed on this file (KeyError: 'oops'): "
        "a bug in wbsignal-lint, please report it"
    ]


def test_a_reader_that_fails_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("two\nlines")

    monkeypatch.setattr("wbsignal_lint.script.reader.read_program", fail)

    assert lint(SCRIPT) == ["a: WBS001 can't be read (ValueError: two lines): a bug in wbsignal-lint, please report it"]


def test_a_fix_that_the_files_encoding_cant_hold_leaves_the_file_alone(
    only: Callable[..., None], project: Path
) -> None:
    only(_mending("WBS909", "'old'", replace_with("'日本'", 5)))
    data = b"# coding: latin-1\n" + SCRIPT.encode() + b"print('old', '\xe4')\n"
    (project / "a.py").write_bytes(data)
    report = lint_source(Source("a.py", Kind.PYTHON, Settings(), project / "a.py"), Job(fix=True, write=True))

    assert (project / "a.py").read_bytes() == data
    assert [diagnostic.code for diagnostic in report.diagnostics] == ["WBS909"]
    assert "can't be written in the encoding iso-8859-1" in report.problems[0].message
    assert report.fixed == {}


class _Deadly(ScriptRule):
    """A rule that ends the process, as the kernel does when memory is short."""

    code, name, severity = "WBS997", "deadly", Severity.ERROR

    def check(self, script: Script) -> Iterator[Diagnostic]:
        """End the process if the script says so."""
        if "DEADLY" in script.text:
            os._exit(9)
        yield self.at(Span(0, 1), "alive")


def test_a_worker_process_that_dies_costs_only_its_own_file(
    only: Callable[..., None], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(_Deadly())
    # Only a forked process knows of a made-up rule.
    forking = functools.partial(ProcessPoolExecutor, mp_context=multiprocessing.get_context("fork"))
    monkeypatch.setattr("concurrent.futures.ProcessPoolExecutor", forking)
    sources = []
    for number in range(12):
        path = project / f"s{number:02}.py"
        path.write_text(SCRIPT + ("DEADLY = 1\n" if number == 5 else ""))
        sources.append(Source(path.name, Kind.PYTHON, Settings(), path))
    reports = list(run(sources, Job(), workers=2))

    assert [report.filename for report in reports] == [source.filename for source in sources]
    assert [len(report.diagnostics) for report in reports] == [1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1]
    assert [str(problem) for report in reports for problem in report.problems] == [
        "s05.py: WBS001 the process that was to lint it died (out of memory?)"
    ]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (_mending("WBS901", "sys.exit", replace_with("(((")), "the fixes of WBS901 made-up-WBS901 would leave a file"),
        (
            _mending("WBS902", "loss", replace_with("lloss", 4)),
            "the fixes of WBS902 made-up-WBS902 do not come to an end",
        ),
        (
            _mending("WBS903", "loss", replace_with("loss", 4)),
            "the fixes of WBS903 made-up-WBS903 do not come to an end",
        ),
        (_mending("WBS904", "sys.exit", replace_with("\0")), "the fixes of WBS904 made-up-WBS904 would leave a file"),
    ],
)
def test_fixes_that_break_the_file_or_never_end_are_thrown_away(
    only: Callable[..., None], rule: Rule, message: str
) -> None:
    only(rule, *rules.all_rules())
    report = fix_text(SCRIPT, Kind.PYTHON, "a.py", LintOptions())

    assert (report.text, report.fixed) == (SCRIPT, {})
    assert rule.code in {diagnostic.code for diagnostic in report.diagnostics}
    (problem,) = report.problems
    assert problem.message.startswith(message)
    assert "WBS301" not in problem.message


def test_a_fix_that_breaks_shell_is_thrown_away(only: Callable[..., None]) -> None:
    only(_mending("WBS905", "srun", replace_with("if (("), LaunchRule))
    report = fix_text(JOB, Kind.SHELL, "job.sh", LintOptions())

    assert report.text == JOB
    assert "WBS905" in report.problems[0].message


def test_shell_that_is_half_written_is_still_mended() -> None:
    report = fix_text(JOB + "if [ $x = 1 ; the\n", Kind.SHELL, "job.sh", LintOptions())

    assert report.text == FIXED_JOB + "if [ $x = 1 ; the\n"
    assert report.problems == []


def test_fixes_that_overlap_wait_for_the_next_pass(only: Callable[..., None]) -> None:
    # aaa → b at 0 and at 1 overlap, in one pass only the first is made; then `ba` is left for the other rule.
    only(_mending("WBS906", "aaa", replace_with("b", 3)), _mending("WBS907", "ba", replace_with("c", 2)))
    report = fix_text(SCRIPT + "aaaa = 1\n", Kind.PYTHON, "a.py", LintOptions())

    assert report.text == SCRIPT + "c = 1\n"
    assert report.fixed == {"WBS906": 1, "WBS907": 1}
    assert report.diagnostics == []


def test_an_edit_that_two_fixes_share_is_made_once(only: Callable[..., None]) -> None:
    def fix(text: str, start: int) -> Fix:
        return Fix("Import and replace", (Edit(Span(0, 0), "import os\n"), Edit(Span(start, start + 3), "os.x")))

    only(_mending("WBS908", "old", fix))
    report = fix_text(SCRIPT + "old\nold\n", Kind.PYTHON, "a.py", LintOptions())

    assert report.text == "import os\n" + SCRIPT + "os.x\nos.x\n"
    assert report.fixed == {"WBS908": 2}


def test_only_what_is_allowed_is_applied(only: Callable[..., None]) -> None:
    def rule(code: str, find: str, applicability: Applicability) -> Rule:
        return _mending(code, find, lambda _, start: Fix("!", (Edit(Span(start, start + 4), "done"),), applicability))

    only(
        rule("WBS911", "safe", Applicability.SAFE),
        rule("WBS912", "hurt", Applicability.UNSAFE),
        rule("WBS913", "show", Applicability.DISPLAY),
    )
    text = SCRIPT + "safe, hurt, show\n"

    assert fix_text(text, Kind.PYTHON, "a", LintOptions()).text == SCRIPT + "done, hurt, show\n"
    assert fix_text(text, Kind.PYTHON, "a", LintOptions(), unsafe=True).text == SCRIPT + "done, done, show\n"


@st.composite
def text_and_edits(draw: st.DrawFn) -> tuple[str, list[Edit]]:
    text = draw(st.text(alphabet="ab\r\n\u00e4\U0001f600", max_size=30))
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), min_size=0, max_size=8)))
    spans = [Span(*pair) for pair in zip(cuts[::2], cuts[1::2], strict=False)]
    return text, [Edit(span, draw(st.text(alphabet="xyz\n", max_size=3))) for span in dict.fromkeys(spans)]


@given(text_and_edits())
def test_applying_edits_is_replacing_from_left_to_right(case: tuple[str, list[Edit]]) -> None:
    text, changes = case
    chosen = [edit for fix in edits.select([Fix("", (edit,)) for edit in changes]) for edit in fix.edits]
    expected, end = "", 0
    for edit in sorted(chosen, key=lambda edit: edit.span):
        expected += text[end : edit.span.start] + edit.content
        end = edit.span.end
    expected += text[end:]

    assert edits.apply(text, chosen) == expected


@given(st.text(alphabet="a\r\n\f\u2028\u00e4", max_size=40), st.data())
def test_rows_and_columns_lead_back_to_their_offset(text: str, data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, len(text)))
    lines = LineIndex(text)
    place = lines.position(offset)

    assert lines.offset(*place) == offset
    # Python itself counts the same rows.
    assert len(lines) == len(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
