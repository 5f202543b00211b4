"""Edits that make a launched program the process that its script signals and waits for."""

from __future__ import annotations

from wbsignal_lint.diagnostics import Edit, Span
from wbsignal_lint.launch.facts import LaunchFile
from wbsignal_lint.launch.steps import Launch, ShellScript

__all__ = ["becomes", "is_the_file", "out_of_pipeline"]

_PROCESS_SUBSTITUTION = frozenset({"bash", "zsh", "ksh"})
"""Shells that have ``> >( … )``."""
_EXECUTABLE = frozenset(
    {
        *("env", "nice", "ionice", "nohup", "stdbuf", "numactl", "taskset", "srun", "mpirun", "mpiexec", "timeout"),
        *("conda", "mamba", "micromamba", "uv", "poetry", "pipenv", "pixi", "rye", "hatch", "apptainer", "singularity"),
    }
)
"""Programs that ``exec`` can start; a function, a keyword or an alias it can't."""
_OWN_REDIRECTIONS = frozenset({"<", "<<<", "<&"})


def is_the_file(launch: LaunchFile, script: ShellScript) -> bool:
    """Whether a script is the whole file, and not a piece of shell in a file of another kind or in quotes."""
    return not script.runners and script.source.text == launch.text.replace("\r\n", "\n")


def becomes(launched: Launch) -> Edit | None:
    """Return the edit that has ``exec`` start a program; ``None`` where that can't be written.

    It is for the caller to know that nothing of the shell is to run behind it.
    """
    command = launched.command
    if not command.words or any(runner.name not in _EXECUTABLE for runner in command.runners):
        return None
    first = min([command.words[0].span.start, *(runner.span.start for runner in command.runners)])
    return Edit(Span(first, first), "exec ")


def out_of_pipeline(launch: LaunchFile, script: ShellScript, launched: Launch) -> tuple[Edit, ...] | None:
    """Return the edits that take the first command of a pipeline out of it: ``a 2>&1 | tee b`` → ``a > >(tee b) 2>&1``.

    Its output goes where it went; but it is a process of its own then, with its own pid and status.

    Returns:
        ``None`` where the shell may not have process substitution, or the command sends its output elsewhere.
    """
    if script.shell not in _PROCESS_SUBSTITUTION or launched.stage or not launched.pipes or launched.pipeline is None:
        return None
    own = [redirect for redirect in launched.redirects if redirect.operator not in _OWN_REDIRECTIONS]
    if any(redirect.span is None for redirect in launched.redirects):
        return None
    places = [redirect.span for redirect in launched.redirects if redirect.span is not None]
    written = [launch.text[redirect.span.start : redirect.span.end] for redirect in own if redirect.span is not None]
    if any(not text.startswith("2>") for text in written):
        return None
    pipe = launched.pipes[0]
    end = launched.pipeline.end
    reader = launch.text[pipe.end : end].strip()
    errors = " 2>&1" if launch.text[pipe.start : pipe.end] == "|&" else ""
    if not reader or "#" in reader or "\\\n" in reader:
        return None
    command_end = max([launched.span.end, *(place.end for place in places)])
    if not launched.pipeline.start <= launched.span.start < command_end <= pipe.start < end:
        return None
    start = min((place.start for place in places), default=command_end)
    substitution = f"> >({reader})"
    if start < command_end:
        return (Edit(Span(start, start), f"{substitution} "), Edit(Span(command_end, end), errors))
    return (Edit(Span(command_end, end), f" {substitution}{errors}"),)
