"""Which rules are on: ``select``, ``extend-select`` and ``ignore``, by code, by prefix, by name, or ``ALL``."""

from __future__ import annotations

import difflib
import functools
import re
from dataclasses import dataclass

from wbsignal_lint.diagnostics import Diagnostic, Severity
from wbsignal_lint.rules import Rule, all_rules

__all__ = ["Layer", "Selection", "UnknownSelector", "check_selector"]

_PREFIX = re.compile(r"WBS\d*")
_ALL = "ALL"


class UnknownSelector(ValueError):
    """A selector that matches no rule."""


@dataclass(frozen=True)
class Layer:
    """What one place (a settings file, the command line, a per-file ignore) says about the rules."""

    select: tuple[str, ...] | None = None
    """``None`` keeps what the layers before have switched on; anything else starts afresh."""
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    pedantic: bool = False
    """Start with the rules of severity info as well."""


@dataclass(frozen=True)
class Selection:
    """The rules that are on: those of severity error and warning, changed by the layers in their order.

    If any layer is pedantic, those of severity info are on from the start, too. A rule of severity info that rates some
    of its findings higher runs all the same, but of its findings only those count, until it is selected.

    Inside a layer the longer selector wins, whatever list it stands in, and ``ignore`` wins a tie: with
    ``select = WBS3`` and ``ignore = WBS301`` all but one of the 3xx rules are on.
    """

    layers: tuple[Layer, ...] = ()

    def plus(self, layer: Layer) -> Selection:
        """Return this selection with one more layer on top."""
        return self if layer == Layer() else Selection((*self.layers, layer))

    def rules(self) -> tuple[Rule, ...]:
        """Return the rules that are on, some of them for their graver findings only, in the order of their codes."""
        enabled, graver = _codes_of(self)
        return tuple(rule for rule in all_rules() if rule.code in enabled | graver)

    @property
    def whole(self) -> frozenset[str]:
        """The codes of the rules that are on for all of their findings."""
        return _codes_of(self)[0]

    def keeps(self, found: Diagnostic) -> bool:
        """Say whether a finding of a rule that is on counts."""
        return found.severity is not Severity.INFO or found.code in self.whole


@functools.lru_cache(maxsize=256)
def _codes_of(selection: Selection) -> tuple[frozenset[str], frozenset[str]]:
    """Return the codes of the rules that are on, and of those that are on for findings graver than the rule itself."""
    pedantic = any(layer.pedantic for layer in selection.layers)
    enabled = {rule.code for rule in all_rules() if pedantic or rule.severity is not Severity.INFO}
    graver = {rule.code for rule in all_rules() if rule.graver is not None} - enabled
    for layer in selection.layers:
        if layer.select is not None:
            enabled.clear()
            graver.clear()
        verdicts = [(selector, True) for selector in (*(layer.select or ()), *layer.extend_select)]
        verdicts += [(selector, False) for selector in layer.ignore]
        # A stable sort: of two selectors of one length the later, that is the one to ignore, has the last word.
        for selector, on in sorted(verdicts, key=lambda verdict: _specificity(verdict[0])):
            codes = {rule.code for rule in all_rules() if _selects(selector, rule)}
            enabled = enabled | codes if on else enabled - codes
            graver -= codes
    return frozenset(enabled), frozenset(graver)


def check_selector(selector: str) -> None:
    """Raise `UnknownSelector`, with a suggestion if there is one, unless the selector matches a rule."""
    if any(_selects(selector, rule) for rule in all_rules()):
        return
    known = {key.casefold(): key for rule in all_rules() for key in (rule.code, rule.name)}
    close = difflib.get_close_matches(selector.casefold(), known, n=1, cutoff=0.7)
    hint = f" (did you mean {known[close[0]]}?)" if close else " (`wbsignal-lint rule` lists them)"
    raise UnknownSelector(f"no rule has the code, prefix or name {selector!r}{hint}")


def _selects(selector: str, rule: Rule) -> bool:
    upper = selector.upper()
    if upper == _ALL or selector.casefold() == rule.name.casefold():
        return True
    return _PREFIX.fullmatch(upper) is not None and rule.code.startswith(upper)


def _specificity(selector: str) -> int:
    upper = selector.upper()
    if upper == _ALL:
        return 0
    return len(upper) if _PREFIX.fullmatch(upper) else len("WBS999")
