"""Text that a script writes down and that is run as shell: here-documents, here-strings, ``echo … | bash``.

``cat > job.sh <<EOF``, ``sbatch <<EOF``, ``ssh host <<EOF`` and ``cat <<EOF | sbatch`` launch what stands in the
document; ``cat <<EOF`` prints it. What is only shown to people is no launch.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from wbsignal_lint.launch.facts import Runner
from wbsignal_lint.launch.mapped import MappedText
from wbsignal_lint.launch.running import is_script_name
from wbsignal_lint.launch.shell_text import Redirect, ShellCommand, ShellText
from wbsignal_lint.launch.submitting import is_shell_word, program_of, runs_its_input, submitter_of, unquoted
from wbsignal_lint.launch.words import unquoted_document
from wbsignal_lint.launch.wrappers import SCRIPT_READERS

__all__ = ["Document", "documents_of", "is_job_script", "shebang_is_shell"]

_SHEBANG = re.compile(r"\s*#![^\n]*")
_SHELL_SHEBANG = re.compile(r"#!.*?(?:^|[/\s!])(?:ba|z|da|k|a|fi|c|tc)?sh\b")
_DIRECTIVE = re.compile(r"^[ \t]*#(?:SBATCH|PBS|BSUB|\$ -|FLUX:|OAR)\b", re.MULTILINE)
_RUNS_FILES = SCRIPT_READERS | {"chmod"}
_READS_YAML = {"kubectl", "oc", "argo", "kubectl.exe", "microk8s.kubectl", "k3s"}
_PASS_ON = {"cat", "sed", "envsubst", "awk", "tr", "tee", "head", "grep", "cut"}


@dataclass(frozen=True)
class Document:
    """A text that is run as a script."""

    text: MappedText
    runner: Runner
    sees_variables: bool
    """Whether the variables of the script around it mean something in it."""
    host: str | None = None
    """What it is, where it is no shell itself but has shell in it: ``yaml`` for ``kubectl apply -f -``."""


def shebang_is_shell(text: str) -> bool | None:
    """Whether the first line names a shell; ``None`` when it names nothing."""
    match = _SHEBANG.match(text)
    return None if match is None else _SHELL_SHEBANG.search(match[0]) is not None


def is_job_script(text: str) -> bool:
    """Whether a text says of itself that a shell or a batch system runs it."""
    return shebang_is_shell(text) is True or _DIRECTIVE.search(text) is not None


def documents_of(command: ShellCommand, shell: ShellText) -> Iterator[Document]:
    """Yield the texts that a command hands to something that runs them."""
    for redirect in command.redirects:
        if redirect.body is None:
            continue
        if redirect.operator == "<<<":
            if runs_its_input(command):
                yield Document(_unquoted(redirect.body), _runner(command, shell), True)
            continue
        if _becomes_script(command, redirect.body.text, shell):
            text = unquoted_document(redirect.body) if redirect.expands else redirect.body
            yield Document(text, _runner(command, shell), redirect.expands)
        elif _becomes_yaml(command):
            text = unquoted_document(redirect.body) if redirect.expands else redirect.body
            yield Document(text, _runner(command, shell), False, "yaml")
    if program_of(command) in ("echo", "printf"):
        yield from _printed(command, shell)


def _printed(command: ShellCommand, shell: ShellText) -> Iterator[Document]:
    """``echo "wandb agent $ID" | bash``, ``echo "wandb agent $ID" >> job.sh``."""
    arguments = command.words[1:]
    if program_of(command) == "echo":
        while arguments and re.fullmatch(r"-[neE]+", arguments[0].text):
            if "n" in arguments[0].text:
                return  # a part of a line; the rest of it comes from elsewhere
            arguments = arguments[1:]
    if not arguments or not _becomes_script(command, "", shell):
        return
    if program_of(command) == "printf":
        for argument in arguments:
            yield Document(_unquoted(argument), _runner(command, shell), True)
        return
    pieces: list[MappedText] = []
    for argument in arguments:
        pieces.extend([MappedText.nowhere(" ")] * bool(pieces))
        pieces.append(_unquoted(argument))
    yield Document(MappedText.joined(pieces), _runner(command, shell), True)


def _unquoted(word: MappedText) -> MappedText:
    """Take the quotes off a word that is wholly quoted."""
    text = word.text
    if len(text) >= 2 and text[0] == text[-1] == "'":
        return word[1:-1]
    if len(text) >= 2 and text[0] == text[-1] == '"':
        inner = word[1:-1]
        escapes = [at.start() for at in re.finditer(r'\\(?=["$`\\])', inner.text)]
        return inner.without(escapes) if escapes else inner
    return word


def _runner(command: ShellCommand, shell: ShellText) -> Runner:
    return Runner("<<" if submitter_of(command, shell) is None else "sbatch", command.whole.span)


def _becomes_script(command: ShellCommand, body: str, shell: ShellText) -> bool:
    """Whether what a command gets or prints ends in something that runs it."""
    if shebang_is_shell(body) is False:
        return False
    looks_like_one = is_job_script(body)
    if runs_its_input(command):
        return not (
            program_of(command) == "ssh" and len(command.words) > 2 and not _may_read(command) and not looks_like_one
        )
    later = [one for one in command.pipeline.commands if one.stage > command.stage]
    if any(runs_its_input(one) for one in later):
        return True
    passed_on = all(_passes_on(one) for one in later)
    for one in (command, *later):
        texts = [word.text for word in one.words]
        if "tee" in (unquoted(text) for text in texts[:4]):
            targets = [text for text in texts[1:] if not text.startswith("-")]
            if any(_is_script_file(text, shell, looks_like_one=looks_like_one) for text in targets):
                return True
        if (one is command or passed_on) and any(
            _writes_script(redirect, shell, looks_like_one=looks_like_one)
            for redirect in (*one.redirects, *one.outer_redirects)
        ):
            return True
    # SCRIPT=$(cat <<EOF …): where it goes is not followed; a job script is one wherever it goes.
    return looks_like_one and (command.block.kind == "substitution" or program_of(command) == "read")


def _becomes_yaml(command: ShellCommand) -> bool:
    """Whether what a command gets is handed to Kubernetes, or written to a YAML file."""
    for one in (command, *(later for later in command.pipeline.commands if later.stage > command.stage)):
        words = [unquoted(word.text) for word in one.words]
        # The grammar loses a lone `-` in front of `<<`.
        from_input = words[-1] in ("-", "-f", "--filename", "-f-", "--filename=-") or "-" in words
        if words[0].rpartition("/")[2] in _READS_YAML and from_input:
            return True
        targets = [redirect.target.text for redirect in one.redirects if redirect.writes and redirect.target]
        if program_of(one) == "tee":
            targets += words[1:]
        if any(unquoted(target).endswith((".yaml", ".yml")) for target in targets):
            return True
    return False


def _may_read(command: ShellCommand) -> bool:
    """Whether ``ssh … words`` ends in a shell, or has nothing but options and the host."""
    words = [word.text for word in command.words[1:]]
    operands = [
        word
        for index, word in enumerate(words)
        if not word.startswith("-") and not (index and re.fullmatch(r"-[BbcDEeFIiJLlmOopQRSWw]", words[index - 1]))
    ]
    return len(operands) <= 1 or any(is_shell_word(unquoted(word)) for word in operands)


def _passes_on(command: ShellCommand) -> bool:
    return program_of(command) in _PASS_ON


def _writes_script(redirect: Redirect, shell: ShellText, *, looks_like_one: bool) -> bool:
    return (
        redirect.writes
        and redirect.target is not None
        and _is_script_file(redirect.target.text, shell, looks_like_one=looks_like_one)
    )


def _is_script_file(target: str, shell: ShellText, *, looks_like_one: bool) -> bool:
    name = unquoted(target)
    if not name or name.startswith(("/dev/", "&")):
        return False
    return looks_like_one or is_script_name(name) or _is_run_later(name, shell)


def _is_run_later(name: str, shell: ShellText) -> bool:
    """Whether the script runs or submits the file, or makes it executable."""
    return name.removeprefix("./") in _files_run(shell)


@functools.lru_cache(maxsize=16)
def _files_run(shell: ShellText) -> frozenset[str]:
    """Return every word of the script that names what is run, submitted or made executable."""
    names: set[str] = set()
    for command in shell.commands:
        words = [unquoted(word.text) for word in command.words]
        names.add(words[0])
        if words[0].rpartition("/")[2] in _RUNS_FILES:
            names.update(words[1:])
            names.update(unquoted(one.target.text) for one in command.redirects if one.operator == "<" and one.target)
    return frozenset(name.removeprefix("./") for name in names)
