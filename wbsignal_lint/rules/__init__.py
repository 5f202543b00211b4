"""The rules: one file each, found by walking this folder; there is no list to keep in step."""

from __future__ import annotations

import functools
import importlib
import pkgutil

from wbsignal_lint.rules.base import LaunchRule, Rule, ScriptRule

__all__ = ["LaunchRule", "Rule", "ScriptRule", "all_rules", "find_rule"]


@functools.cache
def all_rules() -> tuple[Rule, ...]:
    """Return one instance of every rule, in the order of their codes."""
    rules: list[Rule] = []
    for module_info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{module_info.name}")
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Rule) and value.__module__ == module.__name__:
                if "code" in vars(value):
                    rules.append(value())
    return tuple(sorted(rules, key=lambda rule: rule.code))


def find_rule(key: str) -> Rule | None:
    """Return the rule with this code or name (any case), or ``None``."""
    wanted = key.casefold()
    return next((rule for rule in all_rules() if wanted in (rule.code.casefold(), rule.name.casefold())), None)
