"""``kill``, ``pkill``, ``scancel`` and ``wait``: which signal, and whom they name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from wbsignal_lint.diagnostics import Span
from wbsignal_lint.launch.facts import Word
from wbsignal_lint.launch.mapped import MappedText
from wbsignal_lint.launch.shell_text import Job
from wbsignal_lint.launch.signals import name_of
from wbsignal_lint.launch.steps import Kill, Target, TargetKind

__all__ = ["job_operands", "kill_of"]

_QUOTES = str.maketrans("", "", "\"'")
_VARIABLE = re.compile(r"\$\{?(?P<name>[A-Za-z_]\w*)(?:\[[^]]*\])?(?::?[-?=+][^}]*)?\}?", re.ASCII)
_FILE = re.compile(r"(?:\$\(|`)\s*(?:cat|head\s+-\w+|<)\s*(?P<name>[^)`]+?)\s*(?:2>.*)?[)`]")
_JOBS = re.compile(r"(?:\$\(|`)\s*jobs\b.*[)`]")
_FOUND = re.compile(r"(?:\$\(|`)\s*(?:pgrep|pidof)\b(?P<name>.*)[)`]")
_SIGNAL_OPTIONS = {"kill": ("-s", "-n"), "pkill": ("--signal",), "killall": ("-s", "--signal"), "scancel": ("-s",)}
_VALUED_OPTIONS = {
    "kill": (),
    "pkill": ("-P", "-u", "-U", "-g", "-s", "-t", "-G", "-F", "--parent", "--euid", "--uid"),
    "killall": ("-u", "--user", "-n", "--ns", "-o", "-y"),
    "scancel": ("-u", "--user", "-n", "--name", "-p", "--partition", "-t", "--state", "-A", "-M", "-w", "-q"),
}


def kill_of(written: Sequence[MappedText], words: Sequence[Word], place: Mapping[str, Any], newest: Job | None) -> Kill:
    """Read a command that sends a signal.

    Args:
        written: its words as they stand in the file; the program's name may come later (``command kill``).
        words: the same after expansion, from the program's name on.
        place: the other fields of the step.
        newest: the background job that ``$!`` stands for.
    """
    program = words[0].program
    offset = next((at for at, text in enumerate(written) if text.text.rpartition("/")[2] == program), 0)
    operands: list[MappedText] = []
    signal: str | None = "TERM"
    signal_span: Span | None = None
    children_of: MappedText | None = None
    rest = list(written[offset + 1 :])
    values = {word.span: word.value for word in words}
    options_over = False
    is_narrow = False  # to a session, a terminal, a group
    while rest:
        text = rest.pop(0)
        value = values.get(text.span)
        plain = text.text.translate(_QUOTES) if value is None else value
        if options_over or not plain.startswith("-") or plain == "-":
            operands.append(text)
            continue
        if plain == "--":
            options_over = True
            continue
        name, equals, given = plain.partition("=")
        if plain in _SIGNAL_OPTIONS[program] and rest:
            signal_span = rest[0].span
            following = values.get(rest[0].span) or rest[0].text.translate(_QUOTES)
            signal = name_of(following)
            rest.pop(0)
        elif name in ("--signal", "--sig") and equals:
            signal, signal_span = name_of(given), text.span
        elif program == "pkill" and plain in ("-P", "--parent") and rest:
            children_of = rest.pop(0)
        elif plain in _VALUED_OPTIONS[program] and rest:
            is_narrow = is_narrow or plain in ("-s", "-t", "-g")
            rest.pop(0)
        elif program == "scancel":
            joined = re.fullmatch(r"-s(\w+)", plain)
            if joined is not None:
                signal, signal_span = name_of(joined[1]), text.span
        elif signal_span is None and name_of(plain[1:]) is not None:
            signal, signal_span = name_of(plain[1:]), text.span
        elif plain.startswith("-$") and signal_span is None and program == "kill" and rest:
            signal, signal_span = None, text.span  # kill -$SIGNAL $PID
        elif program == "kill":
            operands.append(text)
    if program == "kill":
        targets = job_operands(operands, newest)
    elif program == "scancel":
        targets = tuple(Target(TargetKind.SLURM_JOB, text.span, text.text.translate(_QUOTES)) for text in operands)
    elif program == "pkill" and is_narrow:
        targets = tuple(Target(TargetKind.UNKNOWN, text.span, text.text) for text in written[offset : offset + 1])
    elif children_of is not None:
        targets = (Target(TargetKind.CHILDREN, children_of.span),)
    else:
        targets = tuple(Target(TargetKind.PATTERN, text.span, text.text.translate(_QUOTES)) for text in operands)
    return Kill(
        program=program,
        signal=signal,
        targets=targets,
        signal_span=signal_span,
        fails_in_dash=program == "kill" and _fails_in_dash([text.text for text in written[offset + 1 :]]),
        **place,
    )


def _fails_in_dash(words: Sequence[str]) -> bool:
    """Whether dash prints how ``kill`` is used, and sends nothing. Measured with dash 0.5.12."""
    plain = [word.strip("\"'") for word in words]
    first = plain[0] if plain else ""
    if first in ("-s", "-n"):
        name, operand = (*plain[1:3], "", "")[:2]
        return first == "-n" or name.upper().startswith("SIG") or (operand.startswith("-") and operand != "--")
    is_signal = first.startswith("-") and first != "--" and name_of(first[1:]) is not None
    return first.upper().startswith("-SIG") or (is_signal and "--" in plain[1:2])


def job_operands(operands: Sequence[MappedText], newest: Job | None) -> tuple[Target, ...]:
    """Read the operands of ``wait`` or of ``kill`` behind its options."""
    return tuple(
        _target(operand, newest)
        for operand in operands
        if operand.text.startswith(("-$", '"-$', "-1")) or not operand.text.startswith("-")
    )


def _target(operand: MappedText, newest: Job | None) -> Target:
    text = operand.text.translate(_QUOTES)
    span = operand.span
    is_group = text.startswith("-")
    if is_group:
        text = text[1:]
    if text in ("$!", "${!}"):
        return Target(TargetKind.JOB, span, text, is_group, () if newest is None else (newest,))
    if text.startswith("%"):
        return Target(TargetKind.JOB, span, text)
    if text in ("$$", "$BASHPID", "${BASHPID}"):
        return Target(TargetKind.GROUP if is_group else TargetKind.SELF, span, text)
    if text in ("0", "$PPID") or (is_group and text == "1"):
        return Target(TargetKind.GROUP if text == "0" else TargetKind.UNKNOWN, span, text)
    for pattern, kind in ((_JOBS, TargetKind.ALL_JOBS), (_FILE, TargetKind.FILE), (_FOUND, TargetKind.PATTERN)):
        match = pattern.fullmatch(text)
        if match is not None:
            return Target(kind, span, match.groupdict().get("name", "").strip(), is_group)
    match = _VARIABLE.fullmatch(text)
    if match is not None:
        return Target(TargetKind.VARIABLE, span, match["name"], is_group)
    return Target(TargetKind.UNKNOWN, span, text, is_group)
