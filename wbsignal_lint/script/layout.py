"""The texts of a program's files as one: the file in focus first, the others behind it.

An offset then says by itself which file it is in. What is built for another file than the one in focus shows, and can
neither be reported nor edited in the wrong place.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from wbsignal_lint.diagnostics import Span
from wbsignal_lint.script.project import Module

__all__ = ["Layout", "shown"]


def shown(path: Path) -> str:
    """Return how a file is called in messages: relative to the current folder when below it."""
    here = Path.cwd()
    return (path.relative_to(here) if path.is_relative_to(here) else path).as_posix()


class Layout:
    """Where each file's text begins."""

    def __init__(self, modules: Sequence[Module], focus: Module) -> None:
        """Lay out files.

        Args:
            modules: the files of a program.
            focus: the one whose offsets are those of its own text.
        """
        self.focus = focus
        self._modules = [focus, *(module for module in modules if module is not focus)]
        self._starts: dict[Module, int] = {}
        start = 0
        for module in self._modules:
            self._starts[module] = start
            start += len(module.text) + 1

    @cached_property
    def text(self) -> str:
        """The texts, each with a newline behind it but for a single one."""
        return "\n".join(module.text for module in self._modules)

    @cached_property
    def parents(self) -> Mapping[int, ast.AST]:
        """The parent of each node of each file, by the node's ``id()``."""
        return self.focus.parents if len(self._modules) == 1 else _Parents(self._modules)

    def owner(self, node: ast.AST) -> Module:
        """Return the file that a node is from."""
        return next((module for module in self._modules if module.owns(node)), self.focus)

    def offset(self, node: ast.AST, *, end: bool) -> int:
        """Return the character offset at which a node starts or ends."""
        module = self.owner(node) if len(self._modules) > 1 else self.focus
        place = ("end_lineno", "end_col_offset") if end else ("lineno", "col_offset")
        row, column = (getattr(node, name) for name in place)
        start = module.index.line_start(row)
        line = module.text[start : module.index.line_start(row + 1)]
        # ast counts UTF-8 bytes; a form feed or tab is one of both.
        column = column if line.isascii() else len(line.encode()[:column].decode(errors="ignore"))
        return self._starts[module] + start + column

    def place_at(self, offset: int) -> str:
        """Return how people call the place of an offset: ``line 12 of utils/stop.py``."""
        module = self.module_at(offset)
        row = module.index.position(offset - self._starts[module]).row
        return f"line {row}" if module.path is None else f"line {row} of {shown(module.path)}"

    def module_at(self, offset: int) -> Module:
        """Return the file that an offset is in."""
        return next(module for module in reversed(self._modules) if self._starts[module] <= offset)

    def is_local(self, *spans: Span) -> bool:
        """Say whether spans lie in the file in focus."""
        return all(0 <= span.start <= span.end <= len(self.focus.text) for span in spans)


class _Parents(Mapping[int, ast.AST]):
    """The parents in several files; those of a file are looked for when a node of it is."""

    def __init__(self, modules: Sequence[Module]) -> None:
        self._modules = modules

    def __getitem__(self, key: int) -> ast.AST:
        for module in self._modules:
            found = module.parents.get(key)
            if found is not None:
                return found
        raise KeyError(key)

    def get(self, key: int, default: object = None) -> ast.AST | None:  # type: ignore[override]
        for module in self._modules:
            found = module.parents.get(key)
            if found is not None:
                return found
        return default if isinstance(default, ast.AST) else None

    def __iter__(self) -> Iterator[int]:
        for module in self._modules:
            yield from module.parents

    def __len__(self) -> int:
        return sum(len(module.parents) for module in self._modules)
