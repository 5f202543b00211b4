"""What is said of files that this Python can't read."""

from __future__ import annotations

import sys

import pytest

from wbsignal_lint.reading import Unreadable, parse_python

NEWER = [
    "def first[T](items: list[T]) -> T:\n    return items[0]\n",
    "class Box[T]:\n    pass\n",
    "type Pair = tuple[int, int]\n",
]


@pytest.mark.parametrize("source", NEWER)
def test_syntax_of_a_newer_python_is_called_that(source: str) -> None:
    said = ""
    try:
        parse_python(source)
    except Unreadable as error:
        said = error.message

    assert ("Python 3.12 or newer" in said) == (sys.version_info < (3, 12))


def test_a_plain_mistake_is_not_called_new_syntax() -> None:
    with pytest.raises(Unreadable) as caught:
        parse_python("def first(items:\n    return items[0]\n")

    assert "newer" not in caught.value.message
