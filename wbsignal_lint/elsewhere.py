"""What reading a script has to say about the other files of its project: the findings that stand in those."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from wbsignal_lint.diagnostics import Diagnostic, Elsewhere, Related, Span

if TYPE_CHECKING:
    from wbsignal_lint.script.facts import Handler, Script
    from wbsignal_lint.script.project import Module

__all__ = ["local", "merged", "told_elsewhere"]

_Ask = Callable[["Script", frozenset[str]], Iterable[Diagnostic]]


def local(script: Script, diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Return the findings that stand in the file in focus, with such fixes and notes only as belong to it."""
    return [_at_home(script, item) for item in diagnostics if script.layout.is_local(item.span)]


def told_elsewhere(script: Script, diagnostics: Iterable[Diagnostic], ask: _Ask) -> list[Elsewhere]:
    """Return what a script's files other than its own are to be told.

    Args:
        script: the facts of the script.
        diagnostics: what rules found in it, wherever it stands.
        ask: asks the rules with certain codes about a view of the script.
    """
    codes: dict[Module, set[str]] = {}
    for item in diagnostics:
        if not script.layout.is_local(item.span):
            codes.setdefault(script.layout.module_at(item.span.start), set()).add(item.code)
    told: list[Elsewhere] = []
    for module in script.program.modules:
        if module is script.focus or module.path is None:
            continue
        view = script.seen_from(module)
        found: list[Diagnostic] = []
        if module in codes:
            found = [_with_registration(view, item) for item in local(view, ask(view, frozenset(codes[module])))]
        covered = tuple(view.span(node) for node in module.mentions.functions if id(node) in script.executed)
        if found or covered:
            told.append(Elsewhere(module.path, tuple(found), covered))
    return told


def merged(own: Iterable[Diagnostic], others: Iterable[Elsewhere], *, is_program: bool) -> Iterator[Diagnostic]:
    """Yield the findings of a file: its own, and those of the scripts that import it, each once.

    A script that runs a function knows more of it than the file by itself: who registers it, who reads its flags. What
    the file alone finds in a function that scripts run counts only if one of them finds it, too.

    Args:
        own: what reading the file by itself found.
        others: what the scripts that import it found.
        is_program: whether the file is started by itself, too.
    """
    others = list(others)
    theirs = {(item.code, item.span): item for told in others for item in told.diagnostics}
    covered = [span for told in others for span in told.covered]
    for item in own:
        known = theirs.pop((item.code, item.span), None)
        if known is None and not is_program and any(_within(item.span, span) for span in covered):
            continue
        yield item
    yield from theirs.values()


def _within(inner: Span, outer: Span) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end


def _at_home(script: Script, item: Diagnostic) -> Diagnostic:
    layout = script.layout
    fix = item.fix if item.fix is None or layout.is_local(*(edit.span for edit in item.fix.edits)) else None
    scope = item.scope if item.scope is None or layout.is_local(item.scope) else None
    related = tuple(_placed(script, note) for note in item.related)
    return dataclasses.replace(item, fix=fix, scope=scope, related=related)


def _placed(script: Script, note: Related) -> Related:
    if script.layout.is_local(note.span):
        return note
    return Related(Span(0, 0), note.message, script.layout.place_at(note.span.start))


def _with_registration(view: Script, item: Diagnostic) -> Diagnostic:
    """Say which registration makes a function of another file a handler."""
    for handler in view.handlers:
        if handler.registrations and _runs(view, handler, item.span):
            node = handler.registrations[0].node
            signals = " and ".join(sorted(handler.signal_names))
            what = f"{handler.name} is registered for {signals} here"
            return dataclasses.replace(item, related=(*item.related, _placed(view, Related(view.span(node), what))))
    return item


def _runs(view: Script, handler: Handler, span: Span) -> bool:
    functions = (node for node in view.focus.mentions.functions if id(node) in handler.reached)
    return any(_within(span, view.span(node)) for node in functions)
