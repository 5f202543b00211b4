"""What a script can come to in the files that it imports, going by names: a look ahead, before anything is followed.

It errs on one side: whatever is followed later is mentioned by something that was reached. Methods of a class count
once the class is mentioned where it stands and their own name anywhere.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from wbsignal_lint.script.project.module import Module

__all__ = ["Edge", "reached_names"]


class Edge(NamedTuple):
    """A name in an import statement that stands for a file of the project, or for something in one."""

    importer: Module
    alias: ast.alias
    imported: Module
    name: str | None
    """As in `Link`."""

    @property
    def bound(self) -> str:
        """The name that the importer gets."""
        return self.alias.asname or self.alias.name.split(".")[0]


def reached_names(
    entry: Module, modules: Iterable[Module], edges: Iterable[Edge], *, methods_by_name: bool = True
) -> dict[Module, set[str]]:
    """Return the names that are mentioned in what a script can come to, file by file.

    Args:
        entry: the script; all of its functions count, as it may be a library.
        modules: its files. What stands outside of their functions is run when they are imported.
        edges: the names by which they import each other.
        methods_by_name: whether methods count only if they are mentioned; if not, all of a class that is mentioned do.
    """
    names = {module: set(module.mentions.outside) for module in modules}
    waiting = {module: set(module.mentions.entries) for module in names}
    names[entry] |= entry.mentions.when_started
    for number in waiting.pop(entry):
        names[entry] |= entry.mentions.named_in(number)
    edges = [edge for edge in edges if edge.imported in names]
    while True:
        before = sum(map(len, names.values()))
        for edge in edges:
            known = names[edge.importer]
            if edge.name == "*" or (edge.name is None and edge.bound in known):
                names[edge.imported] |= known
            elif edge.name is not None and edge.bound in known:
                names[edge.imported].add(edge.name)
        anywhere = set().union(*names.values()) if methods_by_name else None
        for module, numbers in waiting.items():
            entries, known = module.mentions.entries, names[module]
            found = [number for number in numbers if entries[number].is_reached(known, anywhere)]
            for number in found:
                known |= module.mentions.named_in(number)
            numbers.difference_update(found)
        if before == sum(map(len, names.values())):
            return names
