"""A command line → what it runs in the end: wrappers are taken off, quoted scripts are handed out to be read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from wbsignal_lint.launch.facts import Runner, Word
from wbsignal_lint.launch.mapped import MappedText
from wbsignal_lint.launch.wrappers import MENTIONS, SHELLS, WRAPPERS, Then, Wrapper

__all__ = ["CLIENTS", "Innermost", "Script", "is_script_name", "unwrap"]

CLIENTS = frozenset({"wandb", "wb", "wandb.exe"})
"""The names under which the wandb client installs its command line."""

_MAX_LINKS = 40
_PYTHON = re.compile(r"(?:python|pypy)[\d.]*[dtw]?(?:\.exe)?|py")
_SCRIPT_NAME = re.compile(
    r"\.(?:sh|bash|zsh|ksh|sbatch|slurm|slrm|slm|sl|job|pbs|lsf|qsub|batch|srun|command|run)$", re.I
)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=", re.ASCII)
_COMMAND_OPTIONS = frozenset({"--command", "--cmd", "--wrap", "--exec"})
_SPEAKS = re.compile(r"echo|log|print|say|msg|message", re.I)
_STUFFED_ENTER = re.compile(r"(?:\\n|\\r|\\015|\^M|\s)+$")
_TYPED_KEYS = {
    "Enter": "\n",
    "C-m": "\n",
    "C-M": "\n",
    "KPEnter": "\n",
    "^M": "\n",
    "C-j": "\n",
    "Space": " ",
    "Tab": "\t",
}


def is_script_name(name: str) -> bool:
    """Whether a file of this name holds a shell or job script."""
    return _SCRIPT_NAME.search(name) is not None


@dataclass(frozen=True)
class Innermost:
    """A command that runs nothing further that the file tells."""

    words: tuple[Word, ...]
    runners: tuple[Runner, ...]


@dataclass(frozen=True)
class Script:
    """Shell text that is run: the argument of ``bash -c``, of ``eval``, of ``ssh`` …"""

    text: MappedText
    runners: tuple[Runner, ...]


def unwrap(words: Sequence[Word], run_arguments: Mapping[str, bool]) -> Iterator[Innermost | Script]:
    """Follow a command through what runs it.

    :param words: the command's words, after expansion.
    :param run_arguments: the functions of the file that run their arguments, and whether all of these are the command.
    """
    if words and words[0].program in ("tmux", "byobu"):
        # tmux new-session -d \; send-keys '…' Enter: several tmux commands in one
        ends = [index for index, word in enumerate(words) if word.value == ";"]
        if ends:
            for start, end in zip([0, *ends], [*ends, len(words)], strict=True):
                yield from unwrap([words[0], *words[start + 1 : end]], run_arguments)
            return
    rest = list(words)
    runners: list[Runner] = []
    for _ in range(_MAX_LINKS):
        while rest and runners and _ASSIGNMENT.match(rest[0].pattern) and runners[-1].name in ("env", "sudo"):
            del rest[0]
        if not rest:
            return
        step = _step(rest, run_arguments, is_run=bool(runners))
        if step is None:
            yield Innermost(tuple(rest), tuple(runners))
            return
        runners.append(Runner(rest[0].program, rest[0].span))
        if isinstance(step, MappedText):
            yield Script(step, tuple(runners))
            return
        rest = step


def _step(words: list[Word], run_arguments: Mapping[str, bool], *, is_run: bool) -> list[Word] | MappedText | None:
    """Take one link off: the words of the command it runs, or the script; ``None`` when it runs nothing."""
    head = words[0]
    program = "python" if _PYTHON.fullmatch(head.program) else head.program
    if program in CLIENTS and not (len(words) > 1 and words[1].value == "docker-run"):
        return None
    if program in SHELLS:
        return _shell(words)
    if program == "find":
        return _found(words)
    if program == "screen":
        typed = _stuffed(words)
        if typed is not None:
            return typed
    if run_arguments.get(program):
        return words[1:] or None
    wrapper = WRAPPERS.get(program)
    if wrapper is not None:
        return _through(wrapper, words)
    if program in MENTIONS:
        return None
    # A program that is not known: a launcher script, a variable, a function. It is taken to run `wandb agent` only if
    # these stand among its arguments as words of their own.
    speaks = not program and _SPEAKS.search(head.literal.text) is not None
    runs = is_run or not program or "/" in head.pattern or is_script_name(program) or program in run_arguments
    if speaks:
        return None
    if runs:
        return _further_right(words) or _script_option(_COMMAND_OPTIONS, words)
    return _behind_dashes(words)


def _through(wrapper: Wrapper, words: list[Word]) -> list[Word] | MappedText | None:
    if wrapper.scripts:
        text = _script_option(wrapper.scripts, words)
        if text is not None:
            return text
    rest, dashes = _behind_options(wrapper, words)
    if wrapper.subcommands:
        inner = wrapper.subcommands.get(rest[0].value or "") if rest else None
        if inner is not None:
            return _through(inner, rest)
        return None if rest and rest[0].value is not None else _further_right(words)
    if wrapper.then is Then.NOTHING:
        return None
    if wrapper.then is Then.MODULE:
        return _module(words)
    if wrapper.then is Then.DASHES:
        return _behind_dashes(words)
    if wrapper.then is Then.KEYS:
        return _typed(rest)
    if wrapper.then is Then.FILE:
        return _further_right(rest)
    behind_options = rest
    if not dashes or wrapper.operands:
        rest = rest[wrapper.operands :]
        if rest and rest[0].value == "--":
            rest = rest[1:]
    if wrapper.assignments:
        while rest and _ASSIGNMENT.match(rest[0].pattern):
            rest = rest[1:]
    end = next((index for index, word in enumerate(rest) if word.value in wrapper.ends), len(rest))
    rest = rest[:end]
    if wrapper.then is Then.SHELL or (wrapper.then is Then.EITHER and len(rest) == 1):
        return _as_script(rest) if rest else None
    if not rest or not _is_known(rest[0]):
        # An option or operand that the table does not know; but no argument of one it knows (`srun -J wandb agent`).
        return _further_right(behind_options) or rest or None
    return rest


def _is_known(word: Word) -> bool:
    name = word.program
    return (
        name in CLIENTS
        or name in WRAPPERS
        or name in MENTIONS
        or name in SHELLS
        or _PYTHON.fullmatch(name) is not None
        or is_script_name(name)
    )


def _behind_options(wrapper: Wrapper, words: list[Word]) -> tuple[list[Word], bool]:
    """Return what follows the options of ``words[0]``, and whether ``--`` ended them."""
    index = 1
    while index < len(words):
        pattern = words[index].pattern
        if pattern == "--":
            return words[index + 1 :], True
        if words[index].is_opaque and any(part.is_elastic for part in words[index].unknowns):
            if wrapper.operands and not words[index].is_named_as_options:
                break  # `ssh $HOST …`
            index += 1  # `srun $OPTIONS …`
            continue
        if not pattern.startswith("-") or pattern == "-":
            break
        if pattern in wrapper.long:
            index += 2
        elif pattern.startswith("--") or (len(pattern) > 2 and not wrapper.clusters):
            index += 1
        else:
            letters = pattern[1:]
            valued = next((at for at, letter in enumerate(letters) if letter in wrapper.short), None)
            index += 2 if valued == len(letters) - 1 else 1
    return words[index:], False


def _script_option(options: frozenset[str], words: list[Word]) -> MappedText | None:
    """Return the argument of an option that takes shell text."""
    letters = {option[1] for option in options if not option.startswith("--")}
    for index, word in enumerate(words[1:], 1):
        pattern = word.pattern
        name, equals, _ = pattern.partition("=")
        following = words[index + 1].literal if index + 1 < len(words) else None
        if pattern in options:
            return following
        if equals and name in options:
            return word.literal[len(name) + 1 :]
        if re.fullmatch(r"-[A-Za-z]+", pattern) and pattern[-1] in letters:
            return following
    return None


def _shell(words: list[Word]) -> list[Word] | MappedText | None:
    """``bash [options] -c script``, or ``bash [options] file arguments``."""
    index = 1
    while index < len(words):
        pattern = words[index].pattern
        if not pattern.startswith(("-", "+")) or len(pattern) < 2:
            break
        if pattern.startswith("--"):
            index += 2 if pattern in ("--rcfile", "--init-file") else 1
        elif "c" in pattern[1:]:
            index += 1
            while index < len(words) and re.fullmatch(r"-[A-Za-z]+|--", words[index].pattern):
                index += 1  # `bash -c -l '…'`
            return words[index].literal if index < len(words) else None
        else:
            index += 2 if pattern[-1] in "oO" else 1
    return _further_right(words[index:])


def _module(words: list[Word]) -> list[Word] | MappedText | None:
    """``python -m wandb …``; or a Python script that gets a command among its arguments."""
    for index, word in enumerate(words[1:], 1):
        if not word.pattern.startswith("-"):
            if word.pattern.endswith(".py"):
                break
            continue  # the argument of an option, or an unknown
        if word.pattern == "-c":
            return None
        match = re.fullmatch(r"-[BEIOPRSbdiqsuvx]*m(.*)", word.pattern, re.DOTALL)
        if match is None:
            continue
        if match[1]:
            name = replace(word, pattern=match[1], literal=word.literal[len(word.pattern) - len(match[1]) :])
            module = [name, *words[index + 1 :]]
        else:
            module = words[index + 1 :]
        return module if module and module[0].value == "wandb" else None
    return _further_right(words[1:]) or _script_option(_COMMAND_OPTIONS, words)


def _found(words: list[Word]) -> list[Word] | None:
    """``find … -exec command … ;``"""
    for index, word in enumerate(words):
        if word.value in ("-exec", "-execdir", "-ok", "-okdir"):
            end = next((at for at in range(index + 1, len(words)) if words[at].value in (";", "+")), len(words))
            return words[index + 1 : end]
    return None


def _stuffed(words: list[Word]) -> MappedText | None:
    """``screen -X stuff 'text'``: typed into a terminal."""
    values = [word.value for word in words]
    if "stuff" in values:
        text = MappedText.joined(word.literal for word in words[values.index("stuff") + 1 :])
        return text[: len(_STUFFED_ENTER.sub("", text.text))]
    return None


def _typed(words: list[Word]) -> MappedText:
    """``tmux send-keys 'text' Enter``."""
    return MappedText.joined(
        MappedText.nowhere(_TYPED_KEYS[word.pattern]) if word.pattern in _TYPED_KEYS else word.literal for word in words
    )


def _as_script(words: list[Word]) -> MappedText:
    """Join arguments by blanks, as ``eval`` and ``ssh`` do."""
    pieces: list[MappedText] = []
    for word in words:
        if pieces:
            pieces.append(MappedText.nowhere(" "))
        literal = word.literal
        if literal.text and word.insertion_point == literal.ends[-1]:
            separable = [False] * len(literal) if literal.separable is None else list(literal.separable)
            separable[-1] = True
            literal = MappedText(literal.text, literal.starts, literal.ends, separable, literal.home)
        pieces.append(literal)
    return MappedText.joined(pieces)


def _starts_agent(words: list[Word]) -> bool:
    """Whether these words begin with ``wandb agent``, ``… -m wandb agent`` or a shell with ``-c``."""
    values = [word.value for word in words[:4]]
    if words[0].program in CLIENTS and len(words) > 1:
        return values[1] == "agent"
    if values[:3] == ["-m", "wandb", "agent"]:
        return True
    return words[0].program in SHELLS and any(re.fullmatch(r"-[a-z]*c", value or "") for value in values[1:])


def _further_right(words: list[Word]) -> list[Word] | None:
    for index in range(len(words)):
        if _starts_agent(words[index:]):
            found = words[index:]
            return found[1:] if found[0].value == "-m" else found
    return None


def _behind_dashes(words: list[Word]) -> list[Word] | None:
    index = next((index for index, word in enumerate(words) if word.value == "--"), len(words))
    return words[index + 1 :] or None
