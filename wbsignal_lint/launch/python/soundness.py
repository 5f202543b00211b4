"""Does a fix of a launch rule leave Python that launches what it launched before, mended?"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import replace

from wbsignal_lint import edits
from wbsignal_lint.diagnostics import Diagnostic
from wbsignal_lint.launch.hosts.parts import Arguments, Hosted, ShellPart
from wbsignal_lint.launch.python.calls import Calls
from wbsignal_lint.launch.python.literals import Source
from wbsignal_lint.launch.syntax import count_errors

__all__ = ["with_sound_fixes"]


def with_sound_fixes(diagnostics: Iterable[Diagnostic], text: str) -> Iterator[Diagnostic]:
    """Yield findings without the fixes that only hold where a shell reads the file itself.

    The rules know shell; what they would write can end a string, or put two words into one argument.
    """
    before: Hosted | None = None
    for diagnostic in diagnostics:
        if diagnostic.fix is not None:
            before = before or _launched(text)
            after = _launched(edits.apply(text, diagnostic.fix.edits))
            if before is None or after is None or not _is_as_sound(before, after):
                diagnostic = replace(diagnostic, fix=None)
        yield diagnostic


def _launched(text: str) -> Hosted | None:
    """Return what a text launches; ``None`` if it is no Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    calls = Calls(Source(text))
    calls.run(tree)
    return calls.hosted()


def _is_as_sound(before: Hosted, after: Hosted) -> bool:
    if [type(part) for part in before.parts] != [type(part) for part in after.parts]:
        return False
    for old, new in zip(before.parts, after.parts, strict=True):
        if isinstance(old, ShellPart) and isinstance(new, ShellPart):
            if count_errors(new.text.text) > count_errors(old.text.text):
                return False
        elif isinstance(old, Arguments) and isinstance(new, Arguments) and _with_blanks(new) > _with_blanks(old):
            return False
    return True


def _with_blanks(command: Arguments) -> int:
    """Return how many arguments are more than a word: texts that are run, or two words that have become one."""
    return sum(" " in argument.text.text for argument in command.arguments)
