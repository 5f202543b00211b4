"""The comments of a source: the real ones, not what looks like one inside a string."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from typing import NamedTuple

from wbsignal_lint.diagnostics import LineIndex

__all__ = ["Comment", "hash_comments", "python_comments", "shell_comments"]


_NEWLINE = re.compile(r"\r\n|\r|\n")
_HASH = re.compile(r"(?:^|(?<=\s))#(?=.*noqa)", re.IGNORECASE)


class Comment(NamedTuple):
    """A comment: its 1-based row, its text from the ``#`` on, and whether it has the line to itself."""

    row: int
    text: str
    alone: bool


def python_comments(text: str) -> Iterator[Comment]:
    """Yield the comments of Python source; of source that can't be tokenized, those before the trouble."""
    # Rows stay the same, and a lone carriage return, which Python takes for a line ending, is one for tokenize too.
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                yield Comment(token.start[0], token.string, not token.line[: token.start[1]].strip())
    except (tokenize.TokenError, SyntaxError):
        return


def hash_comments(text: str) -> Iterator[Comment]:
    """Yield what can be a comment of a file that shell stands in, or of the shell: ``#`` up to the end of a line.

    A ``#`` in a string is not told from one that begins a comment: what hosts call a string differs, and ``# noqa`` is
    written for us in any case.
    """
    for row, line in enumerate(_NEWLINE.split(text), start=1):
        match = _HASH.search(line)
        if match is not None:
            yield Comment(row, line[match.end() - 1 :].rstrip(), not line[: match.end() - 1].strip())


def shell_comments(text: str) -> Iterator[Comment]:
    """Yield the comments of shell source."""
    from wbsignal_lint.launch.syntax import comment_spans

    lines = LineIndex(text)
    for start, end in comment_spans(text):
        row = lines.position(start).row
        yield Comment(row, text[start:end].rstrip(), not text[lines.line_start(row) : start].strip())
