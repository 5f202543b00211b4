"""What a job script asks of its batch system: the ``#SBATCH``, ``#PBS`` and ``#BSUB`` lines, and the submit command's
options.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wbsignal_lint.diagnostics import Span
from wbsignal_lint.launch.facts import Word
from wbsignal_lint.launch.mapped import MappedText
from wbsignal_lint.launch.signals import name_of
from wbsignal_lint.launch.wrappers import WRAPPERS

__all__ = ["Directive", "JobSignal", "directives_of", "job_signal_of", "options_of"]

_LINE = re.compile(r"^#(?P<system>SBATCH|PBS|BSUB)\b[ \t]*(?P<options>[^\n]*)", re.MULTILINE)
_PREAMBLE = re.compile(r"(?:[ \t]*(?:#[^\n]*)?(?:\n|\Z))*")
_TOKEN = re.compile(r"""(?:"[^"]*"|'[^']*'|[^\s"'])+""")
_QUOTES = str.maketrans("", "", "'\"")
_SHORT = {
    "-a": "--array", "-c": "--cpus-per-task", "-e": "--error", "-J": "--job-name", "-n": "--ntasks", "-o": "--output",
    "-t": "--time",
}  # fmt: skip
_SIGNAL = re.compile(r"(?P<recipients>(?:[RrBb]+:)?)(?P<signal>\w+)(?:@(?P<seconds>\d+))?")


@dataclass(frozen=True)
class Directive:
    """One option that a job is submitted with."""

    system: str
    """``SBATCH``, ``PBS`` or ``BSUB``."""
    name: str
    """The option's long name where SLURM has one: ``--array`` for ``-a``."""
    value: str | None
    span: Span
    """The option with its value."""
    line: Span
    """The whole directive line, or the words of the submit command."""


@dataclass(frozen=True)
class JobSignal:
    """``--signal=[B:]SIG[@seconds]``: SLURM sends this signal before the job's end."""

    signal: str
    """Normalised: ``USR1``."""
    to_batch_shell: bool
    """``B:``: to the batch shell alone, and not to the job's ``srun`` steps."""
    seconds: int
    """How long before the end of the time limit."""
    directive: Directive


def directives_of(source: MappedText) -> tuple[Directive, ...]:
    """Read the directive lines at the top of a job script; those behind the first command mean nothing."""
    preamble = _PREAMBLE.match(source.text)
    end = 0 if preamble is None else preamble.end()
    found: list[Directive] = []
    for line in _LINE.finditer(source.text, 0, end):
        tokens = [
            source[token.start() : token.end()]
            for token in _TOKEN.finditer(source.text, line.start("options"), line.end("options"))
        ]
        comment = next((index for index, token in enumerate(tokens) if token.text.startswith("#")), len(tokens))
        whole = source[line.start() : line.end()].span
        found.extend(
            _read([(one.text.translate(_QUOTES), one.span) for one in tokens[:comment]], line["system"], whole)
        )
    return tuple(found)


def options_of(words: Sequence[Word]) -> tuple[Directive, ...]:
    """Read the options of a submit command: ``sbatch --signal=B:USR1@60 --wrap '…'``."""
    if not words or words[0].program != "sbatch":
        return ()
    whole = Span(words[0].span.start, words[-1].span.end)
    return tuple(_read([(word.pattern, word.span) for word in words[1:]], "SBATCH", whole))


def job_signal_of(directives: Sequence[Directive]) -> JobSignal | None:
    """Return what ``--signal`` asks for; ``None`` without it, or where its value is not known."""
    for directive in reversed(directives):  # SLURM takes the last one
        if directive.system == "SBATCH" and directive.name == "--signal":
            match = _SIGNAL.fullmatch(directive.value or "")
            name = None if match is None else name_of(match["signal"])
            if match is None or name is None:
                return None
            return JobSignal(name, "B" in match["recipients"].upper(), int(match["seconds"] or 60), directive)
    return None


def _read(tokens: Sequence[tuple[str, Span]], system: str, line: Span) -> Iterator[Directive]:
    """Put options and their values together."""
    sbatch = WRAPPERS["sbatch"]
    index = 0
    while index < len(tokens):
        text, span = tokens[index]
        index += 1
        if not text.startswith("-"):
            continue
        name, equals, value = text.partition("=")
        following = tokens[index] if index < len(tokens) else None
        if equals:
            yield Directive(system, _SHORT.get(name, name), value, span, line)
        elif not name.startswith("--") and len(name) > 2 and system == "SBATCH":
            yield Directive(system, _SHORT.get(name[:2], name[:2]), name[2:], span, line)
        elif following is not None and (
            (name in sbatch.long or name[1:] in sbatch.short)
            if system == "SBATCH"
            else not following[0].startswith("-")
        ):
            index += 1
            yield Directive(system, _SHORT.get(name, name), following[0], Span(span.start, following[1].end), line)
        else:
            yield Directive(system, _SHORT.get(name, name), None, span, line)
