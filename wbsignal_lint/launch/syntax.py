"""Two questions to the bare syntax of a shell text: where are its comments, and how much of it is no shell."""

from __future__ import annotations

import re
from collections.abc import Iterator

import tree_sitter_bash
from tree_sitter import Language, Node, Parser

__all__ = ["comment_spans", "count_errors"]

# With every other character replaced by an ASCII letter, the grammar's byte offsets are character offsets.
_NOT_ASCII = re.compile(r"[^\x01-\x7f]")


def comment_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield the character offsets of the comments, in order; what stands in strings and here-documents is none."""
    for node in _nodes(text):
        if node.type == "comment":
            yield node.start_byte, node.end_byte


def count_errors(text: str) -> int:
    """Return how many pieces of the text the grammar could not read, or had to make up."""
    return sum(node.is_error or node.is_missing for node in _nodes(text))


def _nodes(text: str) -> Iterator[Node]:
    parser = Parser(Language(tree_sitter_bash.language()))
    cursor = parser.parse(_NOT_ASCII.sub("x", text).encode("ascii")).walk()
    while True:
        if cursor.node is not None:
            yield cursor.node
        if cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return
