"""Every rule is complete: named, documented, shown by examples that run, drawn in fixtures, listed in the README."""

from __future__ import annotations

import re
import sys
from collections import Counter

import pytest

from tests.support import FIXTURES, ROOT, head_entry, read_source
from wbsignal_lint import __version__
from wbsignal_lint.diagnostics import Severity
from wbsignal_lint.linter import LintOptions, lint_text
from wbsignal_lint.rules import LaunchRule, Rule, ScriptRule, all_rules, find_rule
from wbsignal_lint.selection import Layer, Selection
from wbsignal_lint.sources import Kind

RULES = all_rules()
SECTIONS = ["What it finds", "Why it matters", "Example", "Fix", "Leaves alone"]
LANGUAGES = {"python": Kind.PYTHON, "bash": Kind.SHELL, "dockerfile": Kind.DOCKERFILE, "yaml": Kind.YAML}

each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)


def test_there_are_the_founding_rules() -> None:
    founding = {"WBS001", "WBS101", "WBS102", "WBS201", "WBS301", "WBS302", "WBS303", "WBS305", "WBS401"}

    assert founding <= {rule.code for rule in RULES}


def test_the_version_is_written_down_alike_in_both_places() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

    assert re.findall(r'(?m)^version = "(.+)"$', pyproject) == [__version__]


def test_codes_and_names_are_unique_and_lead_to_their_rule() -> None:
    keys = Counter(key for rule in RULES for key in (rule.code, rule.name))

    assert keys.most_common(1)[0][1] == 1
    assert all(find_rule(rule.code) is find_rule(rule.name.upper()) is rule for rule in RULES)


@each_rule
def test_code_name_file_and_class_agree(rule: Rule) -> None:
    assert re.fullmatch(r"WBS\d{3}", rule.code)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.name)
    assert type(rule).__module__ == f"wbsignal_lint.rules.{rule.name.replace('-', '_')}"
    assert type(rule).__name__.lower() == rule.name.replace("-", "")
    assert isinstance(rule.severity, Severity)
    assert rule.code in ("WBS001", "WBS002") or isinstance(rule, (ScriptRule, LaunchRule))


@each_rule
def test_one_file_holds_one_rule(rule: Rule) -> None:
    assert [other.code for other in RULES if type(other).__module__ == type(rule).__module__] == [rule.code]
    assert sys.modules[type(rule).__module__].__doc__


@each_rule
def test_the_docstring_has_a_summary_and_all_sections_in_order(rule: Rule) -> None:
    summary, blank, *_ = rule.documentation().splitlines()

    assert summary.endswith(".")
    assert len(summary) <= 100
    assert blank == ""
    headings = re.findall(r"(?m)^## (.+)$", rule.documentation())
    assert [heading for heading in headings if heading in SECTIONS] == SECTIONS
    for section in re.split(r"(?m)^## .+$", rule.documentation())[1:]:
        assert section.strip()


@each_rule
def test_the_examples_show_what_they_say(rule: Rule) -> None:
    examples = rule.examples()

    assert {kind for kind, _, _ in examples} == {"Bad", "Good"}
    options = LintOptions(Selection((Layer(extend_select=(rule.code,)),)))
    for kind, language, code in examples:
        report = lint_text(code, LANGUAGES[language], "example", options)
        codes = {diagnostic.code for diagnostic in report.diagnostics} | ({"WBS001"} if report.problems else set())
        if kind == "Bad":
            assert rule.code in codes, code
        else:
            assert codes == set(), code


@each_rule
def test_every_rule_has_a_folder_of_fixtures(rule: Rule) -> None:
    assert (FIXTURES / rule.name).is_dir()


@each_rule
def test_the_kinds_of_fix_are_those_that_the_fixtures_show(rule: Rule) -> None:
    heads = [head_entry(read_source(path), "fix") or "safe" for path in (FIXTURES / rule.name).glob("bad_*")]
    shown = set() if rule.code == "WBS001" else set(heads) - {"none"}

    assert {kind.value for kind in rule.fixes} == shown, f"`fixes` of {type(rule).__name__} has to name these"


def test_every_folder_of_bad_fixtures_has_a_rule() -> None:
    assert {path.parent.name for path in FIXTURES.glob("*/bad_*")} <= {rule.name for rule in RULES}


@each_rule
def test_the_readme_lists_every_rule(rule: Rule) -> None:
    rows = [line for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    row = next((row for row in rows if re.search(rf"\b{rule.code}\b", row)), "")

    assert re.search(rf"(?<![\w-]){rule.name}(?![\w-])", row), f"no table row with {rule.code} and {rule.name}"
    assert re.search(rf"\b{rule.severity.value}\b", row)
