"""Is this command a sweep agent, and does it forward signals?

The options are those of ``wandb agent --help`` (0.31.0). click takes no abbreviations (``--forward``: "No such
option"), joins short flags (``-fp project``), allows options behind the sweep id and ends them at ``--``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from wbsignal_lint.launch.facts import UNKNOWN_PART, AgentCommand, Command, Forwarding, OptionSlot, Word
from wbsignal_lint.launch.running import CLIENTS

__all__ = ["agent_of"]

_VALUED = {
    "--project": "--project",
    "--entity": "--entity",
    "--count": "--count",
    "--term-timeout": "--term-timeout",
    "--max-consecutive-failed-runs": "--max-consecutive-failed-runs",
}
_SHORT_VALUED = {"p": "--project", "e": "--entity", "t": "--term-timeout"}
_FORWARD = "--forward-signals"

# An unknown word alone is the sweep id, unless its name says otherwise.
_PLACEHOLDER = re.compile(r"\{\{?\s*\w+\s*\}?\}|%\(\w+\)s|<\w+>|@\w+@")


_NEARBY = 3
"""Characters that may stand between ``wandb`` and ``agent`` where a host puts text in."""


def agent_of(command: Command) -> AgentCommand | None:
    """Return the sweep agent that a command launches, or ``None`` when it is another command."""
    words = command.words
    if len(words) < 2 or words[0].program not in CLIENTS or words[1].value != "agent":
        return None
    program, verb = words[0], words[1]
    # `CMD="wandb agent"; $CMD …`: the launch stands in the variable. `WANDB=wandb; $WANDB agent …`: in the command.
    same_expansion = program.expansion is not None and program.expansion == verb.expansion
    span = program.literal.span if same_expansion else program.span
    if (
        not same_expansion
        and program.expansion is None
        and len(program.literal) < program.span.end - program.span.start - 2
    ):
        span = program.literal.span  # `-mwandb`
    is_put_in = program.expansion is None and not command.span.start <= span.start < command.span.end
    if is_put_in and not 0 <= verb.literal.span.start - span.end <= _NEARBY:
        span = verb.span  # `$(WANDB) agent` in a Makefile: what the variable holds is right as it is
    forwarding, wants_help, options = _read_options(words[2:])
    slot = verb.slot
    if slot is None and verb.insertion_point is not None:
        slot = OptionSlot(verb.insertion_point)
    return AgentCommand(command, span, forwarding, wants_help, tuple(options), slot)


def _read_options(words: Sequence[Word]) -> tuple[Forwarding, bool, list[tuple[str, str | None]]]:
    """Read the words behind ``agent`` as click does."""
    options: list[tuple[str, str | None]] = []
    operands: list[Word] = []
    unknown = False
    index = 0
    while index < len(words):
        word = words[index]
        pattern = word.pattern
        index += 1
        if pattern == "--":
            break  # nothing behind it is an option, whatever it is
        if not pattern.startswith("-") or pattern == "-":
            operands.append(word)
            continue
        name, equals, value = pattern.partition("=")
        if UNKNOWN_PART in name and (name.startswith("--") or name[1] not in _SHORT_VALUED):
            unknown = True
        elif name.startswith("--"):
            if name in _VALUED and not equals:
                following = words[index] if index < len(words) else None
                unknown |= following is not None and following.is_list
                options.append((name, None if following is None else following.value))
                index += 1
            else:
                options.append((name, value if equals and UNKNOWN_PART not in value else None))
        else:
            index += _read_letters(pattern[1:], words[index : index + 1], options)
    names = {name for name, _ in options}
    if _FORWARD in names:
        return Forwarding.YES, "--help" in names, options
    if unknown or _may_hold_options(operands):
        return Forwarding.UNKNOWN, "--help" in names, options
    return Forwarding.NO, "--help" in names, options


def _read_letters(letters: str, following: Sequence[Word], options: list[tuple[str, str | None]]) -> int:
    """Read joined short options; return how many further words they take."""
    for index, letter in enumerate(letters):
        if letter in _SHORT_VALUED:
            inline = letters[index + 1 :]
            if inline:
                options.append((_SHORT_VALUED[letter], None if UNKNOWN_PART in inline else inline))
                return 0
            options.append((_SHORT_VALUED[letter], following[0].value if following else None))
            return 1
        options.append((_FORWARD if letter == "f" else f"-{letter}", None))
    return 0


def _may_hold_options(operands: Sequence[Word]) -> bool:
    """Whether one of the operands could turn out to be an option: the agent takes one operand, the sweep id."""
    unknown = [word for word in operands if word.is_opaque or _PLACEHOLDER.fullmatch(word.pattern)]
    if any(word.is_list for word in operands):
        return True
    if not unknown:
        return False
    if len(operands) > 1:
        return True
    return unknown[0].is_named_as_options
