"""``[tool.wbsignal-lint]`` in pyproject.toml: found, read, checked."""

from __future__ import annotations

import difflib
import functools
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wbsignal_lint.contract import PREEMPTION_SIGNALS
from wbsignal_lint.formats import format_names
from wbsignal_lint.patterns import compile_patterns

__all__ = [
    "DEFAULT_EXCLUDES",
    "Settings",
    "SettingsError",
    "nearest_settings",
    "read_settings",
    "signal_names",
]

DEFAULT_EXCLUDES = (
    *(
        ".bzr",
        ".direnv",
        ".eggs",
        ".git",
        ".hg",
        ".ipynb_checkpoints",
        ".mypy_cache",
        ".nox",
        ".pytest_cache",
        ".ruff_cache",
    ),
    *(
        ".svn",
        ".tox",
        ".venv",
        "__pycache__",
        "__pypackages__",
        "build",
        "dist",
        "node_modules",
        "site-packages",
        "venv",
    ),
)
"""Folders that hold no source of the project's own."""

_TABLE = "wbsignal-lint"


class SettingsError(Exception):
    """A settings file that can't be used; the message names the file and the key."""


@dataclass(frozen=True)
class Settings:
    """What a project has decided. ``None`` means that nothing was said."""

    root: Path = field(default_factory=Path.cwd)
    """The folder that patterns are relative to."""
    select: tuple[str, ...] | None = None
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_file_ignores: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Pairs of a pattern and the selectors that are off in the files it matches."""
    exclude: tuple[str, ...] = DEFAULT_EXCLUDES
    extend_exclude: tuple[str, ...] = ()
    caller_exclude: tuple[str, ...] = ()
    """Patterns from the command line, relative to the current folder."""
    preemption_signals: tuple[str, ...] = PREEMPTION_SIGNALS
    training_calls: tuple[str, ...] = ()
    output_format: str = "full"
    fix: bool = False
    unsafe_fixes: bool = False
    force_exclude: bool = False
    respect_gitignore: bool = True
    documentation: bool = False
    """Whether the code blocks of Markdown and reStructuredText files found in folders are linted."""


class _WrongValue(Exception):
    """The value of a key has the wrong type or is not one of the possible ones; the message says what it must be."""


def _glued(error: _WrongValue) -> str:
    """Return the message as it goes on after a key."""
    message = str(error)
    return message if message.startswith((":", "[")) else f" {message}"


def _strings(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _WrongValue("must be a list of strings")
    return tuple(value)


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise _WrongValue("must be true or false")
    return value


def _output_format(value: object) -> str:
    if value not in format_names():
        raise _WrongValue(f"must be one of {', '.join(format_names())}")
    return str(value)


def _selectors(value: object) -> tuple[str, ...]:
    # Only here are the rules imported: a project that selects nothing does not pay for them.
    from wbsignal_lint.selection import UnknownSelector, check_selector

    selectors = _strings(value)
    for selector in selectors:
        try:
            check_selector(selector)
        except UnknownSelector as error:
            raise _WrongValue(f": {error}") from None
    return selectors


def _patterns(value: object) -> tuple[str, ...]:
    patterns = _strings(value)
    try:
        compile_patterns(patterns)
    except ValueError as error:
        raise _WrongValue(f": {error}") from None
    return patterns


def _per_file_ignores(value: object) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if not isinstance(value, dict):
        raise _WrongValue("must be a table of file patterns with a list of codes each")
    _patterns(list(value))
    pairs: list[tuple[str, tuple[str, ...]]] = []
    for pattern, codes in value.items():
        try:
            pairs.append((pattern, _selectors(codes)))
        except _WrongValue as error:
            raise _WrongValue(f"[{pattern!r}]{_glued(error)}") from None
    return tuple(pairs)


def _signals(value: object) -> tuple[str, ...]:
    try:
        return signal_names(_strings(value))
    except ValueError as error:
        raise _WrongValue(f": {error}") from None


_KEYS: Mapping[str, Callable[[object], object]] = {
    "select": _selectors,
    "extend-select": _selectors,
    "ignore": _selectors,
    "per-file-ignores": _per_file_ignores,
    "exclude": _patterns,
    "extend-exclude": _patterns,
    "preemption-signals": _signals,
    "training-calls": _strings,
    "output-format": _output_format,
    "fix": _boolean,
    "unsafe-fixes": _boolean,
    "force-exclude": _boolean,
    "respect-gitignore": _boolean,
    "documentation": _boolean,
}


def signal_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return the full names of signals: ``term`` and ``SIGTERM`` both give ``SIGTERM``.

    Raises:
        ValueError: there is no such signal, or no process can handle it.
    """
    known = [member.name for member in signal.Signals]
    result: list[str] = []
    for name in names:
        full = name.strip().upper()
        full = full if full.startswith("SIG") else f"SIG{full}"
        if full in ("SIGKILL", "SIGSTOP"):
            raise ValueError(f"{full} can't be handled by any process")
        if full not in known:
            close = difflib.get_close_matches(full, known, n=1)
            raise ValueError(f"there is no signal {name!r}" + (f" (did you mean {close[0]}?)" if close else ""))
        result.append(full)
    return tuple(dict.fromkeys(result))


def read_settings(file: Path) -> Settings | None:
    """Read the ``[tool.wbsignal-lint]`` table of a TOML file.

    Returns:
        The settings, or ``None`` if the file has no such table.

    Raises:
        SettingsError: the file can't be read, is no TOML, or the table has an unknown key or a wrong value.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise SettingsError(f"{file}: can't be read: {error.strerror or error}") from None
    if _TABLE.encode() not in data:
        # Not ours to complain about, even if it is no TOML at all.
        return None
    table = _parse(file, data).get("tool", {})
    table = table.get(_TABLE) if isinstance(table, dict) else None
    if table is None:
        return None
    if not isinstance(table, dict):
        raise SettingsError(f"{file}: tool.{_TABLE} must be a table")
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in _KEYS:
            close = difflib.get_close_matches(key.replace("_", "-"), _KEYS, n=1)
            hint = f" (did you mean {close[0]!r}?)" if close else f" (known are: {', '.join(sorted(_KEYS))})"
            raise SettingsError(f"{file}: [tool.{_TABLE}] has no key {key!r}{hint}")
        try:
            values[key.replace("-", "_")] = _KEYS[key](value)
        except _WrongValue as error:
            raise SettingsError(f"{file}: [tool.{_TABLE}] {key}{_glued(error)}") from None
    return Settings(root=file.parent, **values)


def _parse(file: Path, data: bytes) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: not valid TOML: {error}") from None


@functools.cache
def nearest_settings(folder: Path) -> Settings:
    """Return the settings of the nearest pyproject.toml with our table, from an absolute folder upwards.

    Raises:
        SettingsError: see `read_settings`.
    """
    file = folder / "pyproject.toml"
    if file.is_file():
        settings = read_settings(file)
        if settings is not None:
            return settings
    if folder.parent == folder:
        return Settings()
    return nearest_settings(folder.parent)
