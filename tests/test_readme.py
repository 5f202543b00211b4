"""What README.md says of commands, settings, rules and the five mistakes is so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.readme import README, Mistake, console_blocks, mistakes, second_command, table_rows
from tests.support import CLI, ROOT, lint, run
from wbsignal_lint.cli import main
from wbsignal_lint.rules import all_rules
from wbsignal_lint.settings import read_settings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def test_the_generated_documentation_is_current() -> None:
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), "run: python docs/generate.py"


def test_the_table_of_rules_has_every_rule_as_the_code_has_it() -> None:
    table = README.split("<!-- rules: made by docs/generate.py -->")[1].split("<!-- end of rules -->")[0]

    assert [
        (code, name.split("]")[0].strip("["), severity, what) for code, name, severity, what, _ in table_rows(table)
    ] == [(rule.code, rule.name, rule.severities(), rule.summary()) for rule in all_rules()]


def test_every_file_that_the_readme_links_to_is_there() -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", README)

    assert len(targets) > len(all_rules())
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_ci_runs_the_readmes_second_command() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")

    assert re.findall(r"(?m)^test_command='(.*)'$", script) == [second_command()]
    assert re.search(r'(?m)^bash -c "\$test_command"$', script)


def test_the_settings_shown_are_valid_and_complete(tmp_path: Path) -> None:
    block = next(block for block in re.findall(r"(?s)```toml\n(.*?)```", README) if "[tool.wbsignal-lint]" in block)
    (tmp_path / "pyproject.toml").write_text(block, encoding="utf-8")

    assert read_settings(tmp_path / "pyproject.toml") is not None
    # The error for an unknown key lists all that there are.
    broken = tmp_path / "broken.toml"
    broken.write_text("[tool.wbsignal-lint]\nxyzzy = 1\n", encoding="utf-8")
    message = lint("--config", broken, cwd=tmp_path).stderr
    known = re.search(r"known are: ([^)]*)", message)
    assert known, message
    assert set(tomllib.loads(block)["tool"]["wbsignal-lint"]) == set(known[1].split(", "))


def test_every_option_mentioned_exists(tmp_path: Path) -> None:
    commands = ((), ("drill",), ("forecast",), ("rule",))
    helps = "".join(lint(*command, "--help", cwd=tmp_path).stdout for command in commands)
    of_wandb = {"--forward-signals", "--cancel", "--term-timeout"}
    mentioned = set(re.findall(r"--[a-z][a-z-]+", README)) - of_wandb

    assert {"--fix", "--diff", "--compare"} <= mentioned
    assert mentioned - set(re.findall(r"--[a-z-]+", helps)) == set()


@pytest.mark.parametrize("mistake", mistakes(), ids=lambda mistake: mistake.code)
def test_each_of_the_five_blocks_is_what_the_linter_makes_of_it(mistake: Mistake, project: Path) -> None:
    script = project / mistake.filename
    script.write_text(mistake.before, encoding="utf-8")

    found = lint("--isolated", "--output-format", "concise", script.name, cwd=project)
    assert (found.returncode, re.findall(r"WBS\d+", found.stdout)) == (1, [mistake.code])

    fixed = lint("--isolated", "--fix", script.name, cwd=project)
    assert fixed.returncode == 0, fixed.stdout + fixed.stderr
    assert script.read_text(encoding="utf-8") == mistake.after


def test_there_are_five_mistakes_each_with_what_is_recorded() -> None:
    assert len(mistakes()) == 5
    assert all(mistake.recorded for mistake in mistakes())


@pytest.mark.parametrize(
    ("command", "shown"), [(words[0], output) for words, output in console_blocks() if " forecast " in words[0]]
)
def test_the_forecast_shown_is_the_one_that_is_made(command: str, shown: str) -> None:
    done = run([*CLI, *command.split()[1:]], ROOT, environment={"COLUMNS": "80"})

    assert done.stdout == shown, done.stderr


def test_the_picture_is_what_the_command_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    drawn = tmp_path / "forecast.svg"
    main(["forecast", "fixtures/handler-exits-zero/bad_literal_zero.py", "--save-svg", str(drawn)])

    # Colours and fonts are rich's business; the words are ours.
    words = [
        ["".join(node.itertext()) for node in ElementTree.parse(path).iter() if node.tag.endswith("text")]
        for path in (drawn, ROOT / "docs" / "forecast.svg")
    ]
    assert words[0] == words[1]
    assert "docs/forecast.svg" in README
