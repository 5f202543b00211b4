"""Writes the documentation that the code already holds: docs/rules/, docs/frameworks.md, the tables of README.md.

From the root of the repository::

    python docs/generate.py            # writes what is not current
    python docs/generate.py --check    # writes nothing; lists what is not current, and exits with 1 if there is any

A rule's page is its docstring, with its severity, confidence and kinds of fix; README's table lists all of them. Its
table of run states is asked of `wbsignal_lint.contract`, as the rules do.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The rules of this checkout, not of an installed version.
sys.path.insert(0, str(ROOT))

from wbsignal_lint.contract import judge  # noqa: E402
from wbsignal_lint.rules import Rule, all_rules  # noqa: E402
from wbsignal_lint.script.frameworks.commands import DECORATORS, RUNNERS  # noqa: E402
from wbsignal_lint.script.frameworks.evidence import Known  # noqa: E402
from wbsignal_lint.script.frameworks.takeovers import ELSEWHERE_KNOWN, ELSEWHERE_SAYS, TAKEOVERS  # noqa: E402
from wbsignal_lint.script.frameworks.trainers import TRAINERS  # noqa: E402

RULES = Path("docs/rules")
README = Path("README.md")
FRAMEWORKS = Path("docs/frameworks.md")


def rule_page(rule: Rule) -> str:
    """Return the page of a rule, in Markdown."""
    module = type(rule).__module__.replace(".", "/")
    return (
        f"<!-- Made by docs/generate.py from {module}.py. -->\n"
        f"# {rule.name} ({rule.code})\n\n"
        f"Severity: {rule.severities()}. Confidence: {rule.confidence.value}. Fix: {rule.fix_kinds()}.\n\n"
        f"{rule.documentation()}\n"
    )


def rule_table() -> str:
    """Return the table of all rules, by code."""
    rows = [
        f"| {rule.code} | [{rule.name}]({RULES}/{rule.name}.md) | {rule.severities()} | {rule.summary()} "
        f"| {rule.fix_kinds()} |"
        for rule in all_rules()
    ]
    return "\n".join(["| Code | Name | Severity | What | Fix |", "|---|---|---|---|---|", *rows])


def state_table() -> str:
    """Return the table of what becomes of a run, by its mark and the exit code that W&B recorded."""
    codes = {"no exit code": None, "exit code 0": 0, "exit code 255 (Ctrl-C)": 255, "any other exit code": 1}
    rows = [f"| {words} | {judge(False, code)} | {judge(True, code)} |" for words, code in codes.items()]
    return "\n".join(["| W&B recorded | not marked | marked as preempting |", "|---|---|---|", *rows])


def readme_page(text: str) -> str:
    """Return README.md with its generated parts made anew."""
    for name, content in (("rules", rule_table()), ("states", state_table())):
        begin, end = f"<!-- {name}: made by docs/generate.py -->", f"<!-- end of {name} -->"
        head, found, rest = text.partition(begin)
        _, closed, tail = rest.partition(end)
        if not (found and closed):
            raise SystemExit(f"{README}: the marks of the part {name!r} are gone")
        text = f"{head}{begin}\n{content}\n{end}{tail}"
    return text


def frameworks_page() -> str:
    """Return the page on frameworks: the facts that rules and forecasts know, with their versions and sources."""
    lines = [
        "<!-- Made by docs/generate.py from wbsignal_lint/script/frameworks/. -->",
        "# What frameworks do with signals and exits",
        "",
        "Rules and forecasts know this of the frameworks that training scripts use. *Measured* means run with wandb "
        "0.31.0; the versions named are those that were run or read. Where a fact begins or ends with a version, the "
        "project's pins decide whether it holds. What depends on a version that nobody has pinned is unknown, but for "
        "what has been true of every version for years (Lightning on SIGTERM).",
        "",
        "| Framework | What it does | Holds for | How it is known |",
        "|---|---|---|---|",
    ]
    for trainer in TRAINERS:
        for number, reactions in trainer.on_signal.items():
            name = signal.Signals(number).name
            lines += [_framework_row(trainer.name, f"{name}: {known.says}", known.known) for known in reactions]
    commands = {runner.name: runner for runner in (*RUNNERS.values(), *DECORATORS.values())}
    for runner in sorted(commands.values(), key=lambda runner: runner.name):
        if runner.known.measured:
            lines.append(
                _framework_row(runner.name, f"what the main function returns: {runner.result.value}", runner.known)
            )
            for known, status in runner.interrupted:
                lines.append(_framework_row(runner.name, f"Ctrl-C: ends with sys.exit({status})", known))
            if runner.replaces_hook is not None:
                says = "a run that was opened before it is called does not see crashes: it sets its own sys.excepthook"
                lines.append(_framework_row(runner.name, says, runner.replaces_hook))
    lines += [_framework_row(path, takeover.says, takeover.known) for path, takeover in TAKEOVERS.items()]
    lines += [_framework_row("submitit", ELSEWHERE_SAYS, ELSEWHERE_KNOWN)]
    return "\n".join(lines) + "\n"


def _framework_row(name: str, says: str, known: Known) -> str:
    since = f"{known.since} and newer" if known.since else ""
    before = f"older than {known.before}" if known.before else ""
    return f"| {name} | {says} | {', '.join(filter(None, (since, before))) or 'all that were looked at'} | {known} |"


def pages() -> dict[Path, str]:
    """Return what every generated file should hold, by its path from the root of the repository."""
    result = {RULES / f"{rule.name}.md": rule_page(rule) for rule in all_rules()}
    result[FRAMEWORKS] = frameworks_page()
    result[README] = readme_page((ROOT / README).read_text(encoding="utf-8"))
    return result


def main() -> int:
    """Write or check all pages; the status is 1 if ``--check`` found a difference."""
    parser = argparse.ArgumentParser(description="Write docs/rules/ and the tables of README.md.")
    parser.add_argument("--check", action="store_true", help="write nothing; list what is not current")
    check = parser.parse_args().check
    wanted = pages()
    left_over = [path.relative_to(ROOT) for path in (ROOT / RULES).glob("*.md") if path.relative_to(ROOT) not in wanted]
    different = [
        path
        for path, content in wanted.items()
        if not (ROOT / path).is_file() or (ROOT / path).read_text(encoding="utf-8") != content
    ]
    for path in sorted([*different, *left_over]):
        print(path)
    if check:
        return int(bool(different or left_over))
    (ROOT / RULES).mkdir(exist_ok=True)
    for path in different:
        (ROOT / path).write_text(wanted[path], encoding="utf-8")
    for path in left_over:
        (ROOT / path).unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
