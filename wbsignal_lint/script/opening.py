"""Does a Python file open a W&B run whatever it is told? Asked where the launch file itself says nothing of W&B."""

from __future__ import annotations

import ast
import functools
import re
import warnings
from collections.abc import Iterator

from wbsignal_lint.script.vocabulary import is_rank

__all__ = ["surely_records"]

_MAY_BE_OFF = re.compile(
    r"WANDB_(?:MODE|DISABLED)|[\"']disabled[\"']|(?:use|no|enable|disable|with|log|has|is)[-_]?wandb"
    r"|wandb[-_](?:mode|off|offline|on|disabled?|enabled?|log|logging|available)\b"
    r"|(?:args|cfg|conf|config|opts?|flags)\.wandb\b",
    re.IGNORECASE,
)
"""What files have whose run depends on an option or on the environment."""
_ENTERED = (
    *(ast.Expr, ast.Assign, ast.AnnAssign, ast.Return, ast.With, ast.withitem),
    *(ast.Call, ast.keyword, ast.Attribute, ast.List, ast.Tuple, ast.Await),
)
"""What evaluates all that stands in it."""
_Scope = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef


@functools.lru_cache(maxsize=256)
def surely_records(text: str) -> bool:
    """Say whether a script opens a run in every call, on its main process at least.

    ``wandb.init()``, a ``WandbLogger`` or ``report_to="wandb"`` has to be reached without a condition, save those for
    the main module and the main process; a script that speaks of W&B being switched off is none.

    Args:
        text: a Python file; ``False`` where it can't be parsed.
    """
    if "wandb" not in text.lower() or _MAY_BE_OFF.search(text) is not None:
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about somebody's escape sequences
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return _Reading(tree).opens_run()


class _Reading:
    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
        self.names: dict[str, str] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom) and self._scope(node) is not None:
                self.names.update(_bound(node))

    def opens_run(self) -> bool:
        """Say whether a scope that is surely entered opens a run."""
        calls: dict[_Scope, list[ast.Call]] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and (scope := self._scope(node)) is not None:
                calls.setdefault(scope, []).append(node)
        entered: set[_Scope] = set()
        waiting: list[_Scope] = [self.tree]
        while waiting:
            scope = waiting.pop()
            if scope in entered:
                continue
            entered.add(scope)
            for call in calls.get(scope, ()):
                if self._left_before(scope, call):
                    continue
                if self._opens(call):
                    return True
                waiting += self._functions(call)
        return False

    def _scope(self, node: ast.AST) -> _Scope | None:
        """Return the function, or the module, that gets to a node whenever it runs; ``None``: it need not."""
        child = node
        while (parent := self.parents.get(child)) is not None:
            if isinstance(parent, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef):
                return parent if child in parent.body else None
            if isinstance(parent, ast.If):
                if child is parent.test or not _is_usual(parent.test):
                    return None
            elif isinstance(parent, ast.Try):
                if child not in parent.body or any(isinstance(one, ast.Import | ast.ImportFrom) for one in parent.body):
                    return None
            elif not isinstance(parent, _ENTERED):
                return None
            child = parent
        return None

    @staticmethod
    def _left_before(scope: _Scope, call: ast.Call) -> bool:
        return not isinstance(scope, ast.Module) and any(
            isinstance(node, ast.Return) and node.lineno < call.lineno for node in ast.walk(scope)
        )

    def _opens(self, call: ast.Call) -> bool:
        words = {word.arg: word.value for word in call.keywords}
        reports = words.get("report_to")
        if reports is not None:
            told = [reports, *getattr(reports, "elts", ())]
            return any(isinstance(one, ast.Constant) and one.value == "wandb" for one in told)
        if None in words or not {"mode", "disabled", "offline"}.isdisjoint(words):
            return False
        called = call.func
        if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
            return f"{self.names.get(called.value.id)}.{called.attr}" == "wandb.init"
        return isinstance(called, ast.Name) and self.names.get(called.id) in ("wandb.init", "WandbLogger")

    def _functions(self, call: ast.Call) -> Iterator[_Scope]:
        """Yield the functions of the file that a call enters: ``main()``, ``Fire(main)``, ``Trainer()``."""
        used = {one.id for one in (call.func, *call.args) if isinstance(one, ast.Name)}
        for statement in self.tree.body:
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) and statement.name in used:
                yield statement
            elif isinstance(statement, ast.ClassDef) and statement.name in used:
                yield from (
                    one for one in statement.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"
                )


def _bound(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    for alias in node.names:
        if isinstance(node, ast.Import) and alias.name == "wandb":
            yield alias.asname or "wandb", "wandb"
        elif isinstance(node, ast.ImportFrom) and node.module == "wandb" and alias.name == "init":
            yield alias.asname or "init", "wandb.init"
        elif isinstance(node, ast.ImportFrom) and alias.name == "WandbLogger":
            yield alias.asname or "WandbLogger", "WandbLogger"


def _is_usual(test: ast.expr) -> bool:
    """Whether a condition holds for a program's main process."""
    names = {node.id for node in ast.walk(test) if isinstance(node, ast.Name)}
    names |= {node.attr for node in ast.walk(test) if isinstance(node, ast.Attribute)}
    return "__name__" in names or any(map(is_rank, names))
