"""Writes the documentation that the code already holds: docs/rules/ and the tables of README.md.

From the root of the repository::

    python docs/generate.py            # writes what is not current
    python docs/generate.py --check    # writes nothing; lists what is not current, and exits with 1 if there is any

A rule's page is its docstring, with its severity, confidence and kinds of fix; README's table lists all of them. Its
table of run states is asked of `wbsignal_lint.contract`, as the rules do.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The rules of this checkout, not of an installed version.
sys.path.insert(0, str(ROOT))

from wbsignal_lint.contract import judge  # noqa: E402
from wbsignal_lint.rules import Rule, all_rules  # noqa: E402

RULES = Path("docs/rules")
README = Path("README.md")


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


def pages() -> dict[Path, str]:
    """Return what every generated file should hold, by its path from the root of the repository."""
    result = {RULES / f"{rule.name}.md": rule_page(rule) for rule in all_rules()}
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
