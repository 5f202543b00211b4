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
    parser.add_argument("rule", nargs="?", metavar="CODE|NAME", help="the rule; without it, all rules are listed")
    parser.add_argument("--all", action="store_true", help="explain every rule")
    arguments = parser.parse_args(argv)
    if arguments.all:
        print("\n\n".join(map(_explain, all_rules())))
    elif arguments.rule is None:
        print(list_rules())
    else:
        rule = find_rule(arguments.rule)
        if rule is None:
            print(
                f"wbsignal-lint: error: there is no rule {arguments.rule!r}{_suggestion(arguments.rule)}",
                file=sys.stderr,
            )
            return 2
        print(_explain(rule))
    return 0


def list_rules() -> str:
    """Return one line for every rule: code, severity, name, summary."""
    width = max((len(rule.name) for rule in all_rules()), default=0)
    return "\n".join(
        f"{rule.code}  {rule.severity.value:<7}  {rule.name:<{width}}  {rule.summary()}" for rule in all_rules()
    )


def _explain(rule: Rule) -> str:
    title = f"{rule.code} {rule.name} ({rule.severity.value})"
    return f"{title}\n{'=' * len(title)}\n\n{rule.documentation()}"


def _suggestion(text: str) -> str:
    known = {key.casefold(): key for rule in all_rules() for key in (rule.code, rule.name)}
    close = difflib.get_close_matches(text.casefold(), known, n=1)
    return f"; did you mean {known[close[0]]}?" if close else "; `wbsignal-lint rule` lists them"
