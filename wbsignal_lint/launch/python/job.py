"""Jobs of SLURM in which Python is the batch script itself, or that submitit writes the batch script of."""

from __future__ import annotations

import ast
import re

from wbsignal_lint.diagnostics import Span
from wbsignal_lint.launch.directives import Directive, directives_of, job_signal_of
from wbsignal_lint.launch.facts import Command, Runner, Word
from wbsignal_lint.launch.mapped import MappedText
from wbsignal_lint.launch.shell_text import Block
from wbsignal_lint.launch.steps import Launch, ShellScript, Trainer

__all__ = ["job_of", "job_of_submitit"]

_SHEBANG = re.compile(r"#![^\n]*\bpython[\d.]*\b")
_STARTS = re.compile(r"\bsrun\b|\bmpi|subprocess|os\.system|[Pp]open|submitit|multiprocessing|\bspawn")
"""What may start processes, tasks of ``srun`` among them."""
_OWN_SHELL = re.compile(r"\b(?:slurm_)?(?:setup|use_srun)\b|\btrap\b")
"""What has submitit write more into its batch script, or start Python without ``srun``."""


def job_of(text: str, tree: ast.Module) -> ShellScript | None:
    """Return a Python script that SLURM runs as a batch script, and that trains in this process alone.

    There is no shell: the training has its place, as if a shell had started it by ``exec``, and gets what SLURM sends
    to the batch shell. Only scripts that speak of the signal that they ask SLURM for are of interest.
    """
    shebang = _SHEBANG.match(text)
    if shebang is None or "#SBATCH" not in text or _STARTS.search(text) is not None:
        return None
    source = MappedText.of(text)
    directives = directives_of(source)
    asked = job_signal_of(directives)
    if asked is None or f"SIG{asked.signal}" not in text or not any(map(_imports_wandb, tree.body)):
        return None
    line = Span(shebang.start(), shebang.end())
    runner = Runner("exec", line)
    word = Word("python", line, source[line.start : line.end])
    command = Command((word,), line, (runner,))
    trainer = Trainer(command, line, None, None)
    launch = Launch(span=line, blocks=(Block("script"),), command=command, trainer=trainer, is_last=True)
    return ShellScript(source, (launch,), directives)


def job_of_submitit(text: str, signal: MappedText) -> ShellScript | None:
    """Return the batch script that submitit writes, as far as signals go: a shell without traps and ``srun python``.

    From the source of submitit 1.5.4, where ``slurm_additional_parameters`` replace its own ``--signal=USR2@90``.

    Args:
        text: the file that submits.
        signal: the value of ``--signal``.
    """
    if _OWN_SHELL.search(text) is not None:
        return None
    directive = Directive("SBATCH", "--signal", signal.text, signal.span, signal.span)
    word = Word("python", signal.span, signal)
    command = Command((word,), signal.span, (Runner("srun", signal.span),))
    trainer = Trainer(command, signal.span, None, None)
    launch = Launch(span=signal.span, blocks=(Block("script"),), command=command, trainer=trainer, is_last=True)
    return ShellScript(signal, (launch,), (directive,), shell="bash")


def _imports_wandb(node: ast.stmt) -> bool:
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").partition(".")[0] == "wandb"
    return isinstance(node, ast.Import) and any(alias.name.partition(".")[0] == "wandb" for alias in node.names)
