"""What the files of a project say about its dependencies: requirements, declarations, locks, conda environments."""

from __future__ import annotations

import ast
import configparser
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from wbsignal_lint.pins.versions import Pin

__all__ = ["RANKS", "declarations_in"]

RANKS = (
    (0, re.compile(r"(uv|poetry|pdm|Pipfile)\.lock|pylock(\.[\w-]+)?\.toml")),
    (1, re.compile(r"requirements\.txt|(environment|conda)\.ya?ml")),
    (2, re.compile(r"pyproject\.toml|setup\.(cfg|py)|Pipfile|(environment|conda)[\w.-]+\.ya?ml")),
    (2, re.compile(r"requirements[\w.-]*\.(txt|in)|requirements/[\w.-]+\.(txt|in)")),
)
"""The files that can pin something, and how much they say about what is really installed: 0 most."""

_MAX_INCLUDES = 20

Found = Iterator[tuple[str, str]]
"""Names of packages as written, with a specifier each."""

_REQUIREMENT = re.compile(
    r"""\s*(?P<name>[A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*\(?
        (?P<specifier>(?:(?:===|==|~=|!=|<=|>=|<|>)\s*[\w.*+!-]+\s*,?\s*)*)\)?\s*(?:$|[;\#\\]|--)""",
    re.VERBOSE,
)
_LOCKED = re.compile(r'(?m)^name = "([^"\n]+)"\r?\nversion = "([^"\n]+)"')
"""A package in the lock files of uv, poetry and pdm, as these tools write it; parsing a big one as TOML takes long."""
_CONDA = re.compile(
    r"""^\s*-\s*(?P<quote>["']?)(?:[\w.-]+::)?(?P<name>[A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?
        \s*(?P<specifier>=[\w.*]+|(?:(?:===|==|~=|!=|<=|>=|<|>)\s*[\w.*+!-]+\s*,?\s*)*)
        (?:=[\w.*]+)?(?P=quote)\s*(?:\#.*)?$""",
    re.VERBOSE,
)
_INCLUDED = re.compile(r"(?:-r|-c|--requirement|--constraint)[\s=]*(\S+)")


def declarations_in(file: Path) -> Iterator[tuple[str, Pin]]:
    """Yield what a file pins: normalised names of packages, with the versions it allows.

    Packages of which it says only that they are needed are left out. A file that can't be read says nothing: that is
    for the tools to complain about that it belongs to.
    """
    try:
        found = list(_reader_of(file.name)(file))
    except (OSError, ValueError, SyntaxError, RecursionError, configparser.Error):
        return
    for name, specifier in found:
        specifier = ",".join(part.strip() for part in specifier.split(",") if part.strip())
        if specifier:
            yield re.sub(r"[-_.]+", "-", name).lower(), Pin((specifier,), file)


def _reader_of(name: str) -> Callable[[Path], Found]:
    if name == "Pipfile.lock":
        return _pipfile_lock
    if name.endswith(".lock") or name.startswith("pylock"):
        return _lock
    if name.endswith((".yml", ".yaml")):
        return _conda
    exact: dict[str, Callable[[Path], Found]] = {
        "pyproject.toml": _pyproject,
        "setup.cfg": _setup_cfg,
        "setup.py": _setup_py,
        "Pipfile": _pipfile,
    }
    return exact.get(name, _requirements)


def _requirement(line: str) -> Found:
    """Read one requirement of pip's: ``wandb[sweeps]>=0.17,<0.18; python_version > "3.8"``."""
    match = _REQUIREMENT.match(line)
    if match is not None:
        yield match["name"], match["specifier"]


def _requirements(file: Path, seen: frozenset[Path] = frozenset()) -> Found:
    for line in file.read_text(encoding="utf-8-sig", errors="replace").splitlines():
        included = _INCLUDED.match(line.strip())
        if included is None:
            yield from _requirement(line)
        elif (
            (other := file.parent / included[1]) not in seen | {file} and len(seen) < _MAX_INCLUDES and other.is_file()
        ):
            yield from _requirements(other, seen | {file})


def _lock(file: Path) -> Found:
    for name, version in _LOCKED.findall(file.read_text(encoding="utf-8", errors="replace")):
        yield name, f"=={version}"


def _pipfile_lock(file: Path) -> Found:
    data = json.loads(file.read_text(encoding="utf-8"))
    for section in ("default", "develop"):
        for name, entry in _table(data, section).items():
            yield name, str(entry.get("version", "")) if isinstance(entry, dict) else ""


def _conda(file: Path) -> Found:
    """Read a conda environment line by line; its section for pip has the same form."""
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        match = _CONDA.match(line)
        if match is None:
            continue
        # conda's own `=0.17` means any 0.17.
        yield match["name"], re.sub(r"^=(?!=)([\w.]+?)(\.?\*)?$", r"==\1.*", match["specifier"])


def _toml(file: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(file.read_text(encoding="utf-8"))


def _table(data: object, *keys: str) -> Mapping[str, Any]:
    """Return a table inside tables; empty if there is none."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def _lines(value: object) -> Found:
    for line in value if isinstance(value, list) else ():
        if isinstance(line, str):
            yield from _requirement(line)


def _pyproject(file: Path) -> Found:
    data = _toml(file)
    yield from _lines(_table(data, "project").get("dependencies"))
    for key in ("dev-dependencies", "constraint-dependencies", "override-dependencies"):
        yield from _lines(_table(data, "tool", "uv").get(key))
    for groups in (
        _table(data, "project", "optional-dependencies"),
        _table(data, "dependency-groups"),
        _table(data, "tool", "pdm", "dev-dependencies"),
    ):
        for group in groups.values():
            yield from _lines(group)
    poetry = _table(data, "tool", "poetry")
    yield from _poetry(_table(poetry, "dependencies"))
    yield from _poetry(_table(poetry, "dev-dependencies"))
    for group in _table(poetry, "group"):
        yield from _poetry(_table(poetry, "group", group, "dependencies"))


def _poetry(table: Mapping[str, Any]) -> Found:
    """Read poetry's own notation: ``^0.17``, ``~0.17``, ``0.17.*``, ``{ version = "…" }``."""
    for name, entry in table.items():
        for one in entry if isinstance(entry, list) else [entry]:
            text = one.get("version", "") if isinstance(one, dict) else one
            if isinstance(text, str) and "|" not in text:
                yield name, ",".join(_poetry_clause(clause.strip()) for clause in text.split(","))


def _poetry_clause(clause: str) -> str:
    match = re.fullmatch(r"([\^~])\s*(\d+(?:\.\d+)*)\S*", clause)
    if match is not None:
        numbers = [int(number) for number in match[2].split(".")]
        kept = next((place for place, number in enumerate(numbers) if number), len(numbers) - 1)
        # A caret keeps the first number that is not 0, a tilde the minor version.
        kept = kept if match[1] == "^" else min(1, len(numbers) - 1)
        above = [*numbers[:kept], numbers[kept] + 1]
        return f">={match[2]},<{'.'.join(map(str, above))}"
    if clause == "*":
        return ""
    return f"=={clause}" if re.match(r"\d", clause) else clause


def _pipfile(file: Path) -> Found:
    data = _toml(file)
    for section in ("packages", "dev-packages"):
        for name, entry in _table(data, section).items():
            text = entry.get("version", "") if isinstance(entry, dict) else entry
            yield name, "" if not isinstance(text, str) or text == "*" else text


def _setup_cfg(file: Path) -> Found:
    parser = configparser.RawConfigParser(strict=False)
    parser.read_string(file.read_text(encoding="utf-8"))
    values = [parser.get("options", "install_requires", fallback="")]
    if parser.has_section("options.extras_require"):
        values += [value for _, value in parser.items("options.extras_require")]
    for value in values:
        for line in value.splitlines():
            yield from _requirement(line)


def _setup_py(file: Path) -> Found:
    """Read the requirements that stand in setup.py as strings; nothing is run."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.keyword) and node.arg in ("install_requires", "extras_require"):
            for child in ast.walk(node.value):
                if isinstance(child, ast.Constant) and isinstance(child.value, str):
                    yield from _requirement(child.value)
