"""The comments of a source: the real ones, not what looks like one inside a string."""

from __future__ import annotations

import io
import tokenize
from collections.abc import Iterator
from typing import NamedTuple

from wbsignal_lint.diagnostics import LineIndex

__all__ = ["Comment", "python_comments", "shell_comments"]


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


def shell_comments(text: str) -> Iterator[Comment]:
    """Yield the comments of shell source."""
    from wbsignal_lint.launch.syntax import comment_spans

    lines = LineIndex(text)
    for start, end in comment_spans(text):
        row = lines.position(start).row
        yield Comment(row, text[start:end].rstrip(), not text[lines.line_start(row) : start].strip())
