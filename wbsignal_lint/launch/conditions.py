"""Does a condition in a shell script hold while a training runs, as far as its words tell?"""

from __future__ import annotations

import re

from wbsignal_lint.launch.naming import Naming
from wbsignal_lint.launch.shell_text import Block
from wbsignal_lint.launch.steps import Step

__all__ = ["holds", "tail_waits_for"]

_SET = re.compile(
    r"(?:\[\[?|test)\s+(?P<is>-n\s+|-z\s+|)\"?\$\{?(?P<name>\w+)(?:\[[@*]\])?(?::?-)?\}?\"?(?:\s+\]\]?)?", re.ASCII
)
_QUIET = re.compile(r"\s*(?:\d?>+\s*/dev/null|&>\s*/dev/null|\d>&\d)")
_ASKS = re.compile(r"(?:kill\s+-0|kill\s+-s\s+0|ps\s+-p)\s+\"?\$\{?(?P<name>\w+)\}?\"?", re.ASCII)
_SUCCEEDS = re.compile(r"(?:true|:|cd|echo|printf|mkdir|date|touch)(?:\s[^|&;<>$`]*)?")
_WAITS = re.compile(r"wait\b[^|&;]*")
_TAIL = re.compile(r"--pid=[\"']?\$\{?(?P<name>\w+)", re.ASCII)


def holds(block: Block, naming: Naming, interrupted: Step | None, *, is_started: bool) -> bool | None:
    """Tell whether the condition of a branch or loop holds, not yet whether that makes it run.

    Args:
        block: the branch or loop.
        naming: which variables hold the pid of what runs.
        interrupted: the ``wait`` that a signal has just ended, and that has failed with it.
        is_started: whether the training has been started.

    Returns:
        ``None`` where that is not known.
    """
    if block.condition is None:
        return None
    text = _QUIET.sub("", block.condition.text).strip().rstrip(";").strip()
    negated = False
    while re.match(r"!\s", text):
        text, negated = text[1:].strip(), not negated
    answer = _holds_plain(text, block, naming, interrupted, is_started)
    return None if answer is None else answer is not negated


def _holds_plain(text: str, block: Block, naming: Naming, interrupted: Step | None, is_started: bool) -> bool | None:
    if _WAITS.fullmatch(text) and block.condition is not None:
        span = block.condition.span
        return False if interrupted is not None and span.start <= interrupted.span.start < span.end else None
    asked = _ASKS.fullmatch(text)
    if asked is not None:
        return True if naming.is_last_pid(asked["name"]) and is_started else None
    found = _SET.fullmatch(text)
    if found is not None:
        is_set = naming.is_pid(found["name"]) or found["name"].startswith("SLURM_") or None
        return is_set if is_set is None else is_set is not found["is"].startswith("-z")
    return True if _SUCCEEDS.fullmatch(text) else None


def tail_waits_for(words: str, naming: Naming) -> bool | None:
    """Whether ``tail --pid`` surely waits for what runs; ``None``: it has no such option."""
    if "--pid" not in words:
        return None
    found = _TAIL.search(words)
    if found is not None:
        return naming.is_last_pid(found["name"])
    jobs = {step.job for step in naming.script.steps if step.job is not None}
    is_newest = "$!" in words or ("jobs -p" in words and naming.shell != "dash")
    return is_newest and naming.launch.stages == 1 and jobs == {naming.launch.job}
