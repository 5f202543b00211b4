"""Moving a statement in front of another one: which statements would have to go, and whether that is safe."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from wbsignal_lint.diagnostics import Applicability, Fix
from wbsignal_lint.script.facts import Registration, Script
from wbsignal_lint.script.scopes import Scope, own_nodes
from wbsignal_lint.script.state import Training

__all__ = ["late_statement", "move_before_init", "move_before_start", "move_before_training"]

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class _Place:
    """A statement and the block that it stands in."""

    statement: ast.stmt
    block: list[ast.stmt]


def move_before_training(script: Script, registration: Registration, training: Training) -> Fix | None:
    """Build the fix that moves a late registration in front of the training.

    Safe when everything that the moved statement names is defined before; unsafe when the handler's definition has to
    move along; ``None`` where no move keeps the meaning.
    """
    found = _common_frame(script, registration, training)
    if found is None:
        return None
    late, early = found
    moved = _whole_registration(script, late, registration)
    inside = moved is not early and any(parent is early for parent in script.ancestors(moved))
    if inside:
        leftover = _emptied(script, moved, early)
    else:
        common = _common_block(script, moved, early)
        if common is None:
            return None
        moved, early = common
        if not _only_registers(script, moved, registration):
            return None
        leftover = moved
    plan = _plan(script, moved, early, registration)
    if plan is None:
        return None
    spans = [script.span(statement) for statement in plan]
    removal = script.editor.move_before(spans, script.span(early))
    if removal is None:
        return None
    edits = removal.edits
    if leftover is not moved:
        edits = (edits[0], *script.editor.remove_statement(script.span(leftover)).edits)
    safe = len(plan) == 1 and not _uses_later_names(script, registration, early)
    what = (
        "the training loop" if isinstance(training.node, (ast.For, ast.AsyncFor, ast.While)) else "the training starts"
    )
    return Fix(f"Register the handler before {what}", edits, Applicability.SAFE if safe else Applicability.UNSAFE)


def late_statement(script: Script, registration: Registration, training: Training) -> ast.stmt | None:
    """Return the statement that comes too late, where it is in another file than the registration that it leads to."""
    found = _common_frame(script, registration, training)
    owner = script.layout.owner
    return found[0] if found is not None and owner(found[0]) is not owner(registration.node) else None


def move_before_init(script: Script, statement: ast.stmt) -> Fix | None:
    """Build the safe fix that moves a statement in front of the ``wandb.init()`` that stands above it in its block.

    ``None`` if there is none, or if the statement needs what is defined only after it.
    """
    here = _place(script, statement)
    if here is None:
        return None
    above = here.block[: next(number for number, child in enumerate(here.block) if child is statement)]
    opened = {id(script.statement(init.node)) for init in script.inits}
    init = next((child for child in reversed(above) if id(child) in opened), None)
    if init is None:
        return None
    start = script.offset(init, end=False)
    for name in _names_needed_now(statement):
        if any(script.offset(binding, end=False) >= start for binding in _bindings(script, name, init)):
            return None
    removal = script.editor.move_before([script.span(statement)], script.span(init))
    return None if removal is None else Fix("Do it before wandb.init()", removal.edits)


def move_before_start(script: Script, registration: Registration, starter: ast.Call) -> Fix | None:
    """Build the unsafe fix that moves a registration out of a thread's function, before the call that starts it.

    ``None`` if it uses anything but names of the module that are defined above the call.
    """
    start = script.statement(starter)
    moved = _whole_registration(script, script.statement(registration.node), registration)
    function = script.function_of(moved)
    if function is None or isinstance(function, ast.Lambda) or not script.is_here(start) or not script.is_here(moved):
        return None
    if not isinstance(moved, (ast.Expr, ast.For)) or not isinstance(script.parents[id(moved)], (_Function, ast.With)):
        return None
    here = script.function_of(start)
    scopes = [Scope(function), *([Scope(here)] if here is not None else [])]
    for name in _names_read(moved):
        if any(name in scope.locals for scope in scopes):
            return None
        bindings = _bindings(script, name, script.tree.body[0])
        first = min((script.offset(binding, end=False) for binding in bindings), default=0)
        if here is None and first >= script.offset(start, end=False):
            return None
    removal = script.editor.move_before([script.span(moved)], script.span(start))
    what = "wandb.agent()" if starter.func and script.source(starter.func).endswith("agent") else "the thread starts"
    return None if removal is None else Fix(f"Register the handler before {what}", removal.edits, Applicability.UNSAFE)


def _names_read(statement: ast.stmt) -> set[str]:
    """Return the names that a statement reads, in lambdas too, and neither binds nor takes as a parameter."""
    nodes = list(ast.walk(statement))
    bound = {node.arg for node in nodes if isinstance(node, ast.arg)}
    bound |= {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    return {node.id for node in nodes if isinstance(node, ast.Name)} - bound


def _common_frame(script: Script, registration: Registration, training: Training) -> tuple[ast.stmt, ast.stmt] | None:
    """Return the two statements of the innermost function that both trails pass through, the later one first."""
    for late, early in zip(registration.trail, training.trail, strict=False):
        loop = training.node
        same = script.function_of(early) is script.function_of(late)
        if not same:
            return None
        if isinstance(loop, ast.stmt) and (loop is early or any(parent is loop for parent in script.ancestors(early))):
            if any(parent is loop for parent in script.ancestors(late)) and late is early:
                return None
            return late, loop
        if late is not early:
            return late, early
    return None


def _whole_registration(script: Script, statement: ast.stmt, registration: Registration) -> ast.stmt:
    """Return the loop over signals, if a registration is all that its body does, else the statement."""
    parent = script.parents.get(id(statement))
    by_loop = any(use.node not in registration.node.args for use in registration.uses)
    if isinstance(parent, ast.For) and by_loop and len(parent.body) == 1 and not parent.orelse:
        return parent
    return statement


def _place(script: Script, statement: ast.stmt) -> _Place | None:
    parent = script.parents.get(id(statement))
    for block in _blocks(parent):
        if any(child is statement for child in block):
            return _Place(statement, block)
    return None


def _blocks(node: ast.AST | None) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list):
            yield block


def _common_block(script: Script, late: ast.stmt, early: ast.stmt) -> tuple[ast.stmt, ast.stmt] | None:
    """Return the ancestors of two statements that stand in one block, the later one first."""
    around_early = [_place(script, node) for node in (early, *script.ancestors(early)) if isinstance(node, ast.stmt)]
    for node in (late, *script.ancestors(late)):
        if not isinstance(node, ast.stmt):
            continue
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return None
        here = _place(script, node)
        for other in around_early:
            if here is not None and other is not None and here.block is other.block:
                return (node, other.statement) if node is not other.statement else None
    return None


def _emptied(script: Script, moved: ast.stmt, loop: ast.stmt) -> ast.stmt:
    """Return what is left without a purpose once ``moved`` is gone: the guard that held nothing else."""
    leftover = moved
    while True:
        parent = script.parents.get(id(leftover))
        if not isinstance(parent, ast.If) or parent is loop or parent.orelse or len(parent.body) > 1:
            return leftover
        outer = script.parents.get(id(parent))
        if isinstance(outer, ast.If) and any(child is parent for child in outer.orelse):
            return leftover
        if any(isinstance(child, (ast.Call, ast.NamedExpr, ast.Await)) for child in ast.walk(parent.test)):
            return leftover
        leftover = parent


def _only_registers(script: Script, statement: ast.stmt, registration: Registration) -> bool:
    """Say whether a statement does nothing but register handlers, through a local function too."""
    if isinstance(statement, (ast.If, ast.For, ast.With, ast.Try)):
        if isinstance(statement, ast.Try) and (statement.handlers or statement.finalbody):
            return False
        return all(_only_registers(script, child, registration) for block in _blocks(statement) for child in block)
    if isinstance(statement, (ast.Pass, ast.Import, ast.ImportFrom, ast.FunctionDef, ast.Global, ast.Nonlocal)):
        return True
    if not isinstance(statement, (ast.Expr, ast.Assign)):
        return False
    calls = [node for node in ast.walk(statement.value) if isinstance(node, ast.Call)]
    known = {id(found.node) for found in script.registrations}
    if any(id(call) in known for call in calls):
        return True
    if isinstance(statement.value, ast.Constant):
        return True
    called = _called_function(script, statement)
    return called is not None and all(_only_registers(script, child, registration) for child in called.body)


def _called_function(script: Script, statement: ast.stmt) -> _Function | None:
    """Return the function of the script that a statement consisting of one call calls."""
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
        return None
    function = statement.value.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    found = [
        node
        for tree in script.trees
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name
    ]
    return found[0] if len(found) == 1 else None


def _plan(script: Script, moved: ast.stmt, early: ast.stmt, registration: Registration) -> list[ast.stmt] | None:
    """Return the statements that have to move, in order: the definitions that the registration needs, then itself."""
    start = script.offset(early, end=False)
    definitions: list[ast.stmt] = []
    for name in sorted(_names_needed_now(moved)):
        bindings = _bindings(script, name, early)
        if not bindings or all(script.offset(node, end=False) < start for node in bindings):
            continue
        if len(bindings) > 1 or not isinstance(bindings[0], (ast.FunctionDef, ast.AsyncFunctionDef)):
            return None
        place = _place(script, bindings[0])
        if place is None or not any(child is early for child in place.block):
            return None
        definitions.append(bindings[0])
    definitions.sort(key=lambda node: script.offset(node, end=False))
    return [*definitions, moved]


def _names_needed_now(statement: ast.stmt) -> set[str]:
    """Return the names that a statement reads when it is executed; what a lambda reads is needed later."""
    bound = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    read = {node.id for node in own_nodes([statement]) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    return read - bound


def _bindings(script: Script, name: str, near: ast.stmt) -> list[ast.stmt]:
    """Return the statements that bind a name in the scope of ``near``."""
    function = script.function_of(near)
    body: list[ast.stmt] = script.tree.body if function is None or isinstance(function, ast.Lambda) else function.body
    found: list[ast.stmt] = []
    for node in own_nodes(body):
        binds = (
            (isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store))
            or (isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node.name == name)
            or (
                isinstance(node, (ast.Import, ast.ImportFrom))
                and any((alias.asname or alias.name.split(".")[0]) == name for alias in node.names)
            )
        )
        if binds:
            found.append(script.statement(node))
    return found


def _uses_later_names(script: Script, registration: Registration, early: ast.stmt) -> bool:
    """Say whether the handler reads a name that its scope binds only after the training has begun."""
    if registration.handler is None:
        return True
    node = registration.handler.function.node
    if script.layout.owner(node) is not script.layout.owner(early):
        return False
    start = script.offset(early, end=False)
    names = {child.id for child in ast.walk(node) if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Load)}
    for name in names - Scope(node).locals:
        bindings = _bindings(script, name, early)
        if bindings and all(script.offset(binding, end=False) >= start for binding in bindings):
            return True
    return False
