"""Commands that run what they read, and the ``sbatch`` that submits what a script writes down as a job."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping

from wbsignal_lint.launch.running import is_script_name
from wbsignal_lint.launch.shell_text import ShellCommand, ShellText
from wbsignal_lint.launch.wrappers import MENTIONS, SCRIPT_READERS, SHELLS

__all__ = ["is_shell_word", "program_of", "runs_its_input", "submitter_of", "unquoted"]

_QUOTES = str.maketrans("", "", "'\"{}")
_LEAVE_IT_AS_IT_IS = frozenset(
    {"sbatch", "chmod", "rm", "mkdir", "cat", "echo", "printf", "tee", "ls", "cp", "head", "test", "[", "[["}
)
"""Commands that may name a job script and don't change what stands in it, but for their redirections."""


def unquoted(text: str) -> str:
    """Return a word as written, without its quotes and the braces of ``${name}``."""
    return text.translate(_QUOTES)


def program_of(command: ShellCommand) -> str:
    """Return the name of the program that a command names first, without its folder."""
    return unquoted(command.words[0].text).rpartition("/")[2]


def submitter_of(command: ShellCommand, shell: ShellText) -> ShellCommand | None:
    """Return the ``sbatch`` that submits what a command gets or prints as a job; ``None``: there is none.

    That is ``sbatch <<EOF`` itself, the ``sbatch`` that its pipe ends in, or one that names the file that the command
    writes, if nothing else writes to that file: of a job put together from several pieces, one is no job yet.
    """
    if not runs_its_input(command):
        later = (one for one in command.pipeline.commands if one.stage > command.stage and runs_its_input(one))
        reader = next(later, None)
        if reader is None:
            return next((submit for name in _written_by(command) if (submit := _submitted(shell).get(name))), None)
        command = reader
    return command if program_of(command) == "sbatch" else None


def _written_by(command: ShellCommand) -> Iterator[str]:
    """Yield the files, as named in the script, that what a command gets or prints is written to."""
    for one in (command, *(later for later in command.pipeline.commands if later.stage > command.stage)):
        for redirect in (*one.redirects, *one.outer_redirects):
            if redirect.writes and redirect.target is not None:
                yield _file(redirect.target.text)
        if program_of(one) == "tee":
            yield from (_file(word.text) for word in one.words[1:] if not word.text.startswith("-"))


def _file(word: str) -> str:
    return unquoted(word).removeprefix("./")


@functools.lru_cache(maxsize=16)
def _submitted(shell: ShellText) -> Mapping[str, ShellCommand]:
    """Return the files that one command of the script writes, and no other one may change, and what submits them."""
    submitted: dict[str, ShellCommand] = {}
    writers: dict[str, int] = {}
    for command in shell.commands:
        program = program_of(command)
        for name in _written_by(command):
            writers[name] = writers.get(name, 0) + 1
        for word in command.words[1:]:
            if program == "sbatch":
                submitted.setdefault(_file(word.text), command)
            elif program not in _LEAVE_IT_AS_IT_IS:
                writers[_file(word.text)] = 2
        if program == "sbatch":
            for redirect in command.redirects:
                if redirect.operator == "<" and redirect.target is not None:
                    submitted.setdefault(_file(redirect.target.text), command)
    return {name: submit for name, submit in submitted.items() if writers.get(name) == 1}


def runs_its_input(command: ShellCommand) -> bool:
    """Whether a command runs what it reads: a shell or ``sbatch`` without a file, ``ssh host``, ``parallel``."""
    texts = [unquoted(word.text) for word in command.words]
    names = [text.rpartition("/")[2] for text in texts]
    if names[0] in MENTIONS:
        return False
    for index, name in enumerate(names):
        # `ssh host 'bash -s'`
        parts = name.split()
        reader = next((part for part in parts if part in SHELLS), name)
        if reader not in SCRIPT_READERS:
            continue
        following = texts[index + 1 :] if len(parts) <= 1 else parts[parts.index(reader) + 1 :]
        if reader in SHELLS:
            operands = [text for text in following if not text.startswith(("-", "+"))]
            return "-s" in following or not operands or operands[0] in ("-", "/dev/stdin")
        if reader == "ssh":
            return not any(is_shell_word(text) for text in following) or _is_read_remotely(following)
        if reader == "sbatch":
            return not any(is_script_name(text) or text.startswith("--wrap") for text in following)
        return True
    return False


def is_shell_word(text: str) -> bool:
    """Whether a word names a shell."""
    return any(part.rpartition("/")[2] in SHELLS for part in text.split())


def _is_read_remotely(following: list[str]) -> bool:
    parts = " ".join(following).split()
    index = next(index for index, part in enumerate(parts) if part.rpartition("/")[2] in SHELLS)
    return all(part.startswith("-") for part in parts[index + 1 :])
