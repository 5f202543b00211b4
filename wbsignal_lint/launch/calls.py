"""What the calls of one program in a script tell about each other.

``train.py --use_wandb`` beside ``train.py --config precache.yaml``: the first has to say that it records, so that the
second records nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from wbsignal_lint.launch.behaviour import Run
from wbsignal_lint.launch.facts import Word
from wbsignal_lint.launch.in_play import has_switch_for_wandb
from wbsignal_lint.launch.shell_text import ShellCommand
from wbsignal_lint.launch.steps import Trainer
from wbsignal_lint.launch.trainers import is_told_to_train

__all__ = ["told_apart"]


def told_apart(runs: Mapping[ShellCommand, Sequence[Run]]) -> Mapping[ShellCommand, Sequence[Run]]:
    """Take the trainings that lack a switch which another call of the same program has for none.

    Args:
        runs: what the commands of a script come to.

    Returns:
        The same, without these trainers.
    """
    needed: dict[str, set[str]] = {}
    for run in (run for found in runs.values() for run in found):
        if run.trainer is not None and _program_of(run.trainer):
            needed.setdefault(_program_of(run.trainer), set()).update(_switched_on(run.trainer.command.words))
    if not any(needed.values()):
        return runs

    def lacks_one(trainer: Trainer) -> bool:
        return not needed.get(_program_of(trainer), set()) <= _switched_on(trainer.command.words)

    return {
        command: [
            replace(run, trainer=None) if run.trainer is not None and lacks_one(run.trainer) else run for run in found
        ]
        for command, found in runs.items()
    }


def _program_of(trainer: Trainer) -> str:
    return trainer.file or trainer.script or ""


def _switched_on(words: Sequence[Word]) -> set[str]:
    """Return which of training and recording the options of a call switch on."""
    return {
        switch
        for switch, is_on in (("recording", has_switch_for_wandb(words)), ("training", is_told_to_train(words)))
        if is_on
    }
