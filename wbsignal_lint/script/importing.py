"""Imports between the files of a project: the body of an imported file is followed where it is imported, once."""

from __future__ import annotations

import ast

from wbsignal_lint.script.calling import CallArguments
from wbsignal_lint.script.evaluator import Evaluated
from wbsignal_lint.script.heap import MODULE, MODULES
from wbsignal_lint.script.interpreter import Budget, Interpreter
from wbsignal_lint.script.project import Module, Program
from wbsignal_lint.script.scopes import Frame, Scope
from wbsignal_lint.script.state import NORMAL, Ending, Path, State, merge
from wbsignal_lint.script.values import Const, External, Namespace, Value, function_of

__all__ = ["Importer"]

_STEPS_OF_A_FILE = 1_500
"""How many statements of an imported file's body are followed; most of them define something."""
_MAX_DEPTH = 12
_STEPS_ELSEWHERE = 1_200
"""After so many statements in other files no more of their functions are followed but by handlers."""


class Importer(Interpreter):
    """An interpreter that knows the files of a program."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self.program = program
        self.steps_elsewhere = _STEPS_ELSEWHERE
        self.trainings = 0
        """How often training was come across."""
        self._frames: dict[Module | str, int] = {program.entry: MODULE}
        self._importing = 0

    def called_by_name(self, node: ast.Call, path: str, arguments: CallArguments, results: Evaluated) -> Evaluated:
        """Say what a followed call means by its name, where following it did not come across training."""
        return results

    def is_of_script(self, value: Value) -> bool:
        """Say whether a function was defined in the script itself, not in a file that it imports."""
        function = function_of(value)
        return function is not None and function.frames[0] == MODULE

    def module_name(self, frame: int) -> str:
        """Return the name of the file that a module's frame belongs to."""
        module = next((known for known, number in self._frames.items() if number == frame), None)
        return module.path.stem if isinstance(module, Module) and module.path is not None else ""

    def run_statement(self, node: ast.stmt, state: State) -> list[Path]:
        """Execute one statement, and count those of other files."""
        self.steps_elsewhere -= self.frame.frames[0] != MODULE
        return super().run_statement(node, state)

    # -- import statements ------------------------------------------------------------------------------------------

    def _run_import(self, node: ast.Import, state: State) -> list[Path]:
        states = [state]
        for alias in node.names:
            link = self.program.link(alias)
            if link is None:
                for before in states:
                    super()._run_import(ast.Import([alias]), before)
                continue
            states = [after for before in states for after in self._load(link.module, before)]
            for after in states:
                self._bind_module(alias, link.module, after)
        return [(after, NORMAL) for after in states]

    def _bind_module(self, alias: ast.alias, module: Module, state: State) -> None:
        found = Namespace(alias.name, self._frame_of(module))
        if alias.asname or "." not in alias.name:
            self.bind(alias.asname or alias.name, found, state)
            return
        first, *rest = alias.name.split(".")
        package = Namespace(first, self._frame_of(first))
        self.bind(first, package, state)
        for position, name in enumerate(rest, start=2):
            dotted = ".".join((first, *rest)[:position])
            inner = found if dotted == alias.name else Namespace(dotted, self._frame_of(dotted))
            state.heap.set(package.frame, name, inner)
            package = inner

    def _run_importfrom(self, node: ast.ImportFrom, state: State) -> list[Path]:
        states = [state]
        for alias in node.names:
            link = self.program.link(alias)
            if link is None:
                for before in states:
                    super()._run_importfrom(ast.ImportFrom(node.module, [alias], node.level), before)
                continue
            states = [after for before in states for after in self._load(link.module, before)]
            dotted = f"{'.' * node.level}{node.module or ''}"
            for after in states:
                self._bind_names(alias, link.name, Namespace(dotted, self._frame_of(link.module)), after)
        return [(after, NORMAL) for after in states]

    def _bind_names(self, alias: ast.alias, name: str | None, module: Namespace, state: State) -> None:
        if name == "*":
            for known, value in list(state.heap.names(module.frame)):
                if not known.startswith("_"):
                    self.bind(known, value, state)
            return
        dotted = f"{module.name}.{alias.name}"
        found = Namespace(dotted, module.frame) if name is None else state.heap.get(module.frame, name)
        self.bind(alias.asname or alias.name, found or External(dotted), state)

    def _frame_of(self, module: Module | str) -> int:
        if module not in self._frames:
            self._frames[module] = next(self._numbers)
        return self._frames[module]

    # -- the bodies of imported files -------------------------------------------------------------------------------

    def _load(self, module: Module, state: State) -> list[State]:
        """Execute the body of a file unless that was done on this path."""
        number = self._frame_of(module)
        if number == MODULE or state.heap.get(MODULES, str(number)) is not None or self._importing >= _MAX_DEPTH:
            return [state]
        state.heap.set(MODULES, str(number), Const(True))
        state.heap.set(number, "__name__", Const(module.path.stem if module.path is not None else ""))
        before = state.fork()
        caller, steps, escapes = self.frame, self.steps, self.escapes
        self.frame, self.steps, self.escapes = Frame(number, (), None, Scope(None)), _STEPS_OF_A_FILE, []
        self.stack.append(self.frame)
        self._importing += 1
        try:
            paths = self.run_block(module.tree.body, state)
        except Budget:
            # What it defines stays unknown; the script goes on.
            return [before]
        finally:
            self._importing -= 1
            self.stack.pop()
            self.frame, self.steps, self.escapes = caller, steps, escapes
        # A file that can't be imported (it says so to those who lack a package) would have been no use to the script.
        return merge([after for after, end in paths if end.ending is Ending.NORMAL]) or [before]

    # -- what comes of it -------------------------------------------------------------------------------------------

    def attribute(self, base: Value, name: str, state: State) -> Value:
        """Return the value of ``base.name``, for an imported file too."""
        if isinstance(base, Namespace):
            found = state.heap.get(base.frame, name)
            return self.current(found, state) if found is not None else External(f"{base.name}.{name}")
        return super().attribute(base, name, state)

    def call_value(self, callee: Value, node: ast.Call | None, arguments: CallArguments, state: State) -> Evaluated:
        """Call a value; what a file is known for by name still counts where following it shows nothing."""
        function = function_of(callee)
        if node is None or function is None or function.frames[0] == self.frame.frames[0]:
            return super().call_value(callee, node, arguments, state)
        before = self.trainings
        results = super().call_value(callee, node, arguments, state)
        if self.trainings > before:
            return results
        path = f"{self.module_name(function.frames[0])}.{function.name}"
        return self.called_by_name(node, path, arguments, results)
