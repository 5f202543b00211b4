"""Fixes by which a script leaves as it should: a handler that goes on, what reads its flag, a finish() on the way."""

from __future__ import annotations

import ast

from wbsignal_lint.diagnostics import Applicability, Edit, Fix, Span
from wbsignal_lint.script.facts import Handler, Script
from wbsignal_lint.script.repair import exit_code, module_name

__all__ = ["finish_with_failure", "leave_at_end", "leave_in"]


def leave_at_end(script: Script, handler: Handler) -> Fix | None:
    """Return the fix that has a handler leave by 128 + signum at its end; ``None`` if it ends in several places."""
    node = handler.function.node
    if id(node) in script.shared_functions:
        return None
    reference = module_name(script, "sys")
    code = f"128 + {handler.parameter}" if handler.parameter else exit_code(script, None, handler)
    line = f"{reference.name}.exit({code})"
    if isinstance(node, ast.Lambda):
        edit = Edit(script.span(node.body), f"({script.source(node.body)}, {line})")
        return Fix(f"Leave by {line}", (*reference.edits, edit))
    returns = [child for child in ast.walk(node) if isinstance(child, ast.Return)]
    last = node.body[-1]
    if any(child is not last for child in returns):
        return None
    span = script.span(last)
    edit = Edit(span, line) if isinstance(last, ast.Return) else script.editor.insert_after(span, [line])
    return Fix(f"Leave by {line}", (*reference.edits, edit))


def leave_in(script: Script, row: str, reader: ast.If | ast.While) -> Fix | None:
    """Return the unsafe fix that leaves where a flag of a handler is read, in the place of a ``break`` or ``return``.

    Args:
        script: the facts.
        row: the name of the signal whose handler sets the flag.
        reader: what reads it.
    """
    last = reader.body[-1]
    leaves = isinstance(last, ast.Break) or (isinstance(last, ast.Return) and last.value is None)
    if not isinstance(reader, ast.If) or not leaves or not script.editor.is_alone(script.span(last)):
        return None
    handlers = [handler for handler in script.preemption_handlers if row in handler.signal_names]
    code = exit_code(script, None, handlers[0])
    reference = module_name(script, "sys")
    line = f"{reference.name}.exit({code})"
    return Fix(f"Leave by {line}", (*reference.edits, Edit(script.span(last), line)), Applicability.UNSAFE)


def finish_with_failure(script: Script, node: ast.Call) -> Fix | None:
    """Return the unsafe fix for a ``finish()`` that failures lead to: none at exit, and with 1 in a ``finally``."""
    statement = script.statement(node)
    if not isinstance(statement, ast.Expr) or statement.value is not node:
        return None
    span = script.span(statement)
    if isinstance(node.func, ast.Attribute) and node.func.attr == "register":  # atexit.register(run.finish)
        removal = script.editor.remove_statement(span)
        return Fix("Let W&B finish the run at exit", removal.edits, Applicability.UNSAFE)
    block = script.parents.get(id(statement))
    if not isinstance(block, ast.Try) or block.finalbody != [statement] or block.handlers or node.args or node.keywords:
        return None
    inner, outer = script.editor.indentation(span), script.editor.indentation(script.span(block))
    newline = script.editor.newline
    start = script.text.rindex("finally", 0, span.start)
    call = f"{script.source(node.func)}("
    handler = f"except BaseException:{newline}{inner}{call}exit_code=1){newline}{inner}raise{newline}{outer}{call})"
    return Fix("Finish with 1 on a failure", (Edit(Span(start, span.end), handler),), Applicability.UNSAFE)
