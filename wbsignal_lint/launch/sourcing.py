"""The files of the project that a shell script sources: their text takes the place of the command, as in the shell.

What they set then holds for the script: traps, functions, variables, options. What stands in them has the place of the
command that sources them; a finding there belongs to the other file, which is linted on its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from wbsignal_lint.diagnostics import Diagnostic, Span
from wbsignal_lint.launch.mapped import MappedText
from wbsignal_lint.launch.shell import parse_shell
from wbsignal_lint.launch.shell_text import ShellCommand
from wbsignal_lint.launch.syntax import count_errors

__all__ = ["in_this_file", "with_sourced"]

_MAX_FILES = 8
_MAX_SIZE = 50_000
# `source "$(dirname "$0")/traps.sh"`, `. ${BASH_SOURCE%/*}/traps.sh`, `source "$SCRIPT_DIR/traps.sh"`. What stands in
# `$HOME/traps.sh` is another file than the project's.
_OWN_FOLDER = re.compile(
    r"(?:\$\([^()]*(?:\([^()]*\)[^()]*)*\)|\$\{(?:BASH_SOURCE|0)[^{}]*\}"
    r"|\$\{?(?:\w*(?:DIR|HERE|ROOT|FOLDER)|PWD)\}?)/",
    re.IGNORECASE,
)


def with_sourced(source: MappedText, text_of: Callable[[str], str | None]) -> tuple[MappedText, tuple[Span, ...]]:
    """Put the files that a script sources into its text.

    Args:
        source: the script.
        text_of: returns the text of a file as a script names it; ``None`` if there is none.

    Returns:
        The whole text, and the commands that a file has taken the place of.
    """
    places: list[Span] = []
    known: set[str] = set()
    while len(known) < _MAX_FILES:
        for command in parse_shell(source).commands:
            name = _sourced_by(command)
            if name is None or name in known:
                continue
            known.add(name)
            text = text_of(name)
            end = command.position + len(command.whole)
            whole = source[command.position : end]
            if text is None or len(text) > _MAX_SIZE or whole.text != command.whole.text or count_errors(text):
                continue
            # In braces it is one command still: `[ -f traps.sh ] && source traps.sh || exit 1`.
            put = whole.as_one(f"{{ :\n{text}\n}}")
            source = MappedText.joined([source[: command.position], put, source[end:]])
            places.append(whole.span)
            break
        else:
            break
    return source, tuple(places)


def _sourced_by(command: ShellCommand) -> str | None:
    """Return the file that a command sources, if it is one that the file tells; arguments would change what it does."""
    if len(command.words) != 2 or command.words[0].text not in ("source", "."):
        return None
    name = _OWN_FOLDER.sub("", command.words[1].text.replace('"', "").replace("'", ""), count=1)
    return None if not name or re.search(r"[$`*?\s]", name) else name


def in_this_file(found: list[Diagnostic], sourced: tuple[Span, ...]) -> list[Diagnostic]:
    """Leave out what belongs to a sourced file, and the fixes that would have to change it."""

    def is_elsewhere(span: Span) -> bool:
        return any(place.start <= span.start and span.end <= place.end for place in sourced)

    def touches(span: Span) -> bool:
        return any(span.start <= place.end and place.start <= span.end for place in sourced)

    kept: list[Diagnostic] = []
    for item in found:
        if is_elsewhere(item.span):
            continue
        if item.fix is not None and any(touches(edit.span) for edit in item.fix.edits):
            item = replace(item, fix=None)
        kept.append(item)
    return kept
