"""Structural edits of Python: nothing but what is meant changes."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbsignal_lint.diagnostics import Edit, Fix, Span
from wbsignal_lint.edits import apply, overlap, select
from wbsignal_lint.edits.python import PythonEditor


def span_of(text: str, part: str) -> Span:
    start = text.index(part)
    return Span(start, start + len(part))


@pytest.mark.parametrize(
    ("before", "part", "after", "loses_comment"),
    [
        ("a()\nb()\nc()\n", "b()", "a()\nc()\n", False),
        ("if x:\n    b()\n", "b()", "if x:\n    pass\n", False),
        ("a(); b(); c()\n", "b()", "a(); c()\n", False),
        ("a(); b()\n", "b()", "a()\n", False),
        ("if x: a(); b()\n", "a()", "if x: b()\n", False),
        ("if x: b()\n", "b()", "if x: pass\n", False),
        ("a()\n\nb()\n\nc()\n", "b()", "a()\n\nc()\n", False),
        ("# why\nb()\nc()\n", "b()", "# why\nc()\n", False),
        ("a()\nb()  # why\nc()\n", "b()", "a()\nc()\n", True),
        ("a()\nb('#')\nc()\n", "b('#')", "a()\nc()\n", False),
        ("a()\r\nb()\r\nc()\r\n", "b()", "a()\r\nc()\r\n", False),
        ("a()\nb()", "b()", "a()\n", False),
    ],
)
def test_remove_statement(before: str, part: str, after: str, loses_comment: bool) -> None:
    removal = PythonEditor(before).remove_statement(span_of(before, part))

    assert apply(before, removal.edits) == after
    assert removal.loses_comment == loses_comment


@pytest.mark.parametrize(
    ("before", "part", "after"),
    [
        ("a()\nb()\n", "b()", "a()\nx()\nb()\n"),
        ("def f():\n\tb()\n", "b()", "def f():\n\tx()\n\tb()\n"),
        ("# about b\nb()\n", "b()", "x()\n# about b\nb()\n"),
        ("a()\r\nb()\r\n", "b()", "a()\r\nx()\r\nb()\r\n"),
        ("@d\ndef f(): pass\n", "def f(): pass", "x()\n@d\ndef f(): pass\n"),
    ],
)
def test_insert_before(before: str, part: str, after: str) -> None:
    assert apply(before, [PythonEditor(before).insert_before(span_of(before, part), ["x()"])]) == after


@pytest.mark.parametrize(
    ("before", "part", "after"),
    [
        ("def f():\n    a()\n", "a()", "def f():\n    a()\n    x()\n"),
        ("def f(): a()\n", "a()", "def f(): a(); x()\n"),
        ("def f():\n    a()", "a()", "def f():\n    a()\n    x()"),
        ("def f():\n    a()  # why\nb()\n", "a()", "def f():\n    a()  # why\n    x()\nb()\n"),
        ("def f():\r\n    a()\r\n", "a()", "def f():\r\n    a()\r\n    x()\r\n"),
        ("def f():\n    if y:\n        a()\n", "if y:\n        a()", "def f():\n    if y:\n        a()\n    x()\n"),
    ],
)
def test_insert_after(before: str, part: str, after: str) -> None:
    assert apply(before, [PythonEditor(before).insert_after(span_of(before, part), ["x()"])]) == after


@pytest.mark.parametrize(
    ("before", "element", "after"),
    [
        ("t = (A, B, C)\n", "B", "t = (A, C)\n"),
        ("t = (A, B)\n", "B", "t = (A,)\n"),
        ("t = (A, B)\n", "A", "t = (B,)\n"),
        ("t = [A, B]\n", "A", "t = [B]\n"),
        ("t = {A, B}\n", "B", "t = {A}\n"),
        ("t = {A: 1, B: 2}\n", "A", "t = {B: 2}\n"),
        ("t = A, B, C\n", "B", "t = A, C\n"),
        ("t = (\n    A,\n    B,\n    C,\n)\n", "B", "t = (\n    A,\n    C,\n)\n"),
        ("t = (\n    A,\n    B,\n    C,\n)\n", "C", "t = (\n    A,\n    B,\n)\n"),
    ],
)
def test_remove_element(before: str, element: str, after: str) -> None:
    statement = span_of(before, before.rstrip("\n"))
    removal = PythonEditor(before).remove_element(statement, span_of(before, element))

    assert removal is not None
    assert apply(before, removal.edits) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import os\nimport time\n", "import os\nimport sys\nimport time\n"),
        ("import os\n\nimport wandb\n", "import os\nimport sys\n\nimport wandb\n"),
        ('"""Doc."""\nfrom __future__ import annotations\n\nx = 1\n', None),
        ('"""Doc."""\nx = 1\n', None),
        ("#!/usr/bin/env python\n# coding: utf-8\nx = 1\n", None),
        ("from a import b\nx = 1\n", "from a import b\nimport sys\nx = 1\n"),
        ("import wandb\r\n", "import sys\r\nimport wandb\r\n"),
        ("x = 1\n", "import sys\nx = 1\n"),
    ],
)
def test_add_import(before: str, after: str | None) -> None:
    changed = apply(before, [PythonEditor(before).add_import("sys")])

    assert after is None or changed == after
    body = ast.parse(changed).body
    position = next(number for number, node in enumerate(body) if isinstance(node, ast.Import))
    # A docstring and __future__ imports have to stay in front, everything else may come behind.
    front = [node for node in body[:position] if isinstance(node, (ast.Import, ast.ImportFrom, ast.Expr))]
    assert front == body[:position]
    assert changed.startswith("#!") == before.startswith("#!")


def test_move_before_keeps_definition_comments_and_gaps() -> None:
    before = "loop()\n\n\n# stops\n@d\ndef h(): pass\n\n\nregister(h)\n\ndone()\n"
    removal = PythonEditor(before).move_before(
        [span_of(before, "def h(): pass"), span_of(before, "register(h)")], span_of(before, "loop()")
    )

    assert removal is not None
    assert apply(before, removal.edits) == "# stops\n@d\ndef h(): pass\n\n\nregister(h)\nloop()\n\n\ndone()\n"


def test_statements_that_share_a_line_or_hold_long_strings_do_not_move() -> None:
    shared = 'loop()\na(); b()\ns = """x\ny"""\n'
    editor = PythonEditor(shared)

    assert editor.move_before([span_of(shared, "b()")], span_of(shared, "loop()")) is None
    assert editor.move_before([span_of(shared, 's = """x\ny"""')], span_of(shared, "loop()")) is None


@st.composite
def texts_with_edits(draw: st.DrawFn) -> tuple[str, list[Edit]]:
    text = draw(st.text(max_size=40))
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8, unique=True)))
    pairs = list(zip(places[::2], places[1::2], strict=False))
    return text, [Edit(Span(start, end), draw(st.text(max_size=3))) for start, end in pairs]


@given(texts_with_edits())
def test_apply_changes_exactly_the_spans(case: tuple[str, list[Edit]]) -> None:
    text, edits = case
    changed, position, expected = apply(text, edits), 0, ""
    for edit in edits:
        expected += text[position : edit.span.start] + edit.content
        position = edit.span.end

    assert changed == expected + text[position:]


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 5)), max_size=8))
def test_selected_fixes_never_overlap(spans: list[tuple[int, int]]) -> None:
    fixes = [Fix(str(number), (Edit(Span(start, start + size), "x"),)) for number, (start, size) in enumerate(spans)]
    chosen = select(fixes)
    edits = [edit for fix in chosen for edit in fix.edits]

    assert not any(overlap(one, other) for one in edits for other in edits if one is not other and one != other)
    assert not fixes or chosen[0] is fixes[0]


def test_two_fixes_may_share_an_import() -> None:
    shared = Edit(Span(0, 0), "import sys\n")
    one, other = Fix("a", (shared, Edit(Span(5, 6), "x"))), Fix("b", (shared, Edit(Span(8, 9), "y")))

    assert select([one, other]) == [one, other]


def test_overlapping_edits_are_refused() -> None:
    with pytest.raises(ValueError, match="overlap"):
        apply("abc", [Edit(Span(0, 2), "x"), Edit(Span(1, 3), "y")])
