"""Makefiles: each line of a recipe is read by a shell of its own, after make has put its variables in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from wbsignal_lint.launch.hosts.parts import Hosted, ShellPart, substituted, unknown_name
from wbsignal_lint.launch.mapped import MappedText
from wbsignal_lint.launch.recording import MODE_VARIABLES, Variables
from wbsignal_lint.launch.wrappers import SHELLS

__all__ = ["read_makefile"]

_MAX_DEPTH = 8
_MAX_LENGTH = 20_000
_LINE = re.compile(r"[^\n]*(?:\n|$)")
_CONTINUED = re.compile(r"(?<!\\)(?:\\\\)*\\\r?$")
_ASSIGNMENT = re.compile(
    r"[ \t]*(?:export[ \t]+|override[ \t]+|private[ \t]+)*([\w.-]+)[ \t]*(\+|\?|::?:?|!)?=[ \t]*", re.ASCII
)
_TARGET_ASSIGNMENT = re.compile(r"[^:=#\n]*:[ \t]*(?:export[ \t]+)?[\w.-]+[ \t]*(?:\+|\?|::?)?=")
_RULE = re.compile(r"[^\t#\s][^=]*?::?(?![=])|[^\t#\s][^:=]*:")
_DIRECTIVE = re.compile(r"[ \t]*(?:-?include|sinclude|ifeq|ifneq|ifdef|ifndef|else|endif|vpath|export|unexport)\b")
_DEFINE = re.compile(r"[ \t]*(?:override[ \t]+)?define[ \t]+([\w.-]+)")
_ENDEF = re.compile(r"[ \t]*endef\b")
_REFERENCE = re.compile(
    r"\$(?:\$|\((?:[^()$]|\$\([^()]*\))*\)|\{(?:[^{}$]|\$\{[^{}]*\})*\}|\((?:[^()]|\([^()]*\))*\)|[^\s(){}])"
)
_PREFIX = re.compile(r"[ \t]*[-@+][-@+ \t]*|[ \t]+")


@dataclass
class _Variable:
    """The values that a Makefile gives to one name."""

    values: list[MappedText] = field(default_factory=list)
    is_clear: bool = True

    def add(self, value: MappedText, operator: str) -> None:
        if operator == "+" and self.values:
            self.values = [MappedText.joined([self.values[0], MappedText.nowhere(" "), value])]
        elif operator == "?" and self.values:
            return
        elif operator == "!":
            self.is_clear = False
        else:
            # One of two values: which of them depends on conditionals that are not followed.
            self.is_clear &= not self.values or self.values[0].text == value.text
            self.values = self.values or [value]


def read_makefile(text: str) -> Hosted:
    """Find what the recipes of a Makefile run."""
    return _Reading(text).read()


class _Reading:
    def __init__(self, text: str) -> None:
        self.text = text
        self.variables: dict[str, _Variable] = {}
        self.recipes: list[tuple[str, list[MappedText]]] = []
        """The targets of each, and its lines."""
        self.exported: set[str] = set()
        self.of_targets: dict[str, Variables] = {}
        """What is exported to the recipes of single targets."""
        self.one_shell = False

    def read(self) -> Hosted:
        self._lines()
        shell = self.variables.get("SHELL")
        if shell is not None and not any(
            part.rpartition("/")[2] in SHELLS for value in shell.values for part in value.text.split()
        ):
            return Hosted()
        parts: list[ShellPart] = []
        for targets, recipe in self.recipes:
            environment = self._environment(targets)
            # make puts the variables in first: one that is a `define` becomes several lines.
            expanded = [self._expanded(line) for line in recipe]
            lines = [without_prefix(part) for line in expanded for part in _split(line)]
            if self.one_shell and lines:
                parts.append(ShellPart(MappedText.joined(lines), environment))
            else:
                parts.extend(ShellPart(line, environment) for line in lines if line.text.strip())
        return Hosted(tuple(parts))

    def _environment(self, targets: str) -> Variables:
        """Return what the recipes of some targets find in their environment."""
        found: dict[str, str] = {}
        for name in self.exported.intersection(self.variables):
            variable = self.variables[name]
            if variable.is_clear and variable.values:
                found[name] = self._expanded(variable.values[0]).text
        for target in targets.split():
            found.update(self.of_targets.get(target, {}))
        return found

    def _lines(self) -> None:
        """Sort the lines into recipes and variables."""
        position = 0
        recipe: list[MappedText] | None = None
        while position < len(self.text):
            line, position = self._logical_line(position)
            text = line.text
            definition = _DEFINE.match(text)
            if definition is not None:
                value, position = self._definition(position)
                self.variables.setdefault(definition[1], _Variable()).add(value, "")
            elif text.startswith("\t") and recipe is not None:
                recipe.append(_recipe_line(line))
            elif not text.strip() or text.lstrip().startswith("#"):
                continue
            elif text.startswith(".ONESHELL"):
                self.one_shell = True
            elif (assignment := _ASSIGNMENT.match(text)) is not None:
                value = _without_comment(line[assignment.end() :])
                self.variables.setdefault(assignment[1], _Variable()).add(value, assignment[2] or "")
                if "export" in text[: assignment.start(1)].split():
                    self._export([assignment[1]])
            elif _TARGET_ASSIGNMENT.match(text):
                name = text.split(":", 1)[1].split("=")[0].split()[-1].rstrip("+?:")
                self.variables.setdefault(name, _Variable()).is_clear = False
                targets, _, assigned = text.partition(":")
                if name in MODE_VARIABLES and "export" in assigned.split("=")[0].split():
                    value_text = assigned.partition("=")[2].strip()
                    for target in targets.split():
                        self.of_targets[target] = {**self.of_targets.get(target, {}), name: value_text}
            elif _DIRECTIVE.match(text):  # inside a recipe, too
                words = text.partition("#")[0].split()
                if words[0] == "export":
                    self._export(words[1:] or MODE_VARIABLES)
            elif _RULE.match(text):
                if text.startswith(".EXPORT_ALL_VARIABLES"):
                    self._export(MODE_VARIABLES)
                recipe = []
                head, semicolon, _ = text.partition(";")
                self.recipes.append((head.partition(":")[0], recipe))
                if semicolon:
                    recipe.append(_recipe_line(line[len(head) + 1 :]))

    def _export(self, names: Iterable[str]) -> None:
        self.exported.update(name for name in names if name in MODE_VARIABLES)

    def _logical_line(self, position: int) -> tuple[MappedText, int]:
        """Return a line with those it is continued in, and the position behind them."""
        begin = position
        while position < len(self.text):
            match = _LINE.match(self.text, position)
            assert match is not None
            position = match.end()
            if not _CONTINUED.search(match[0].removesuffix("\n")):
                break
        return MappedText.of(self.text[begin:position], begin), position

    def _definition(self, position: int) -> tuple[MappedText, int]:
        lines: list[MappedText] = []
        while position < len(self.text):
            line, position = self._logical_line(position)
            if _ENDEF.match(line.text):
                break
            lines.append(_recipe_line(line))
        return MappedText.joined(lines), position

    def _expanded(self, line: MappedText, depth: int = 0) -> MappedText:
        if "$" not in line.text:
            return line

        def value_of(match: re.Match[str]) -> MappedText | str:
            reference = match[0]
            if reference == "$$":
                # The shell gets `$`, and must not take what make filled in for a part of its own name.
                return "$"
            name = reference[2:-1] if reference[1] in "({" else reference[1]
            variable = self.variables.get(name.strip())
            if variable is None or not variable.is_clear or depth >= _MAX_DEPTH:
                return unknown_name(name)
            if not variable.values or not variable.values[0].text.strip():
                return unknown_name(name)  # empty: there for the caller to give options
            value = self._expanded(variable.values[0], depth + 1)
            return value if len(value) <= _MAX_LENGTH else unknown_name(name)

        return substituted(line, _REFERENCE, value_of)


def _recipe_line(line: MappedText) -> MappedText:
    """Return a line of a recipe as the shell gets it: the tab at its beginning, and after continuations, goes."""
    tabs = [match.start() + len(match[0]) - 1 for match in re.finditer(r"(?:^|\n)\t", line.text)]
    return line.without(tabs) if tabs else line


def without_prefix(line: MappedText) -> MappedText:
    """Take off ``@``, ``-`` and ``+``, which tell make how to run a line."""
    match = _PREFIX.match(line.text)
    return line if match is None else line[match.end() :]


def _without_comment(value: MappedText) -> MappedText:
    text = re.sub(r"(?<!\\)#.*", "", value.text, count=1, flags=re.DOTALL).rstrip()
    return value[: len(text)]


def _split(line: MappedText) -> Iterator[MappedText]:
    """Yield the lines of a recipe line that a ``define`` made several of; continued ones stay together."""
    begin = 0
    for match in re.finditer(r"\n", line.text):
        if not _CONTINUED.search(line.text[begin : match.start()].rpartition("\n")[2]):
            yield line[begin : match.end()]
            begin = match.end()
    if begin < len(line):
        yield line[begin:]
