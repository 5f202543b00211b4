"""What the fixes of several rules have in common: exit codes, module names in reach, the standard handler."""

from __future__ import annotations

import ast
import signal
from dataclasses import dataclass

from wbsignal_lint.diagnostics import Applicability, Edit, Fix, Span
from wbsignal_lint.edits.python import Removal
from wbsignal_lint.script.facts import Exit, Finish, Handler, Init, Registration, Script, SignalUse

__all__ = [
    "Reference",
    "applicability_of",
    "drop_signal",
    "exit_code",
    "exit_with_signal",
    "finish_before",
    "guard_process",
    "module_name",
    "sigterm_instead",
    "standard_handler",
    "whole_call",
]


@dataclass(frozen=True)
class Reference:
    """How a module is spelled where it is needed, and the edits that make it so."""

    name: str
    edits: tuple[Edit, ...] = ()


def module_name(script: Script, module: str) -> Reference:
    """Return the name under which a module is in reach everywhere in a script, with the import if it has none."""
    for node in _module_level(script.tree.body):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name == module:
                    return Reference(alias.asname or module)
    return Reference(module, (script.editor.add_import(module),))


def _module_level(body: list[ast.stmt]) -> list[ast.stmt]:
    found: list[ast.stmt] = []
    for node in body:
        found.append(node)
        if isinstance(node, (ast.If, ast.Try, ast.With)):
            found += _module_level(node.body)
    return found


def exit_code(script: Script, place: Exit | Finish | None, handler: Handler) -> str:
    """Return the source of ``128 + signum`` as it can be written at a place that a handler reaches.

    With the handler's own parameter where that is in reach; else with the handler's one signal (the first it is
    registered for): by its name where ``signal`` is imported, else as a number.
    """
    if place is not None and place.signum_name is not None:
        return f"128 + {place.signum_name}"
    use = handler.registrations[0].uses[0]
    reference = module_name(script, "signal")
    if len(handler.numbers) == 1 and not reference.edits:
        return f"128 + {reference.name}.{use.name}"
    return str(128 + use.number)


def applicability_of(script: Script, place: Exit | Finish) -> Applicability:
    """Return ``unsafe`` for a change to a function that ordinary code calls too, else ``safe``."""
    shared = place.function is not None and id(place.function) in script.shared_functions
    return Applicability.UNSAFE if shared else Applicability.SAFE


def drop_signal(script: Script, registration: Registration, use: SignalUse, message: str) -> Fix | None:
    """Build the fix that leaves one signal out of a registration: the statement, or the element of the tuple.

    A loop that would be left without elements goes too. ``None`` if the signal can't be taken out by itself.
    """
    statement = script.statement(registration.node)
    if use.element:
        if registration.numbers != {use.number}:
            display = script.span(script.statement(use.node))
            removal = script.editor.remove_element(display, script.span(use.node))
            return None if removal is None else _removing(message, removal)
        loop = script.parents.get(id(statement))
        if not isinstance(loop, ast.For) or len(loop.body) > 1:
            return None
        statement = loop
    elif (
        registration.numbers != {use.number}
        or not isinstance(statement, ast.Expr)
        or statement.value is not registration.node
    ):
        return None
    return _removing(message, script.editor.remove_statement(script.span(statement)))


def _removing(message: str, removal: Removal) -> Fix:
    applicability = Applicability.UNSAFE if removal.loses_comment else Applicability.SAFE
    return Fix(message, removal.edits, applicability)


def exit_with_signal(script: Script, handler: Handler, found: Exit) -> Fix | None:
    """Return the fix that makes an exit in a handler one with ``128 + signum``."""
    code = exit_code(script, found, handler)
    node = found.node
    if isinstance(node, ast.Raise):
        if node.exc is None:
            return None
        if not isinstance(node.exc, ast.Call):
            edit = Edit(script.span(node.exc), f"{script.source(node.exc)}({code})")
            return Fix(f"Exit with {code}", (edit,), applicability_of(script, found))
        node = node.exc
    if not isinstance(node, ast.Call):
        return None
    if len(node.args) == 1 and not node.keywords and not isinstance(node.args[0], ast.Starred):
        edit = Edit(script.span(node.args[0]), code)
    elif not node.args and not node.keywords:
        edit = Edit(whole_call(script, node), code)
    else:
        return None
    return Fix(f"Exit with {code}", (edit,), applicability_of(script, found))


def whole_call(script: Script, node: ast.Call) -> Span:
    """Return the span between the parentheses of a call."""
    span = script.span(node)
    start = script.offset(node.func, end=True)
    # The callee may stand in parentheses of its own: (sys.exit)(0).
    start = script.text.index("(", start) + 1
    return Span(start, span.end - 1)


def guard_process(script: Script, handler: Handler) -> Fix | None:
    """Return the unsafe fix that makes a handler leave at once in every process but the one that loaded the module."""
    node = handler.function.node
    if isinstance(node, ast.Lambda) or not script.is_here(node) or script.is_bound(_MAIN_PID):
        return None
    body = node.body[1:] if ast.get_docstring(node, clean=False) is not None and len(node.body) > 1 else node.body
    first = script.span(body[0])
    outermost = [parent for parent in (node, *script.ancestors(node)) if isinstance(parent, ast.stmt)][-1]
    if not script.editor.is_alone(first) or not script.editor.is_alone(script.span(outermost)):
        return None
    os_ = module_name(script, "os")
    edits = (
        *os_.edits,
        script.editor.insert_before(script.span(outermost), [f"{_MAIN_PID} = {os_.name}.getpid()", "", ""]),
        script.editor.insert_before(first, _pid_guard(os_.name)),
    )
    return Fix("Leave at once in forked workers", edits, Applicability.UNSAFE)


_MAIN_PID = "MAIN_PID"


def _pid_guard(os_: str) -> list[str]:
    return [f"if {os_}.getpid() != {_MAIN_PID}:", f"    {os_}._exit(0)"]


def finish_before(script: Script, statement: ast.stmt, code: str) -> Fix | None:
    """Return the unsafe fix that finishes the run with an exit code right before a statement that leaves."""
    span = script.span(statement)
    if not script.editor.is_alone(span):
        return None
    reference = module_name(script, "wandb")
    edit = script.editor.insert_before(span, [f"{reference.name}.finish(exit_code={code})"])
    message = f"Call {reference.name}.finish(exit_code={code}) first"
    return Fix(message, (*reference.edits, edit), Applicability.UNSAFE)


_STANDARD_NAMES = ("PREEMPTION_SIGNALS", "handle_preemption", "preemption_signal")


def standard_handler(script: Script, init: Init, first: ast.AST | None = None) -> tuple[Edit, ...] | None:
    """Return the edits that register the standard handler right before a run is opened.

    Only the lines that the script needs are inserted. Where several places of a script get it, ``first`` is the first
    of them, before which it is defined. ``None`` if the script has something of its own in the way: handlers of the
    same signals, or one of the names.
    """
    taken = {node.id for node in ast.walk(script.tree) if isinstance(node, ast.Name)}
    numbers = {int(signal.SIGTERM), int(signal.SIGUSR1)}
    if taken & set(_STANDARD_NAMES) or any(found.numbers & numbers for found in script.registrations):
        return None
    statement = script.statement(init.node)
    if not script.editor.is_alone(script.span(statement)):
        return None
    guarded = script.may_fork
    modules = ("os", "signal", "sys", "wandb") if guarded else ("signal", "sys", "wandb")
    references = {module: module_name(script, module) for module in modules}
    names = {module: reference.name for module, reference in references.items()}
    imports = _merged(tuple(edit for reference in references.values() for edit in reference.edits))
    definition = _definition(names, guarded=guarded, finish=_leaves_early(script, init))
    registration = [
        "for preemption_signal in PREEMPTION_SIGNALS:",
        f"    {names['signal']}.signal(preemption_signal, handle_preemption)",
    ]
    before_init = script.editor.insert_before
    earliest = script.statement(first or init.node)
    outermost = [node for node in (earliest, *script.ancestors(earliest)) if isinstance(node, ast.stmt)][-1]
    if script.function_of(init.node) is None:
        if earliest is not statement:
            return None
        return (*imports, before_init(script.span(outermost), [*definition, *registration]))
    return (
        *imports,
        before_init(script.span(outermost), definition),
        before_init(script.span(statement), registration),
    )


def _definition(names: dict[str, str], *, guarded: bool, finish: bool) -> list[str]:
    """Return the lines that define the standard handler, followed by the two blank lines that a function wants."""
    lines = [f"PREEMPTION_SIGNALS = ({names['signal']}.SIGTERM, {names['signal']}.SIGUSR1)"]
    if guarded:
        lines.insert(0, f"{_MAIN_PID} = {names['os']}.getpid()")
    lines += [
        "",
        "",
        "def handle_preemption(signum, frame):",
        "    for preemption_signal in PREEMPTION_SIGNALS:",
        f"        {names['signal']}.signal(preemption_signal, {names['signal']}.SIG_IGN)",
    ]
    if guarded:
        lines += [f"    {line}" for line in _pid_guard(names["os"])]
    lines += [f"    if {names['wandb']}.run is not None:", f"        {names['wandb']}.run.mark_preempting()"]
    if finish:
        lines.append(f"        {names['wandb']}.finish(exit_code=128 + signum)")
    return [*lines, f"    {names['sys']}.exit(128 + signum)", "", ""]


def _merged(imports: tuple[Edit, ...]) -> tuple[Edit, ...]:
    """Put imports that go to the same place into one edit, in alphabetical order."""
    places: dict[Span, list[str]] = {}
    for edit in imports:
        places.setdefault(edit.span, []).append(edit.content)
    return tuple(Edit(span, "".join(sorted(contents))) for span, contents in places.items())


def _leaves_early(script: Script, init: Init) -> bool:
    """Say whether the way out would record another exit code: ``with wandb.init()`` or a ``finally: finish()``."""
    if init.managed:
        return True
    for node in ast.walk(script.tree):
        if isinstance(node, ast.Try):
            for statement in node.finalbody:
                for child in ast.walk(statement):
                    if (
                        isinstance(child, ast.Call)
                        and isinstance(child.func, ast.Attribute)
                        and child.func.attr == "finish"
                    ):
                        return True
    return False


def sigterm_instead(script: Script, use: SignalUse) -> Fix | None:
    """Return the fix that registers SIGTERM where SIGINT is written; ``None`` if that is written in no known way."""
    node, source, number = use.node, script.source(use.node), int(signal.SIGINT)
    message = "Register SIGTERM instead of SIGINT"
    if isinstance(node, ast.Attribute) and node.attr == "SIGINT":
        return Fix(message, (Edit(script.span(node), source.removesuffix("SIGINT") + "SIGTERM"),))
    if isinstance(node, ast.Constant) and node.value == number:
        return Fix(message, (Edit(script.span(node), str(int(signal.SIGTERM))),))
    if isinstance(node, ast.Constant) and node.value == "SIGINT":
        return Fix(message, (Edit(script.span(node), source.replace("SIGINT", "SIGTERM")),))
    if isinstance(node, ast.Name) and node.id == "SIGINT":
        return _import_sigterm(script, node, message)
    return None


def _import_sigterm(script: Script, node: ast.Name, message: str) -> Fix | None:
    """Build the fix for ``from signal import SIGINT``: name SIGTERM, and import it in SIGINT's place if need be."""
    edit = Edit(script.span(node), "SIGTERM")
    for statement in ast.walk(script.tree):
        if isinstance(statement, ast.ImportFrom) and statement.module == "signal":
            names = {alias.asname or alias.name: alias for alias in statement.names}
            if "SIGTERM" in names:
                return Fix(message, (edit,))
            if "SIGINT" in names:
                others = [
                    other
                    for other in ast.walk(script.tree)
                    if isinstance(other, ast.Name) and other.id == "SIGINT" and other is not node
                ]
                alias = names["SIGINT"]
                if others:
                    return Fix(message, (Edit(script.span(alias), "SIGINT, SIGTERM"), edit))
                return Fix(message, (Edit(script.span(alias), "SIGTERM"), edit))
    return None
