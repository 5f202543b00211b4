"""Text → facts, behind the gates, whatever the text: what can't be read is said, and nothing else ever happens."""

from __future__ import annotations

import ast
import functools
import re
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from wbsignal_lint.launch import gate as launch_gate
from wbsignal_lint.nesting import depth_of
from wbsignal_lint.script import gate as script_gate
from wbsignal_lint.stack import with_big_stack, with_enough_stack

if TYPE_CHECKING:
    from wbsignal_lint.launch.facts import LaunchFile
    from wbsignal_lint.script.facts import Script
    from wbsignal_lint.script.project import Module, ReadModule

__all__ = ["Unreadable", "launch_file_of", "parse_python", "python_launch_file_of", "script_of", "tree_of"]

COMFORTABLE_DEPTH = 150
"""Up to here neither Python's recursion limit nor the stack of the main thread is in danger."""
_MAX_DEPTH = 3000
"""Deeper than this is refused: fixes are built with LibCST, whose native parser has no guard (see nesting.py)."""
_TOO_DEEP = "nesting too deep"
_TYPE_PARAMETERS = re.compile(r"\s*(?:async\s+)?(?:def|class)\s+\w+\s*\[|\s*type\s+\w+.*=")
"""``def first[T](…)``, ``class Box[T]:``, ``type Pair = …``: since Python 3.12."""


class Unreadable(Exception):
    """A source that can't be read; row and column count from 1."""

    def __init__(self, message: str, row: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.row = row
        self.column = column


def parse_python(text: str) -> ast.Module:
    """Parse Python with the running interpreter's own parser.

    Raises:
        Unreadable: a syntax error, with its place; or nesting that the parser gives up on.
    """
    try:
        with warnings.catch_warnings():
            # Invalid escapes and the like are other linters' business.
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        newer = ""
        is_newer = error.msg.startswith("f-string") or _TYPE_PARAMETERS.match(error.text or "") is not None
        if is_newer and sys.version_info < (3, 12):
            running = f"{sys.version_info.major}.{sys.version_info.minor}"
            newer = f" (if this is Python 3.12 or newer, run wbsignal-lint with that; this is {running})"
        raise Unreadable(f"syntax error: {error.msg}{newer}", error.lineno or None, error.offset or None) from None
    except (RecursionError, MemoryError):
        # CPython's parser raises MemoryError when its own stack is used up, long before memory is.
        raise Unreadable(_TOO_DEEP) from None
    except ValueError as error:
        raise Unreadable(f"syntax error: {error}") from None


def tree_of(text: str, path: Path | None, read: ReadModule | None) -> ast.Module:
    """Parse a file of a project, unless its importers had it parsed already.

    Raises:
        Unreadable: as `parse_python`.
    """
    known = _as_imported(text, path, read)
    return known.tree if known is not None and known.is_parsed else parse_python(text)


def _as_imported(text: str, path: Path | None, read: ReadModule | None) -> Module | None:
    """Return a file as its importers get it, if they get this text."""
    known = read(path) if read is not None and path is not None else None
    return known if known is not None and known.text == text else None


def script_of(
    text: str,
    tree: ast.Module,
    preemption_signals: tuple[str, ...],
    training_calls: tuple[str, ...],
    path: Path | None = None,
    read: ReadModule | None = None,
) -> Script | None:
    """Read the facts of a Python script.

    Args:
        text: the source.
        tree: the same source, parsed.
        preemption_signals: names of the signals that announce a preemption.
        training_calls: further calls that train, as dotted names.
        path: where the script is, absolute; ``None`` if that isn't known.
        read: gives the files of its project that it imports; ``None`` if they are not to be followed.

    Returns:
        The facts, or ``None`` if the gates say that no rule can have anything to say about them.

    Raises:
        Unreadable: the script is nested too deep.
    """
    data = text.encode("utf-8", "surrogatepass")
    alone = script_gate.bytes_pass(data) and script_gate.tree_passes(tree)
    if not alone and (read is None or path is None or not script_gate.bytes_pass_with_imports(data)):
        return None
    known = _as_imported(text, path, read)
    shared = known is not None and known.is_parsed and known.tree is tree
    depth = COMFORTABLE_DEPTH if shared else depth_of(tree)
    if depth > _MAX_DEPTH:
        raise Unreadable(_TOO_DEEP)
    # Only here, behind the gates, which let few files through; and the rest once it is known to be needed.
    from wbsignal_lint.script.project import Module, Program

    entry = known.with_tree(tree) if known is not None and depth <= COMFORTABLE_DEPTH else Module(path, text, tree)

    def read_all() -> Script | None:
        program = Program(entry, read, training_calls)
        if not program.is_small and not program.may_handle:
            # No handlers after all: not worth playing events through many files.
            program = Program(entry)
        if not alone and (len(program.modules) == 1 or not program.may_matter):
            return None
        from wbsignal_lint.script.facts import ScriptSettings
        from wbsignal_lint.script.reader import read_program

        settings = ScriptSettings(preemption_signals, training_calls)
        script = read_program(program, settings)
        if not program.is_small and not script.registrations and not script.marks:
            return read_program(Program(entry), settings) if alone else None
        return script if alone or script.has_run else None

    try:
        call = with_enough_stack if depth <= COMFORTABLE_DEPTH else with_big_stack
        return call(read_all)
    except RecursionError:
        raise Unreadable(_TOO_DEEP) from None


def launch_file_of(text: str, path: Path | None = None, host: str | None = None) -> LaunchFile | None:
    """Read the facts of a shell script, or of what shell stands in (``host``).

    Returns:
        The facts, or ``None`` if the gate says that no rule can have anything to say.

    Raises:
        Unreadable: the script is nested too deep.
    """
    data = text.encode("utf-8", "surrogatepass")
    if not launch_gate.bytes_pass(data, host) and not (
        launch_gate.may_start_training(data, host) and _names_training(text, path, surely=True)
    ):
        return None
    from wbsignal_lint.launch.in_play import speaks_of_wandb
    from wbsignal_lint.launch.lookup import lookup_beside, text_beside
    from wbsignal_lint.launch.reader import read_launch
    from wbsignal_lint.script.opening import surely_records

    text_of = None if path is None else functools.partial(text_beside, path)
    # Many scripts record by an option only. Where nothing here speaks of W&B, it has to be every call of them.
    uses_wandb = lookup_beside(path, None if speaks_of_wandb(text) else surely_records)
    try:
        return with_enough_stack(lambda: replace(read_launch(text, uses_wandb, host, text_of=text_of), path=path))
    except RecursionError:
        raise Unreadable(_TOO_DEEP) from None


def _names_training(text: str, path: Path | None, *, surely: bool) -> bool:
    """Whether a launch file speaks of wandb, or names a file of its project that does.

    With ``surely`` a Python file has to open a run in every call.
    """
    if "wandb" in text.lower():
        return True
    if path is None:
        return False
    from wbsignal_lint.launch.lookup import text_beside
    from wbsignal_lint.script.opening import surely_records

    for name in launch_gate.scripts_named(text):
        named = text_beside(path, name) or ""
        if surely_records(named) if surely and name.endswith(".py") else "wandb" in named.lower():
            return True
    return False


def python_launch_file_of(text: str, tree: ast.Module, path: Path | None = None) -> LaunchFile | None:
    """Read what a Python file launches, or return ``None`` if the gates say that it is no agent and no training.

    Raises:
        Unreadable: the file is nested too deep.
    """
    if not launch_gate.python_bytes_pass(text.encode("utf-8", "surrogatepass")):
        return None
    if not launch_gate.python_tree_passes(tree) and not _names_training(text, path, surely=False):
        return None
    depth = depth_of(tree)
    if depth > _MAX_DEPTH:
        raise Unreadable(_TOO_DEEP)
    from wbsignal_lint.launch.lookup import lookup_beside
    from wbsignal_lint.launch.python.reader import read_python

    try:
        call = with_enough_stack if depth <= COMFORTABLE_DEPTH else with_big_stack
        return call(lambda: replace(read_python(text, tree, lookup_beside(path)), path=path))
    except RecursionError:
        raise Unreadable(_TOO_DEEP) from None
