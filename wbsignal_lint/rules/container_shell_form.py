"""WBS503."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator

from wbsignal_lint.contract import describe_outcome
from wbsignal_lint.diagnostics import Applicability, Diagnostic, Edit, Fix, Related, Severity, Span
from wbsignal_lint.launch.beside import ScriptBeside, keeper_beside, script_started
from wbsignal_lint.launch.containers import ShellForm, has_dash
from wbsignal_lint.launch.facts import LaunchFile
from wbsignal_lint.launch.passing import ELSEWHERE, Manner, passing_of
from wbsignal_lint.launch.steps import Launch, ShellScript
from wbsignal_lint.rules.base import LaunchRule

__all__ = ["ContainerShellForm"]

_INIT_PROGRAMS = frozenset({"tini", "tini-static", "dumb-init", "catatonit", "s6-svscan", "docker-init", "runit"})
_PLAIN = re.compile(r"[\w@%+=:,./ \t'\"-]+")
"""Text in which nothing means anything to a shell but blanks and quotes."""
_SETS_VARIABLE = re.compile(r"\s*[A-Za-z_]\w*=", re.ASCII)


class ContainerShellForm(LaunchRule):
    """In the shell form of CMD or ENTRYPOINT a shell is process 1, and no SIGTERM gets past it.

    ## What it finds

    In a Dockerfile, a `CMD` or `ENTRYPOINT` that is no JSON array and starts a sweep agent or a training, or a script
    of the project that does (`CMD ./run.sh`; it is looked for by what `COPY` and `ADD` say). docker then has
    `/bin/sh -c` run the line.

    ## Why it matters

    The shell becomes process 1 of the container, and the training its child. At a preemption, the end of a spot
    instance or `docker stop`, SIGTERM goes to process 1 alone. The kernel spares process 1 a signal that it has no
    handler for, so that the shell does not even die: nothing happens, until after the grace period everything is
    killed. The handler of the training never runs, nothing is marked as preempting, no exit code is sent.

    ## Example

    Bad:

    ```dockerfile
    FROM python:3.12
    RUN pip install wandb
    COPY train.py .
    CMD python train.py --epochs 100
    ```

    Good:

    ```dockerfile
    FROM python:3.12
    RUN pip install wandb
    COPY train.py .
    CMD ["python", "train.py", "--epochs", "100"]
    ```

    ## Fix

    Safe: a command without anything that only a shell understands becomes a JSON array. Where the line has variables,
    or several commands, the last of which is the training, `exec` is put in front of that: it takes the shell's place.
    There is no fix where commands follow, where pipes and alternatives are around it, and where what stands in front of
    the training (`conda run`, `accelerate launch`) would not pass the signal on either. A script becomes a JSON array
    if it begins with `#!` and starts the training by `exec`; otherwise it would have to be changed, too.

    ## Leaves alone

    JSON arrays; `exec`; stages whose `ENTRYPOINT` or `CMD` has the other one beside it, where what is process 1 is not
    known, or is tini or dumb-init; lines that begin with such a program; scripts with a trap or with jobs in the
    background; other shells by `SHELL`, and images whose `sh` is no dash (Alpine, Fedora, CentOS …), where the training
    is the last command: these shells may `exec` it by themselves. Python scripts that are no training as far as one can
    tell. That a container is run with `docker run --init` can't be seen in the Dockerfile.

    ## Source

    https://docs.docker.com/reference/dockerfile/#shell-and-exec-form; measured with dash 0.5.12 and bash 5.2 as
    process 1 (`unshare --pid --fork`): below `sh -c 'python …'` the handler did not run, below `sh -c 'exec python …'`
    and `bash -c 'python …'` it did.
    """

    code = "WBS503"
    name = "container-shell-form"
    severity = Severity.ERROR
    fixes = (Applicability.SAFE,)

    def check(self, launch: LaunchFile) -> Iterator[Diagnostic]:
        """Yield every shell form around an agent or a training."""
        for form in launch.shell_forms:
            script = next((one for one in launch.scripts if one.source.span == form.text.span), None)
            if script is None or not form.is_alone or script.traps:
                continue
            started = next((one for one in script.watched if _is_kept_back(one, script, form)), None)
            fix: Fix | None
            related: tuple[Related, ...] = ()
            if started is not None:
                fix = _fix(started, script, form)
            else:
                found = _started_in_script(launch, script, form)
                if found is None:
                    continue
                runs, beside, started = found
                related = (beside.note(started, "it is started here"),)
                # Another form helps only if the script hands the signal on, and can be started without a shell.
                keeps = keeper_beside(launch, runs.command.words, form.files.project_paths) is not None
                fix = None if keeps or not beside.text.startswith("#!") else _fix(runs, script, form)
            what = "the agent and its run are" if started.agent is not None else "the training is"
            yield self.at(
                form.keyword_span,
                "in this form a shell is process 1 of the container: it ignores the SIGTERM of a preemption, and "
                f"{what} never told",
                outcome=describe_outcome("SIGTERM", False, None),
                fix=fix,
                related=related,
                scope=form.span,
            )


def _is_kept_back(launch: Launch, script: ShellScript, form: ShellForm) -> bool:
    """Whether a signal to the shell does not get to what it starts."""
    if launch.is_exec or not launch.is_foreground or launch.in_substitution:
        return False
    if any(one.job is not None for one in script.launches):
        return False
    if any(runner.name in ELSEWHERE or runner.name in _INIT_PROGRAMS for runner in launch.command.runners):
        return False
    gives_place = form.shell not in ("sh", "dash") or not has_dash(form.image)
    return not (gives_place and launch.is_simple_last)


def _started_in_script(
    file: LaunchFile, script: ShellScript, form: ShellForm
) -> tuple[Launch, ScriptBeside, Launch] | None:
    """Return the script of the project that a shell form runs, with what runs it, and the training that it starts."""
    for one in script.launches:
        if not _is_kept_back(one, script, form):
            continue
        found = script_started(file, one.command.words, form.files.project_paths)
        children = () if found is None else [child for child in found[1].script.watched if not child.in_substitution]
        if found is not None and children:
            return one, found[1], children[0]
    return None


def _passes_on(name: str, command: str) -> bool:
    """Whether a SIGTERM to a program gets to what it runs."""
    passing = passing_of(name, command)
    return passing is not None and (passing.manner is Manner.REPLACED or "TERM" in passing.forwards)


def _fix(launch: Launch, script: ShellScript, form: ShellForm) -> Fix | None:
    names = [runner.name for runner in launch.command.runners]
    if launch.trainer is not None:
        names += launch.trainer.launchers
    if not all(_passes_on(name, launch.command.text) for name in names):
        return None
    text = form.text
    line = re.sub(r"\\[ \t]*\r?\n", " ", text.text)
    if len(script.launches) == 1 and _PLAIN.fullmatch(line) and text.is_contiguous and not _SETS_VARIABLE.match(line):
        try:
            words = shlex.split(line)
        except ValueError:
            words = []
        if words:
            edit = Edit(Span(text.span.start, text.span.end), json.dumps(words, ensure_ascii=False))
            return Fix("Write it as a JSON array", (edit,))
    if not launch.is_simple_last or launch.in_loop or (launch.is_conditional and "||" in line):
        return None
    first = launch.command.runners[0].span if launch.command.runners else launch.command.words[0].span
    if not launch.span.start <= first.start < launch.span.end:
        return None
    return Fix("Put exec in front of it", (Edit(Span(first.start, first.start), "exec "),))
