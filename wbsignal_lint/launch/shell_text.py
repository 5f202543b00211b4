"""What shell text is made of: simple commands and assignments, and the place each of them stands in. No values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from wbsignal_lint.diagnostics import Span
from wbsignal_lint.launch.mapped import MappedText

__all__ = ["Alternative", "Assignment", "Block", "Chain", "Job", "Pipeline", "Redirect", "ShellCommand", "ShellText"]


@dataclass(eq=False)
class Chain:
    """The branches of one ``if`` or ``case``: one of them is taken."""

    branches: int = 0
    is_exhaustive: bool = False


@dataclass(eq=False)
class Block:
    """A part of the script that may run never, once or often; or whose variables stay inside (a subshell)."""

    kind: str
    """``script``, ``branch``, ``loop``, ``function``, ``subshell``, ``stage`` (of a pipeline) or ``substitution``."""
    parent: Block | None = None
    chain: Chain | None = None
    name: str | None = None
    """A function's name, a ``for`` loop's variable."""
    depth: int = 0
    condition: MappedText | None = None
    """What it runs by, as written: the left side of ``&&`` and ``||``, what stands behind ``if`` and ``while``."""
    on_failure: bool = False
    """Whether it runs if that fails: ``||``, ``until``."""

    def around(self) -> Iterator[Block]:
        """Yield this block and those it stands in, from the inside out."""
        block: Block | None = self
        while block is not None:
            yield block
            block = block.parent

    def encloses(self, other: Block) -> bool:
        """Whether ``other`` is this block or stands in it."""
        return any(block is self for block in other.around())

    @property
    def function(self) -> Block | None:
        """The function it stands in."""
        return next((block for block in self.around() if block.kind == "function"), None)


@dataclass(eq=False)
class Assignment:
    """What gives a variable a value; the newest ones decide what it is worth."""

    name: str
    position: int
    """Where it takes effect, as an index into the shell text."""
    block: Block
    kind: str
    """``scalar``, ``array``, ``choice`` (a ``for`` loop: one of the words) or ``unknown`` (``read``, …)."""
    source: tuple[MappedText, ...] = ()
    """The value as written: one text for a scalar, the words of an array or choice."""
    appends: bool = False
    job: Job | None = None
    """The background job in which it takes place."""


@dataclass(eq=False)
class Job:
    """What one ``&`` puts into the background; ``$!`` is its pid."""

    span: Span
    """The whole of it in the file, without the ``&``."""
    form: str
    """``command``, ``pipeline``, ``subshell`` (``( … )``), or ``group``: what runs in a shell of its own as well."""
    outer: Job | None = None
    """The background job in which it is started."""
    is_single: bool = True
    """For a subshell: whether there is but one simple command in it."""


@dataclass
class Pipeline:
    """Commands joined by ``|``."""

    commands: list[ShellCommand] = field(default_factory=list)
    stages: int = 1
    pipes: list[Span] = field(default_factory=list)
    """The ``|`` themselves, in order."""
    span: Span | None = None
    """From its first command to the end of its last; ``None`` for a command alone, or where it is torn."""


@dataclass(frozen=True)
class Alternative:
    """``left || right`` or ``left && right``, with indices into the shell text."""

    left: tuple[int, int]
    operator: Span
    right: tuple[int, int]


@dataclass(frozen=True)
class Redirect:
    """One redirection: the operator and the file, or the text of a here-document or here-string."""

    operator: str
    target: MappedText | None = None
    body: MappedText | None = None
    expands: bool = True
    """Whether ``$`` means something in the body: ``<<EOF``, not ``<<'EOF'``."""
    span: Span | None = None
    """The whole of it, its file descriptor included; ``None`` for a here-string."""

    @property
    def writes(self) -> bool:
        """Whether it sends output to a file."""
        return self.operator in (">", ">>", ">|", "&>", "&>>")


@dataclass(eq=False)
class ShellCommand:
    """A simple command as written."""

    words: list[MappedText]
    whole: MappedText
    position: int
    block: Block
    pipeline: Pipeline
    stage: int = 0
    job: Job | None = None
    """The background job it is, or is a part of."""
    in_condition: bool = False
    """Whether an ``if``, ``while`` or ``until`` decides by its status."""
    redirects: list[Redirect] = field(default_factory=list)
    statement: MappedText | None = None
    """The command with its redirections."""
    outer_redirects: list[Redirect] = field(default_factory=list)
    """The redirections of the groups around it: ``{ echo …; } > job.sh``."""

    @property
    def in_background(self) -> bool:
        """Whether an ``&`` starts it."""
        return self.job is not None


@dataclass(eq=False)
class ShellText:
    """The commands and assignments of one piece of shell, in order."""

    source: MappedText
    root: Block
    commands: list[ShellCommand] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)
    alternatives: list[Alternative] = field(default_factory=list)
    """``left || right``."""
    successors: list[Alternative] = field(default_factory=list)
    """``left && right``."""
    status_reads: list[int] = field(default_factory=list)
    """Where ``$?`` stands, as indices into the shell text."""
