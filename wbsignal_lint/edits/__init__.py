"""Text edits: `apply` puts them into a text; `wbsignal_lint.edits.python` builds them for Python source."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wbsignal_lint.diagnostics import Edit, Fix

__all__ = ["apply", "overlap", "select"]


def overlap(one: Edit, other: Edit) -> bool:
    """Say whether two edits touch the same characters, or insert at the same place."""
    first, second = sorted((one.span, other.span))
    if first.start == second.start:
        return True
    return second.start < first.end


def apply(text: str, edits: Iterable[Edit]) -> str:
    """Return ``text`` with all edits applied, back to front.

    Raises:
        ValueError: if two edits overlap.
    """
    end = len(text) + 1
    for edit in sorted(edits, key=lambda item: (item.span.start, item.span.end), reverse=True):
        if edit.span.end > end or edit.span.start > edit.span.end:
            raise ValueError(f"edits overlap at offset {edit.span.start}")
        text = text[: edit.span.start] + edit.content + text[edit.span.end :]
        end = edit.span.start
    return text


def select(fixes: Sequence[Fix]) -> list[Fix]:
    """Return the fixes that can be applied together; those that overlap an earlier one wait for the next pass.

    Two fixes may share an edit that is the same in both, such as an added import.
    """
    chosen: list[Fix] = []
    taken: list[Edit] = []
    for fix in fixes:
        fresh = [edit for edit in fix.edits if edit not in taken]
        if not any(overlap(edit, other) for edit in fresh for other in taken):
            chosen.append(fix)
            taken += fresh
    return chosen
