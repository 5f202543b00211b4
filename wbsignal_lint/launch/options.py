"""The options that a program is called with, in any of the styles that trainings take them: ``--lr 1``, ``lr=1`` …"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from wbsignal_lint.launch.facts import Word

__all__ = ["Option", "may_hold_more", "options_in"]

_ON = frozenset({"true", "1", "yes", "on"})


@dataclass(frozen=True)
class Option:
    """One option of a call."""

    name: str
    """In lower case, without dashes in front, with dashes for underscores: ``use-wandb``, ``wandb.mode``."""
    value: str
    """In lower case; ``""`` without one."""
    is_dashed: bool
    """``--name``, which needs no value, and not ``name=value``."""

    @property
    def is_switched_on(self) -> bool:
        """Whether it says yes: ``--name``, ``--name True``, ``name=1``."""
        return self.value in _ON or (self.is_dashed and not self.value)


def options_in(words: Sequence[Word]) -> Iterator[Option]:
    """Yield the options among the words of a call."""
    for word, following in zip(words, (*words[1:], None), strict=True):
        name, equals, value = word.pattern.partition("=")
        is_dashed = name.startswith("-")
        if is_dashed and not equals and following is not None and not following.pattern.startswith("-"):
            value = following.pattern
        if is_dashed or equals:
            yield Option(name.lstrip("+-").replace("_", "-").lower(), value.strip("\"'").lower(), is_dashed)


def may_hold_more(words: Sequence[Word]) -> bool:
    """Whether there may be options that the file does not tell: ``"$@"``."""
    return any(
        word.is_opaque and not word.pattern.startswith("-") and not before.pattern.startswith("-")
        for before, word in pairwise(words)
    )
