"""Does W&B record what a launch file starts, as far as the file tells?"""

from __future__ import annotations

import re
from collections.abc import Sequence

from wbsignal_lint.launch.facts import Word
from wbsignal_lint.launch.options import options_in

__all__ = ["has_switch_for_wandb", "is_told_to_record", "is_told_to_record_nothing", "speaks_of_wandb"]

_MENTION = re.compile(
    # `# python other.py --wandb` is a command that isn't run; `# train.py logs to wandb` says something.
    # `module load nlpl-wandb` is one of a dozen modules that every job of a group loads.
    r"^(?!\s*(?:#(?!SBATCH|PBS|BSUB).*(?:\s--?\w|\w=|\b(?:python\d?|pip|export)\s)|(?:module|ml)\s)).*wandb",
    re.IGNORECASE | re.MULTILINE,
)
_OFF = frozenset({"false", "0", "off", "no", "none", "disabled", "disable"})
_OPTION_AGAINST = re.compile(r"-{0,2}(?:no|disable|without)[-_]?wandb|-{1,2}wandb[-_](?:off|disabled?)", re.IGNORECASE)
_OPTION_FOR = re.compile(
    r"\+{0,2}-{0,2}(?:\w+\.)*(?:(?:use|log|log_to|enable|with)[-_.])?wandb(?:[-_.](?:mode|log|logging|enabled?|active))?",
    re.IGNORECASE,
)
_SWITCH = re.compile(
    r"(?:\w+\.)*(?:(?:use|log|log-to|enable|with|run|if|report-to)[-.])?wandb(?:[-.](?:log|logging|enabled?|active))?"
)
_MODE = re.compile(r"(?:[\w-]+\.)*wandb(?:[-.]mode)?")
_LOGGER = re.compile(r"(?:[\w-]+\.)*(?:report-to|log-with|loggers?(?:[-.](?:type|backend|name))?|trackers?)")
_REPORTS = re.compile(r"-{0,2}report[-_]to", re.IGNORECASE)
_NAMES_RUN = re.compile(
    r"(?:[\w-]+\.)*(?:use-?|log-?|log-to-)?wandb[-.]"
    r"(?:(?:project|run|group|entity|team|exp|experiment)(?:-?(?:name|id))?|name|tags)"
)


def speaks_of_wandb(text: str) -> bool:
    """Whether the text mentions wandb elsewhere than in commands that are commented out."""
    return _MENTION.search(text) is not None


def has_switch_for_wandb(words: Sequence[Word]) -> bool:
    """Whether a switch of a call has W&B record it, which a call without it does not ask for: ``--use_wandb``."""
    return any(
        (one.is_switched_on and _SWITCH.fullmatch(one.name)) or (one.name == "report-to" and one.value == "wandb")
        for one in options_in(words)
    )


def is_told_to_record(words: Sequence[Word]) -> bool:
    """Whether an option of a call speaks of its run: ``--report_to wandb``, ``logger.wandb.project=vision``."""
    return has_switch_for_wandb(words) or any(
        (_NAMES_RUN.fullmatch(one.name) and one.value not in _OFF)
        or (_MODE.fullmatch(one.name) and one.value in ("online", "offline"))
        or (_LOGGER.fullmatch(one.name) and re.search(r"\bwandb\b", one.value))
        or (one.name == "report-to" and one.value == "all")
        for one in options_in(words)
    )


def is_told_to_record_nothing(words: Sequence[Word]) -> bool:
    """Whether an option of a training's call says that W&B records nothing: ``--no-wandb``, ``wandb.mode=disabled``."""
    for word, following in zip(words, (*words[1:], None), strict=True):
        name, equals, value = (word.value or "").partition("=")
        if _OPTION_AGAINST.fullmatch(name) is not None:
            return True
        if not equals and name.startswith("-") and following is not None:
            value = following.value or ""
        value = value.strip("\"'").lower()
        if _OPTION_FOR.fullmatch(name) is not None and value in _OFF:
            return True
        if _REPORTS.fullmatch(name) is not None and value in ("none", "tensorboard", "mlflow"):
            return True
    return False
