"""The shell script that a command runs from a file beside the launch file."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from wbsignal_lint.diagnostics import LineIndex, Related, Span
from wbsignal_lint.launch.agent import agent_of
from wbsignal_lint.launch.batch import becomes_its_command, sources_unknown, speaks_of_resuming
from wbsignal_lint.launch.facts import Command, LaunchFile, Word
from wbsignal_lint.launch.in_play import speaks_of_wandb
from wbsignal_lint.launch.lookup import lookup_beside, text_beside
from wbsignal_lint.launch.processes import Fate, deliver, trap_in_force
from wbsignal_lint.launch.steps import Kill, Launch, ShellScript
from wbsignal_lint.launch.trainers import trainer_of
from wbsignal_lint.launch.wrappers import SHELLS

__all__ = [
    "Keeper",
    "ScriptBeside",
    "keeper_beside",
    "keeper_in_text",
    "kept_from_sigterm",
    "script_run_by",
    "script_started",
    "trainer_resumes",
    "trainer_text",
]

_MAX_SCRIPTS = 4
"""An entrypoint that ends in ``exec "$@"`` hands over to the next."""


@dataclass(frozen=True)
class ScriptBeside:
    """A shell script of the project. Spans in it count characters of that file."""

    name: str
    """As it was looked up."""
    text: str
    script: ShellScript

    def note(self, launch: Launch, message: str) -> Related:
        """Return a note on a command of the script."""
        row = LineIndex(self.text).position(launch.span.start).row
        return Related(Span(0, 0), message, f"line {row} of {self.name}")


@dataclass(frozen=True)
class Keeper:
    """A shell script of the project that a command runs, and whose shell keeps SIGTERM from what it starts."""

    word: Word
    """Names it in the command."""
    script: ScriptBeside
    child: Launch
    """The agent or trainer in it."""

    @property
    def notes(self) -> tuple[Related, ...]:
        """Where in the script the agent or trainer is started."""
        return (self.script.note(self.child, "it is started here"),)


def script_run_by(launch_file: LaunchFile, launch: Launch) -> tuple[str, ShellScript] | None:
    """Return the script file that a command runs: its name as written, and what it does.

    ``bash run.sh``, ``./run.sh``. Spans in it count characters of that file.

    Returns:
        ``None`` where the command runs none, or where it is not found.
    """
    name = _script_named(launch.command.words)
    if launch.inner is not None or name is None or (launch.program not in SHELLS and "/" not in name):
        return None  # the latter is found by PATH
    found = _script_beside(launch_file, [name])
    return None if found is None else (found.name, found.script)


def trainer_resumes(launch_file: LaunchFile, launch: Launch) -> bool:
    """Whether the file of a training says that a restart goes on with its run; ``False`` too where it is not found."""
    text = trainer_text(launch_file, launch)
    return text is not None and speaks_of_resuming(text)


def trainer_text(launch_file: LaunchFile, launch: Launch) -> str | None:
    """Return the text of a training's script; ``None`` where it is not found."""
    if launch_file.path is None or launch.trainer is None or launch.trainer.file is None:
        return None
    return text_beside(launch_file.path, launch.trainer.file)


def keeper_beside(
    launch_file: LaunchFile, words: Sequence[Word], paths: Callable[[str], Sequence[str]]
) -> Keeper | None:
    """Return the script of the project that a command runs, if it keeps SIGTERM from what it starts.

    Args:
        launch_file: where the command stands. What it says of W&B holds for the script, too.
        words: the command.
        paths: gives the places in the project where a path that the command names may be.
    """
    mentions = speaks_of_wandb(launch_file.text) or bool(launch_file.sweeps)
    for _ in range(_MAX_SCRIPTS):
        found = script_started(launch_file, words, paths)
        if found is None:
            return None
        word, beside = found
        at = next(index for index, one in enumerate(words) if one is word)
        passed = Command(tuple(words[at + 1 :]), word.span)
        trains = trainer_of(passed, lookup_beside(launch_file.path), mentions_wandb=mentions) is not None
        child = kept_from_sigterm(beside.script, trains=trains or agent_of(passed) is not None)
        if child is not None:
            return Keeper(word, beside, child)
        if not _hands_over(beside.script):
            return None
        words = passed.words
    return None


def keeper_in_text(
    launch_file: LaunchFile, script: ShellScript, paths: Callable[[str], Sequence[str]], *, stays: bool
) -> Keeper | None:
    """Return the script of the project that a shell text runs, if what it starts does not hear of the shell's SIGTERM.

    Args:
        launch_file: where the text stands.
        script: the text.
        paths: as for `keeper_beside`.
        stays: whether the text's shell is known not to give its place to a last command.
    """
    if script.traps or sources_unknown(script):
        return None
    for launch in script.launches:
        if launch.in_substitution or launch.job is not None or not becomes_its_command(launch):
            continue
        keeper = keeper_beside(launch_file, launch.command.words, paths)
        if keeper is not None:
            return keeper
        if launch.is_exec or not (stays or not launch.is_simple_last):
            continue
        found = script_started(launch_file, launch.command.words, paths)
        children = () if found is None else [one for one in found[1].script.watched if not one.in_substitution]
        if found is not None and children:
            return Keeper(found[0], found[1], children[0])
    return None


def script_started(
    launch_file: LaunchFile, words: Sequence[Word], paths: Callable[[str], Sequence[str]]
) -> tuple[Word, ScriptBeside] | None:
    """Return the script of the project that a command runs, and the word that names it; the rest as `keeper_beside`."""
    name = _script_named(words)
    if name is None:
        return None
    mentions = speaks_of_wandb(launch_file.text) or bool(launch_file.sweeps)
    beside = _script_beside(launch_file, paths(name), mentions_wandb=mentions)
    return None if beside is None else (next(word for word in words if word.value == name), beside)


def _hands_over(script: ShellScript) -> bool:
    """Whether a script gives its place to its arguments, and starts nothing of interest itself."""
    return not script.watched and any(one.runs_arguments and one.is_exec for one in script.launches)


def _script_named(words: Sequence[Word]) -> str | None:
    """Return the path of the file that a command takes for a script, or for a program; ``None``: not known."""
    if not words:
        return None
    if words[0].program not in SHELLS:
        return words[0].value
    operands = [word for word in words[1:] if not word.pattern.startswith(("-", "+"))]
    if not operands or any(word.value in ("-c", "-s", "-o") for word in words[1:]):
        return None
    return operands[0].value


def _script_beside(
    launch_file: LaunchFile, names: Sequence[str], *, mentions_wandb: bool = False
) -> ScriptBeside | None:
    """Return the first of these files that is there and is a shell script.

    Args:
        launch_file: beside which, or further up, they are looked for.
        names: their paths.
        mentions_wandb: whether what runs it says that W&B is in play, even if the script does not.
    """
    if launch_file.path is None:
        return None
    for name in names:
        if name.endswith(".py"):
            continue
        text = text_beside(launch_file.path, name)
        script = None if text is None else _read(text, launch_file.path, mentions_wandb)
        if text is not None and script is not None:
            return ScriptBeside(name, text, script)
    return None


def kept_from_sigterm(script: ShellScript, *, trains: bool = False) -> Launch | None:
    """Return the agent or trainer that the shell of a script file starts, and does not pass a SIGTERM on to.

    The shell of a file never gives its place to a last command by itself, as that of ``bash -c`` does. Scripts with a
    trap for SIGTERM are left out: whether it does its work is another question.

    Args:
        script: the script.
        trains: whether its arguments are the training: ``"$@"`` then starts it.
    """
    if sources_unknown(script) or any(not trap.signals for trap in script.traps):
        return None
    for child in script.launches:
        if not (child.is_watched or (trains and child.runs_arguments)) or child.is_exec or child.in_substitution:
            continue
        at_exit = trap_in_force(script, child, "EXIT")
        if trap_in_force(script, child, "TERM") is not None:
            continue
        if at_exit is not None and (at_exit.body is None or any(at_exit.each(Kill))):
            continue  # bash runs it when a signal ends it; which shell it is need not be known here
        delivery = deliver(script, child, "TERM")
        is_untold = delivery is not None and delivery.receptions[-1].fate is Fate.UNTOLD  # whatever the shell does
        if delivery is not None and (is_untold or (delivery.is_certain and delivery.told is None)):
            return child
    return None


@functools.lru_cache(maxsize=64)
def _read(text: str, launch_file: Path, mentions_wandb: bool) -> ShellScript | None:
    # Not before a rule asks for it: the reader brings the parser along.
    from wbsignal_lint.launch.reader import read_launch

    scripts = read_launch(text, lookup_beside(launch_file), mentions_wandb=mentions_wandb).scripts
    return scripts[0] if scripts else None
