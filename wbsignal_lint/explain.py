"""``wbsignal-lint rule``: what a rule finds, why it matters, and how to mend it."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Sequence

from wbsignal_lint.rules import Rule, all_rules, find_rule

__all__ = ["list_rules", "main"]


def main(argv: Sequence[str]) -> int:
    """Run the subcommand with its arguments and return the exit status: 2 if there is no such rule."""
    parser = argparse.ArgumentParser(prog="wbsignal-lint rule", description="Explain rules.", allow_abbrev=False)
    what = "the rule; a prefix (WBS3) lists a group, nothing lists all"
    parser.add_argument("rule", nargs="?", metavar="CODE|PREFIX|NAME", help=what)
    parser.add_argument("--all", action="store_true", help="explain every rule")
    arguments = parser.parse_args(argv)
    if arguments.all:
        print("\n\n".join(map(_explain, all_rules())))
    elif arguments.rule is None:
        print(list_rules())
    else:
        rule = find_rule(arguments.rule)
        group = [other for other in all_rules() if other.code.startswith(arguments.rule.upper())]
        if rule is None and group:
            print(_table(group))
            return 0
        if rule is None:
            print(
                f"wbsignal-lint: error: there is no rule {arguments.rule!r}{_suggestion(arguments.rule)}",
                file=sys.stderr,
            )
            return 2
        print(_explain(rule))
    return 0


def list_rules() -> str:
    """Return one line for every rule: code, name, severity, kinds of fix, summary."""
    return _table(all_rules())


def _table(rules: Sequence[Rule]) -> str:
    rows = [(rule.code, rule.name, rule.severities(), rule.fix_kinds(), rule.summary()) for rule in rules]
    headings = ("Code", "Name", "Severity", "Fix", "What")
    *widths, _ = (max(map(len, column)) for column in zip(headings, *rows, strict=True))
    return "\n".join("  ".join(map(str.ljust, row, (*widths, 0))) for row in (headings, *rows))


def _explain(rule: Rule) -> str:
    title = f"{rule.code} {rule.name} ({rule.severities()}; fix: {rule.fix_kinds()})"
    return f"{title}\n{'=' * len(title)}\n\n{rule.documentation()}"


def _suggestion(text: str) -> str:
    known = {key.casefold(): key for rule in all_rules() for key in (rule.code, rule.name)}
    close = difflib.get_close_matches(text.casefold(), known, n=1)
    return f"; did you mean {known[close[0]]}?" if close else "; `wbsignal-lint rule` lists them"
