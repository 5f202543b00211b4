"""What every rule is made of."""

from __future__ import annotations

import abc
import inspect
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from wbsignal_lint.contract import kept_offline
from wbsignal_lint.diagnostics import Applicability, Confidence, Diagnostic, Fix, Related, Severity, Span

if TYPE_CHECKING:
    from wbsignal_lint.launch.facts import LaunchFile
    from wbsignal_lint.script.facts import Script

__all__ = ["LaunchRule", "Rule", "ScriptRule", "url_of"]

DOCS = "https://github.com/wbsignal-lint/wbsignal-lint/blob/main/docs/rules"


def url_of(name: str) -> str:
    """Return the address of a rule's documentation."""
    return f"{DOCS}/{name}.md"


class Rule(abc.ABC):
    """A question to the facts of one file.

    A subclass is one file in ``rules/``, named as the rule; being there registers it. Its docstring is its
    documentation: a summary line, then the sections ``What it finds``, ``Why it matters``, ``Example`` (with ``Bad``
    and ``Good`` code), ``Fix`` and ``Leaves alone``.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    severity: ClassVar[Severity]
    graver: ClassVar[Severity | None] = None
    """The severity of those findings that are worse than usual, if the rule tells them apart."""
    confidence: ClassVar[Confidence] = Confidence.HIGH
    fixes: ClassVar[tuple[Applicability, ...]] = ()
    """The kinds of fix it can offer, the usual one first; the fixtures hold it to that."""

    @property
    def url(self) -> str:
        """The address of the rule's documentation."""
        return url_of(self.name)

    @classmethod
    def severities(cls) -> str:
        """Say in words how grave its findings are: ``warning``, ``info or warning``."""
        return " or ".join(severity.value for severity in (cls.severity, cls.graver) if severity is not None)

    @classmethod
    def fix_kinds(cls) -> str:
        """Say in words which fixes it offers: ``safe``, ``safe or unsafe``, ``unsafe``, ``none``."""
        return " or ".join(kind.value for kind in cls.fixes) or "none"

    @classmethod
    def documentation(cls) -> str:
        """Return the rule's docstring, without indentation."""
        return inspect.cleandoc(cls.__doc__ or "")

    @classmethod
    def summary(cls) -> str:
        """Return the first line of the docstring."""
        return cls.documentation().split("\n", 1)[0]

    @classmethod
    def examples(cls) -> list[tuple[str, str, str]]:
        """Return the docstring's code blocks as ``(kind, language, code)``, kind being ``Bad`` or ``Good``."""
        pattern = re.compile(r"^(Bad|Good)[^\n]*:\n+```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
        return [(match[1], match[2], match[3]) for match in pattern.finditer(cls.documentation())]

    def at(
        self,
        span: Span,
        message: str,
        *,
        outcome: str = "",
        fix: Fix | None = None,
        related: tuple[Related, ...] = (),
        scope: Span | None = None,
        graver: bool = False,
    ) -> Diagnostic:
        """Make a diagnostic of this rule at ``span``; ``graver`` gives it the rule's second severity."""
        return Diagnostic(
            self.code,
            self.name,
            self.graver if graver and self.graver is not None else self.severity,
            message,
            span,
            outcome,
            fix,
            related,
            self.url,
            scope,
            self.confidence,
        )


class ScriptRule(Rule):
    """A rule over a Python training script."""

    @abc.abstractmethod
    def check(self, script: Script) -> Iterator[Diagnostic]:
        """Yield what this rule finds in a script."""


class LaunchRule(Rule):
    """A rule over a file that launches runs: shell scripts and whatever else holds shell."""

    @abc.abstractmethod
    def check(self, launch: LaunchFile) -> Iterator[Diagnostic]:
        """Yield what this rule finds in a launch file, as if its runs were online."""

    def find(self, launch: LaunchFile) -> Iterator[Diagnostic]:
        """Yield what this rule finds in a launch file."""
        for found in self.check(launch):
            is_offline = launch.is_offline(found.span if found.scope is None else found.scope)
            yield replace(found, outcome=kept_offline(found.outcome)) if is_offline else found
