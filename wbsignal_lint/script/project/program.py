"""A script together with the files of its project that it imports and that can matter to it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from wbsignal_lint.script.gate import TOPIC_NAMES
from wbsignal_lint.script.project.discovery import discovered, leading_to
from wbsignal_lint.script.project.finding import Finder
from wbsignal_lint.script.project.module import Module, ReadModule
from wbsignal_lint.script.project.reaching import Edge, reached_names
from wbsignal_lint.script.relevance import DECISIVE, RUN_CALLS, SIGNAL_ATTRIBUTE

__all__ = ["Link", "Program"]

_FEW = 12
_LITTLE = 150_000
"""So many files, and characters in all, are followed together even if none of them has to do with signals."""
_ROUNDS = 6
_REGISTERING = frozenset({SIGNAL_ATTRIBUTE, "add_signal_handler", "mark_preempting"})
_SHORT = 200
"""Files of so few lines lend even functions that no rule speaks of: ``def status(signum): return 128 + signum``."""


@dataclass(frozen=True)
class Link:
    """What an imported name stands for: a file, or a name in it."""

    module: Module
    name: str | None = None
    """``None`` if the file itself is imported, ``*`` for all of its names."""


class Program:
    """Files joined by their imports; the first is the one that is started."""

    def __init__(self, entry: Module, read: ReadModule | None = None, training_calls: Sequence[str] = ()) -> None:
        """Follow the imports of a script.

        Args:
            entry: the script. Without a path it imports nothing that could be found.
            read: gives the files; ``None`` follows nothing.
            training_calls: further calls that train, as dotted names.
        """
        self.entry = entry
        self.modules = [entry]
        self._training_calls = training_calls
        self._links: dict[int, Link] = {}
        self._decisive: dict[Module, frozenset[int]] = {}
        self._exported: dict[Module, dict[str, set[str]]] = {}
        self._imported: dict[Module, set[str]] = {}
        self._known: dict[Path, Module] = {}
        if read is not None and entry.path is not None:
            self._finder = Finder(entry.path)
            self._known = {module.path: module for module in discovered(entry, read, self._finder) if module.path}
            self.modules = list(self._known.values())
            if self.is_small or self._leads_to_handlers():
                self._settle()
                self._keep_what_matters()
            else:
                self.modules = [entry]

    def link(self, alias: ast.alias) -> Link | None:
        """Return what a name in an import statement stands for, if that is worth following."""
        return self._links.get(id(alias))

    def owner(self, node: ast.AST) -> Module:
        """Return the file that a node is from."""
        return next((module for module in self.modules if module.owns(node)), self.entry)

    def relevant(self) -> frozenset[int]:
        """Return ``id()`` of the function nodes worth following."""
        imported = self._imported.get(self.entry, set())
        found = self.entry.mentions.relevant(self._training_calls, imported) | self.entry.mentions.small
        for module in self.modules[1:]:
            found |= self._decisive[module] | (module.mentions.small if _is_short(module) else frozenset())
        return frozenset(found)

    @property
    def is_small(self) -> bool:
        """Whether all of it can be followed without thinking twice."""
        return len(self.modules) <= _FEW and sum(len(module.text) for module in self.modules) <= _LITTLE

    def _leads_to_handlers(self) -> bool:
        """Say whether names can lead from the script to a registration or a mark; only files on the way are parsed."""
        known = self._known
        leading = leading_to((module for module in self.modules if module.may_handle), known, self._finder)
        if self.entry not in leading:
            return False
        self._known = {path: module for path, module in known.items() if module in leading}
        try:
            links = ((module, found) for module in leading for found in self._candidates(module))
            edges = [Edge(module, alias, link.module, link.name) for module, (alias, link) in links]
        finally:
            self._known = known
        names = reached_names(self.entry, leading, edges, methods_by_name=False)
        return any(not _registering(module).isdisjoint(found) for module, found in names.items())

    @property
    def may_handle(self) -> bool:
        """Whether the script can come to a registration or a mark, going by the names that lead there."""
        return any(module.may_handle for module in self.modules) and self._comes_to(_registering)

    @property
    def may_matter(self) -> bool:
        """Whether the script can come to a run, and to what a rule speaks of, going by the names that lead there."""
        return self._comes_to(_running) and self._comes_to(_topics)

    def _comes_to(self, names_in: Callable[[Module], frozenset[str]]) -> bool:
        return any(not names_in(module).isdisjoint(found) for module, found in self._reached.items())

    @cached_property
    def _reached(self) -> dict[Module, set[str]]:
        links = ((module, alias) for module in self.modules for node in module.mentions.imports for alias in node.names)
        known = ((module, alias, self._links[id(alias)]) for module, alias in links if id(alias) in self._links)
        edges = [Edge(module, alias, link.module, link.name) for module, alias, link in known]
        return reached_names(self.entry, self.modules, edges)

    # -- what of them matters ---------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Work out which names of each file matter, until nothing more is found."""
        aliases = [(module, alias, links) for module in self.modules for alias, links in self._candidates(module)]
        for _ in range(_ROUNDS):
            before = {module: set(names) for module, names in self._exported.items()}
            for module in self.modules:
                imported = self._imported.get(module, set())
                self._decisive[module] = module.mentions.relevant(self._training_calls, imported, DECISIVE)
                self._exported[module] = module.mentions.exported(self._decisive[module])
            for module, alias, link in aliases:
                if self._matters(link):
                    self._links[id(alias)] = link
                    self._imported.setdefault(module, set()).update(self._topics(alias, link, self._exported))
            if before == {module: set(names) for module, names in self._exported.items()}:
                return

    def _candidates(self, module: Module) -> Iterator[tuple[ast.alias, Link]]:
        assert module.path is not None
        for node in module.mentions.imports:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    found = self._module_at(self._finder.find(module.path, alias.name, 0))
                    if found is not None and found is not module:
                        yield alias, Link(found)
                continue
            package = self._finder.find(module.path, node.module or "", node.level)
            if package is None:
                continue
            source = self._module_at(package)
            for alias in node.names:
                if source is not None and (alias.name == "*" or alias.name in source.defined):
                    if source is not module:
                        yield alias, Link(source, alias.name)
                else:
                    child = self._module_at(self._finder.child(package, alias.name))
                    if child is not None and child is not module:
                        yield alias, Link(child)

    def _module_at(self, place: Path | None) -> Module | None:
        return self._known.get(place) if place is not None else None

    def _matters(self, link: Link, depth: int = 0) -> bool:
        module, name = link.module, link.name
        exported = self._exported.get(module, {})
        if name is None:
            return bool(exported) or _is_short(module) or self._acts(module)
        names = [name] if name != "*" else list(module.defined)
        if self._acts(module) or any(one in exported for one in names):
            return True
        return any(self._name_matters(module, one, depth) for one in names)

    def _name_matters(self, module: Module, name: str, depth: int) -> bool:
        defined = module.defined.get(name)
        if isinstance(defined, ast.alias):
            further = self._links.get(id(defined))
            return further is not None
        if isinstance(defined, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return _is_short(module) and id(defined) in module.mentions.small
        # A constant, or an object: what it is made of matters only where the value is simple.
        return isinstance(defined, ast.Assign | ast.AnnAssign) and _is_simple(defined.value)

    def _topics(self, alias: ast.alias, link: Link, found: Mapping[Module, dict[str, set[str]]]) -> set[str]:
        """Return the names under which a function that is imported, or its methods, will be mentioned."""
        exported = found.get(link.module, {})
        if link.name is None or link.name == "*":
            return {name for name, members in exported.items() for name in (name, *members)}
        source = link.module.defined.get(link.name)
        members = exported.get(link.name, set())
        if isinstance(source, ast.alias):
            further = self._links.get(id(source))
            members = self._topics(source, further, found) if further is not None else set()
        elif link.name not in exported:
            return set()
        return {alias.asname or alias.name, *members}

    def _acts(self, module: Module) -> bool:
        """Say whether merely importing a file does something: registers a handler, opens a run, leaves."""
        called = module.called_at_import
        return bool(called & DECISIVE) or not called.isdisjoint(self._exported.get(module, {}))

    def _keep_what_matters(self) -> None:
        """Drop the files that nothing worth following leads to."""
        kept = [self.entry]
        for module in kept:
            for node in module.mentions.imports:
                for alias in node.names:
                    link = self._links.get(id(alias))
                    if link is not None and link.module not in kept:
                        kept.append(link.module)
        self.modules = kept


def _registering(module: Module) -> frozenset[str]:
    """Return the names by which a file registers handlers, or marks."""
    if not module.may_handle:
        return frozenset()
    return _REGISTERING | {"signal"} if "from signal import" in module.text else _REGISTERING


def _running(module: Module) -> frozenset[str]:
    """Return the names by which a file opens, marks or finishes runs."""
    names = {*RUN_CALLS.values(), "mark_preempting"}
    if "wandb.run" in module.text:
        names.add("finish")  # run = wandb.run; run.finish()
    for node in module.mentions.imports:
        source = node.module if isinstance(node, ast.ImportFrom) else None
        for alias in node.names:
            bound = alias.asname or alias.name
            if source == "wandb":
                names |= {bound} if alias.name in RUN_CALLS else {"finish"} if alias.name == "run" else set()
            elif "wandb" in alias.name and alias.asname and "wandb" not in bound:
                names |= {*RUN_CALLS}  # import wandb as tracking
    return frozenset(names)


def _topics(module: Module) -> frozenset[str]:
    """Return the names by which a file mentions what rules speak of."""
    names = set(TOPIC_NAMES)
    for node in module.mentions.imports:
        source = node.module or "" if isinstance(node, ast.ImportFrom) else ""
        names |= {
            alias.asname or alias.name.split(".")[0]
            for alias in node.names
            if not TOPIC_NAMES.isdisjoint((source, alias.name))
        }
    return frozenset(names)


def _is_simple(value: ast.expr | None) -> bool:
    """Say whether a value consists of constants and names, as the numbers and tuples that handlers use do."""
    if value is None:
        return False
    simple = (
        *(ast.Constant, ast.Name, ast.Attribute, ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop, ast.expr_context),
        *(ast.Tuple, ast.List, ast.Set, ast.Dict, ast.Call, ast.keyword),
    )
    nodes = list(ast.walk(value))
    return len(nodes) <= 40 and all(isinstance(node, simple) for node in nodes)


def _is_short(module: Module) -> bool:
    return len(module.index) <= _SHORT
