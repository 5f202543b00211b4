"""Find the files to lint: those that are named, and those in folders that are neither ignored nor excluded."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from wbsignal_lint.diagnostics import Problem
from wbsignal_lint.settings import Settings
from wbsignal_lint.sources.excluded import excludes_of
from wbsignal_lint.sources.ignored import IgnoreFiles
from wbsignal_lint.sources.kinds import HEAD_SIZE, Kind, kind_of, may_have_kind

__all__ = ["Source", "find_sources", "shown_path", "stdin_source"]

SettingsOf = Callable[[Path], Settings]
"""Gives the settings for an absolute folder."""


@dataclass(frozen=True)
class Source:
    """One thing to lint."""

    filename: str
    """As reports show it: relative to the current folder when below it."""
    kind: Kind
    settings: Settings
    path: Path | None = None
    """The file itself, absolute and with links followed; ``None`` for standard input."""
    named: bool = True
    """Named by the caller, as opposed to found in a folder: then it is parsed even if W&B is not mentioned in it."""
    data: bytes | None = None
    """The content of standard input; files are read when they are linted."""


def shown_path(path: str) -> str:
    """Return how reports show a path: relative to the current folder when below it, else as it was given."""
    relative = os.path.relpath(path)
    return os.path.normpath(path) if relative == ".." or relative.startswith("../") else relative


def stdin_source(data: bytes, filename: str | None, settings_of: SettingsOf) -> Source | None:
    """Make a source of what came through standard input.

    Args:
        data: the bytes.
        filename: what ``--stdin-filename`` says; it decides on kind and settings, the file need not exist.
        settings_of: gives the settings for a folder.

    Returns:
        The source, or ``None`` if it is excluded and named files may be, too. What has no known kind is read as Python.
    """
    shown = shown_path(filename) if filename else "-"
    path = os.path.abspath(filename or "stdin")
    settings = settings_of(Path(path).parent)
    if filename and settings.force_exclude and _is_excluded(path, settings):
        return None
    kind = kind_of(filename or "", data[:HEAD_SIZE]) or Kind.PYTHON
    return Source(shown, kind, settings, data=data)


def find_sources(paths: Iterable[str], settings_of: SettingsOf) -> Iterator[Source | Problem]:
    """Yield the sources that paths stand for, each real file once, folders in the order of their names.

    A path that can't be read gives a `Problem`; the others go on.

    Args:
        paths: files and folders.
        settings_of: gives the settings for a folder: what is excluded, and whether git's ignore files count.
    """
    seen: set[str] = set()  # two names of one file must not be fixed side by side
    for path in paths:
        for found in _find(path, settings_of):
            if isinstance(found, Problem):
                yield found
                continue
            if str(found.path) not in seen:
                seen.add(str(found.path))
                yield found


def _find(path: str, settings_of: SettingsOf) -> Iterator[Source | Problem]:
    shown = shown_path(path)
    try:
        mode = os.stat(path).st_mode
    except ValueError:
        yield Problem(shown, "no path at all: it holds a NUL character")
        return
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        broken = missing and os.path.islink(path)
        reason = "a symbolic link to nothing" if broken else "no such file or folder" if missing else _reason(error)
        yield Problem(shown, reason)
        return
    absolute = os.path.abspath(path)
    if stat.S_ISDIR(mode):
        if _is_named_like_a_file(absolute) and not path.endswith(("/", os.sep)):
            yield Problem(shown, f"a folder, though named like a file (write {path}/ to lint what is in it)")
        elif not (settings_of(Path(absolute)).force_exclude and _is_excluded(absolute, settings_of(Path(absolute)))):
            yield from _Walk(settings_of).folder(path)
        return
    settings = settings_of(Path(absolute).parent)
    if settings.force_exclude and _is_excluded(absolute, settings):
        return
    if not stat.S_ISREG(mode):
        yield Problem(shown, f"{_describe_mode(mode)}, not a file (give its content to `-` with --stdin-filename)")
        return
    kind = _kind(absolute, shown)
    if isinstance(kind, Problem):
        yield kind
    elif kind is not None and not (settings.force_exclude and not _is_wanted(kind, settings)):
        yield Source(shown, kind, settings, Path(os.path.realpath(absolute)))
    elif not settings.force_exclude:
        yield Problem(shown, "not a kind wbsignal-lint reads, by name and by content")


class _Walk:
    """A walk down one folder; it never follows links to folders, so that it can't go round in circles."""

    def __init__(self, settings_of: SettingsOf) -> None:
        self._settings_of = settings_of

    def folder(self, top: str) -> Iterator[Source | Problem]:
        absolute = Path(os.path.realpath(top))
        ignored = IgnoreFiles.above(absolute) if self._settings_of(absolute).respect_gitignore else IgnoreFiles()
        # (path as shown, absolute path, ignore files of the folder above); a stack, so that depth costs no recursion.
        stack = [(shown_path(top), str(absolute), ignored)]
        while stack:
            shown, folder, above = stack.pop()
            settings = self._settings_of(Path(folder))
            try:
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except OSError as error:
                yield Problem(shown, f"can't be read: {_reason(error)}")
                continue
            ignored = above.entering(Path(folder)) if settings.respect_gitignore else IgnoreFiles()
            excludes = excludes_of(settings)
            folders: list[tuple[str, str, IgnoreFiles]] = []
            for entry in entries:
                is_folder = entry.is_dir(follow_symlinks=False)
                if not is_folder and not may_have_kind(entry.name):
                    continue
                if any(exclude.exclude(entry.path, is_folder) for exclude in excludes):
                    continue
                if ignored.ignore(entry.path, is_folder):
                    continue
                shown_entry = entry.name if shown == "." else os.path.join(shown, entry.name)
                if is_folder:
                    folders.append((shown_entry, entry.path, ignored))
                else:
                    yield from self._file(entry, shown_entry, settings)
            stack.extend(reversed(folders))

    def _file(self, entry: os.DirEntry[str], shown: str, settings: Settings) -> Iterator[Source | Problem]:
        try:
            mode = entry.stat().st_mode
        except OSError:
            # A link to nothing, such as the lock files of Emacs, or a file that is gone already.
            return
        if not stat.S_ISREG(mode):
            return  # a pipe, a socket, a device: nobody asked for it, and to read it may take for ever
        kind = _kind(entry.path, shown)
        if isinstance(kind, Kind) and not _is_wanted(kind, settings):
            return
        if isinstance(kind, Kind):
            # Only a link needs to be followed: the folders on the way are real already.
            path = os.path.realpath(entry.path) if entry.is_symlink() else entry.path
            yield Source(shown, kind, settings, Path(path), named=False)
        elif isinstance(kind, Problem) and kind_of(entry.name, b"") is not None:
            # What can't even be opened counts only where its name says that it is for us.
            yield kind


def _is_wanted(kind: Kind, settings: Settings) -> bool:
    """Return whether files of a kind are looked at where they are not named."""
    return kind is not Kind.DOCUMENTATION or settings.documentation


def _is_named_like_a_file(path: str) -> bool:
    """Return whether a folder's name is more likely to be meant for a file (``docker/makefile/`` is none)."""
    return kind_of(path, b"") is not None and bool(os.path.splitext(path)[1])


def _kind(path: str, shown: str) -> Kind | Problem | None:
    kind = kind_of(path, b"")
    if kind is not None and kind is not Kind.SHELL:
        return kind
    try:
        with open(path, "rb") as file:
            return kind_of(path, file.read(HEAD_SIZE))
    except OSError as error:
        return Problem(shown, f"can't be read: {_reason(error)}")


def _is_excluded(path: str, settings: Settings) -> bool:
    """Return whether an absolute path would not be met in a walk."""
    if any(excludes.exclude_named(path) for excludes in excludes_of(settings)):
        return True
    if not settings.respect_gitignore:
        return False
    folder = Path(path).parent
    ignored = IgnoreFiles.above(folder).entering(folder)
    return ignored.ignore_within(path)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _describe_mode(mode: int) -> str:
    if stat.S_ISFIFO(mode):
        return "a pipe"
    if stat.S_ISSOCK(mode):
        return "a socket"
    return "a device"
