"""justfiles: the lines of a recipe are shell, each for itself; a recipe that begins with ``#!`` is one script."""

from __future__ import annotations

import re
from dataclasses import replace

from wbsignal_lint.launch.documents import shebang_is_shell
from wbsignal_lint.launch.hosts.makefile import without_prefix
from wbsignal_lint.launch.hosts.parts import Hosted, ShellPart, substituted, unknown_name
from wbsignal_lint.launch.mapped import MappedText
from wbsignal_lint.launch.recording import MODE_VARIABLES, told_in
from wbsignal_lint.launch.wrappers import SHELLS

__all__ = ["read_justfile"]

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_ASSIGNMENT = re.compile(r"(export[ \t]+)?([A-Za-z_][\w-]*)[ \t]*:=[ \t]*(.*)", re.ASCII)
_EXPORT_SETTING = re.compile(r"set[ \t]+export(?:[ \t]*:=[ \t]*true)?[ \t]*$", re.MULTILINE)
_STRING = re.compile(r"\"([^\"\\]*)\"|'([^']*)'")
_RECIPE = re.compile(r"@?[A-Za-z_][\w-]*(?:[ \t][^:\n]*|[ \t]*):(?!=)", re.ASCII)
_SHELL_SETTING = re.compile(r"set[ \t]+(?:windows-)?shell[ \t]*:=[ \t]*\[[ \t]*[\"']([^\"']*)")
_EXPRESSION = re.compile(r"\{\{\{\{|\{\{(.*?)\}\}", re.DOTALL)


def read_justfile(text: str) -> Hosted:
    """Find what the recipes of a justfile run."""
    variables: dict[str, MappedText | None] = {}
    recipes: list[tuple[str, list[MappedText]]] = []
    exported: set[str] = set()
    body: list[MappedText] | None = None
    for match in _LINE.finditer(text):
        line = match[0]
        if line.startswith((" ", "\t")):
            if body is not None:
                body.append(MappedText.of(line, match.start()))
            continue
        if not line.strip():
            continue
        body = None
        setting = _SHELL_SETTING.match(line)
        if setting is not None and setting[1].rpartition("/")[2] not in SHELLS:
            return Hosted()
        assignment = _ASSIGNMENT.match(line)
        if assignment is not None:
            variables[assignment[2]] = _value(assignment, match.start())
            if assignment[1] is not None:
                exported.add(assignment[2])
        elif _EXPORT_SETTING.match(line):
            exported.update(MODE_VARIABLES)
        elif _RECIPE.match(line):
            body = []
            recipes.append((line, body))
    values = ((name, variables.get(name)) for name in MODE_VARIABLES if name in exported)
    environment = {name: value.text for name, value in values if value is not None}
    parts: list[ShellPart] = []
    for head, recipe in recipes:
        own = {name: value for name, value in told_in(head).items() if f"${name}" in head}
        parts += (replace(part, environment={**environment, **own}) for part in _parts(recipe, variables))
    return Hosted(tuple(parts))


def _value(assignment: re.Match[str], offset: int) -> MappedText | None:
    """Return the value of ``name := "text"``; anything else is made when the recipe runs."""
    string = _STRING.fullmatch(assignment[3].split(" #")[0].strip())
    if string is None:
        return None
    inner = string[1] if string[1] is not None else string[2]
    return MappedText.of(inner, offset + assignment.start(3) + assignment[3].index(inner, 1))


def _parts(recipe: list[MappedText], variables: dict[str, MappedText | None]) -> list[ShellPart]:
    if not recipe:
        return []
    indent = len(recipe[0].text) - len(recipe[0].text.lstrip(" \t"))
    lines = [_filled(line[min(indent, len(line.text) - len(line.text.lstrip(" \t"))) :], variables) for line in recipe]
    whole = MappedText.joined(lines)
    if whole.text.startswith("#!"):
        return [ShellPart(whole)] if shebang_is_shell(whole.text) else []
    parts: list[ShellPart] = []
    pending: list[MappedText] = []
    for line in lines:
        pending.append(line if pending else without_prefix(line))
        if not line.text.rstrip("\r\n").endswith("\\"):
            parts.append(ShellPart(MappedText.joined(pending)))
            pending = []
    if pending:
        parts.append(ShellPart(MappedText.joined(pending)))
    return [part for part in parts if part.text.text.strip()]


def _filled(line: MappedText, variables: dict[str, MappedText | None]) -> MappedText:
    def value_of(match: re.Match[str]) -> MappedText | str:
        if match[1] is None:
            return "{{"
        name = match[1].strip()
        return variables.get(name) or unknown_name(name)

    return substituted(line, _EXPRESSION, value_of)
