"""One file of a project as the others see it: its text and tree, read and parsed once, and only if somebody asks."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

from wbsignal_lint.diagnostics import LineIndex
from wbsignal_lint.script.project.editing import FileEditor
from wbsignal_lint.script.project.imports import Import, imports_in
from wbsignal_lint.script.relevance import Mentions, identifiers

__all__ = ["Module", "ReadModule", "concerns", "parents_of"]

Parse = Callable[[str], ast.Module]
"""Parses a text; one that can't be parsed is an empty module."""
ReadModule = Callable[[Path], "Module | None"]
"""Gives a file of a project; ``None`` if it can't be read, or is not worth reading (see `concerns`)."""

_SMALL = 6_000
"""Files of so few bytes are always read: packages that hand names on, constants, short helpers."""
_LARGE = 400_000
_TOPICS = re.compile(
    rb"signal|[Ww]andb|WANDB|SystemExit|exit\(|quit\(|abort\(|kill\(|excepthook|mark_preempting|preempt|requeue"
    rb"|\.backward\(|\.step\(|\.log\(|\.fit\("
)

_HANDLES = re.compile(r"signal\.signal\(|add_signal_handler|mark_preempting|from signal import|import signal as")


def concerns(data: bytes) -> bool:
    """Say whether the bytes of a file can matter to a script that imports it."""
    return len(data) <= _SMALL or (len(data) <= _LARGE and _TOPICS.search(data) is not None)


def parents_of(tree: ast.Module) -> dict[int, ast.AST]:
    """Return the parent of each node of a tree, by the node's ``id()``."""
    parents: dict[int, ast.AST] = {}
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        for name in node._fields:
            value = getattr(node, name, None)
            for child in value if isinstance(value, list) else (value,):
                if isinstance(child, ast.AST):
                    parents[id(child)] = node
                    if child._fields:
                        stack.append(child)
    return parents


class Module:
    """A file. It keeps its tree alive, so that the ``id()`` of a node says which file the node is from."""

    def __init__(self, path: Path | None, text: str, tree: ast.Module | Parse) -> None:
        """Take a file.

        Args:
            path: where it is, absolute; ``None`` if that isn't known (standard input).
            text: decoded, without byte order mark, newlines as in the file.
            tree: the text, parsed; or what parses it once that is needed.
        """
        self.path = path
        self.text = text
        self._tree = tree

    @cached_property
    def tree(self) -> ast.Module:
        """The text, parsed."""
        return self._tree if isinstance(self._tree, ast.Module) else self._tree(self.text)

    @property
    def is_parsed(self) -> bool:
        """Whether there is a tree of it already, and not an empty one for want of a better."""
        return "tree" in self.__dict__ and bool(self.tree.body)

    def with_tree(self, tree: ast.Module) -> Module:
        """Return the file with its text parsed: as it was before, else as given."""
        if "tree" in self.__dict__ and not self.is_parsed:
            return Module(self.path, self.text, tree)
        self.__dict__.setdefault("tree", tree)
        return self

    @cached_property
    def index(self) -> LineIndex:
        """Turns offsets into rows and columns."""
        return LineIndex(self.text)

    @cached_property
    def editor(self) -> FileEditor:
        """Builds edits of it; parsing once more for that is what costs most, and is done once."""
        return FileEditor(self.text)

    @cached_property
    def parents(self) -> dict[int, ast.AST]:
        """The parent of each node, by the node's ``id()``."""
        return parents_of(self.tree)

    @cached_property
    def mentions(self) -> Mentions:
        """Which names its functions mention."""
        return Mentions(self.tree)

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        """What it imports, wherever that stands; read off its text, as most files are never parsed."""
        return tuple(imports_in(self.text))

    @cached_property
    def may_handle(self) -> bool:
        """Whether its text speaks of a registration or a mark."""
        return _HANDLES.search(self.text) is not None

    @cached_property
    def defined(self) -> dict[str, ast.AST]:
        """What it defines at its top level, with the node that does it."""
        return dict(_definitions(self.tree.body))

    @cached_property
    def called_at_import(self) -> frozenset[str]:
        """The names in the calls that are made when it is imported."""
        found: set[str] = set()
        for node in self.tree.body:
            if isinstance(node, (ast.Expr, ast.Assign, ast.For, ast.With, ast.Try, ast.If)) and not _is_main(node):
                calls = (child for child in ast.walk(node) if isinstance(child, ast.Call))
                found.update(name for call in calls for name in identifiers(call.func))
        return frozenset(found)

    def owns(self, node: ast.AST) -> bool:
        """Say whether a node belongs to this file."""
        return id(node) in self.parents or node is self.tree


def _definitions(body: list[ast.stmt]) -> Iterator[tuple[str, ast.AST]]:
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name, node
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from ((alias.asname or alias.name.split(".")[0], alias) for alias in node.names)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                for child in ast.walk(target):
                    if isinstance(child, ast.Name):
                        yield child.id, node
        elif isinstance(node, (ast.If, ast.Try, ast.With)):
            yield from _definitions(node.body)
            yield from _definitions(getattr(node, "orelse", []))


def _is_main(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__name__" in identifiers(node.test)
