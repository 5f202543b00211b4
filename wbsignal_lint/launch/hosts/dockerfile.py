"""Dockerfiles and Containerfiles: what is run while an image is built, and what its containers start."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from wbsignal_lint.diagnostics import Span
from wbsignal_lint.launch.containers import ContainerStart, Image, ShellForm
from wbsignal_lint.launch.facts import OptionSlot
from wbsignal_lint.launch.hosts.parts import Argument, Arguments, Hosted, ShellPart
from wbsignal_lint.launch.hosts.stages import Stage
from wbsignal_lint.launch.hosts.strings import json_strings
from wbsignal_lint.launch.mapped import MappedText
from wbsignal_lint.launch.recording import Recording, recording_under, told_in
from wbsignal_lint.launch.running import is_script_name
from wbsignal_lint.launch.wrappers import SHELLS

__all__ = ["Instruction", "images_of", "read_dockerfile", "read_instructions"]

_ESCAPE = re.compile(r"\s*#\s*escape\s*=\s*(\S)", re.IGNORECASE)
_KEYWORD = re.compile(r"[ \t]*([A-Za-z]+)(?:[ \t]+|(?=\r?\n|\\|$))")
_NESTED = re.compile(r"(?:ONBUILD|HEALTHCHECK)\b", re.IGNORECASE)
_FLAG = re.compile(r"--[\w-]+(?:=\S*)?[ \t]*(?:\\\r?\n[ \t]*)?")
_HEREDOC = re.compile(r"<<(-?)(['\"]?)([A-Za-z_]\w*)\2")
_LINE = re.compile(r"[^\n]*(?:\n|$)")
_ENV_PAIR = re.compile(r"^(\w+)[ \t]+([^=]*)$")
"""``ENV NAME value``, the old form."""
_STARTS = ("CMD", "ENTRYPOINT")


@dataclass(frozen=True)
class Instruction:
    """One instruction."""

    keyword: str
    """In capitals."""
    span: Span
    """From the keyword to the last character, without the line break."""
    rest: MappedText
    """What follows the keyword and its flags; comment lines are taken out, continued lines still are continued."""
    documents: tuple[tuple[str, MappedText], ...] = ()
    """Its here-documents: the line that they are named in (``RUN <<EOF bash``), and their text."""
    arguments: tuple[Argument, ...] | None = None
    """The elements of the exec form, a JSON array; ``None`` in the shell form."""


_END = Instruction("FROM", Span(0, 0), MappedText.of(""))


def read_dockerfile(text: str) -> Hosted:
    """Find what a Dockerfile runs: ``RUN``, and the last ``CMD`` and ``ENTRYPOINT`` of each stage."""
    return _read(text)[0]


def images_of(text: str) -> tuple[Image, ...]:
    """Return what each stage of a Dockerfile says of the containers of its image, in their order."""
    return _read(text)[1]


def _read(text: str) -> tuple[Hosted, tuple[Image, ...]]:
    parts: list[ShellPart | Arguments] = []
    shell_forms: list[ShellForm] = []
    container_starts: list[ContainerStart] = []
    images: list[Image] = []
    copies: list[tuple[str, str]] = []
    stages: dict[str, Stage] = {}
    stage = Stage()
    for one in (*read_instructions(text), _END):
        if one.keyword == "FROM":
            if stage.own:
                parts.extend(replace(part, environment=stage.variables) for part in _started(stage.instructions))
            if recording_under(stage.variables) is not Recording.NOTHING:
                start = stage.start(tuple(copies))
                container_starts.extend([] if start is None else [start])
                shell_forms.extend(stage.shell_forms(tuple(copies)))
            images.append(stage.image(tuple(copies)))
            stages[stage.name.lower()] = stage
            stage = Stage.begun(one.rest.text, stages)
        elif one.keyword == "SHELL":
            names = tuple(argument.text.text for argument in one.arguments or ())
            stage.shell = names if any(name.rpartition("/")[2] in SHELLS for name in names) else ()
        elif one.keyword == "WORKDIR":
            stage.workdir = posixpath.join(stage.workdir, one.rest.text.strip().strip("\"'"))
        elif one.keyword == "STOPSIGNAL":
            stage.stop_signal = one.rest.text.strip().strip("\"'")
        elif one.keyword in ("COPY", "ADD"):
            parts.extend(replace(part, environment=stage.variables) for part in _copied(one))
            if "--from" not in text[one.span.start : one.rest.span.start] and not one.documents:
                copies.extend(_copies(one.rest, stage.workdir))
        elif one.keyword in _STARTS and (stage.shell or one.arguments is not None):
            stage.set_entry(one)
        elif one.keyword == "RUN" and one.arguments is not None:
            parts.append(Arguments(one.arguments, one.span, stage.variables))
        elif one.keyword == "RUN" and stage.shell:
            parts.extend(replace(part, environment=stage.variables) for part in _shell(one))
        elif one.keyword == "ENV":
            stage.variables = {**stage.variables, **told_in(_ENV_PAIR.sub(r"\1=\2", one.rest.text.strip()))}
    hosted = Hosted(tuple(parts), shell_forms=tuple(shell_forms), container_starts=tuple(container_starts))
    return hosted, tuple(images[1:])  # the first one is what stands before FROM


def _started(starts: dict[str, Instruction]) -> Iterator[ShellPart | Arguments]:
    """Yield what a container of a stage starts: ``CMD`` is appended to an ``ENTRYPOINT`` in exec form."""
    entrypoint, command = starts.get("ENTRYPOINT"), starts.get("CMD")
    if entrypoint is not None and entrypoint.arguments is None:
        yield ShellPart(entrypoint.rest)
        return  # it ignores CMD
    if command is not None and command.arguments is None:
        yield ShellPart(command.rest)
        command = None
    arguments = [argument for one in (entrypoint, command) if one is not None for argument in one.arguments or ()]
    last = command or entrypoint
    if arguments and last is not None:
        if command is None and arguments[-1].text.text == "agent":
            # The rest comes from `docker run image …`.
            arguments.append(Argument(arguments[-1].text.as_one("${arguments}"), is_list=True))
        span = Span(entrypoint.span.start if entrypoint is not None else last.span.start, last.span.end)
        yield Arguments(tuple(arguments), span)


def _shell(one: Instruction) -> Iterator[ShellPart]:
    if not one.documents:
        yield ShellPart(one.rest)
        return
    command = _HEREDOC.sub("", one.rest.text).split()
    if not command or command[0].rpartition("/")[2] in SHELLS:
        first = one.documents[0][1]
        shebang = first.text.lstrip()
        if not shebang.startswith("#!") or any(shell in shebang.split("\n")[0] for shell in ("sh",)):
            yield ShellPart(first)


def _copied(one: Instruction) -> Iterator[ShellPart]:
    """``COPY <<EOF /start.sh``: a script written down in the Dockerfile."""
    target = one.rest.text.split()[-1:] or [""]
    for _, document in one.documents:
        first = document.text.split("\n", 1)[0]
        is_script = re.match(r"#!.*?sh\b", first) if first.startswith("#!") else is_script_name(target[0])
        if is_script:
            yield ShellPart(document)


def _copies(rest: MappedText, workdir: str) -> Iterator[tuple[str, str]]:
    """Yield the paths in the image that come from the project, and where from; directories end in ``/``."""
    listed = _exec_form(rest)
    names = rest.text.replace("\\\n", " ").split() if listed is None else [one.text.text for one in listed]
    if len(names) < 2:
        return
    target = posixpath.normpath(posixpath.join("/", workdir, names[-1]))
    folder = target.rstrip("/") + "/"
    is_folder = len(names) > 2 or names[-1].endswith("/") or names[-1] in (".", "..")
    for name in names[:-1]:
        source = posixpath.normpath(name.lstrip("/") or ".")
        if source == ".":
            yield folder, "./"
            continue
        if not is_folder:
            yield target, source
        yield folder, source
        yield folder, source + "/"  # if it is a directory, what is in it is copied


def read_instructions(text: str) -> Iterator[Instruction]:
    """Yield the instructions of a Dockerfile in their order."""
    escape = _ESCAPE.match(text)
    continuation = re.compile(rf"{re.escape(escape[1] if escape else chr(92))}[ \t]*\r?$")
    position = 0
    while position < len(text):
        line = _line(text, position)
        if not line.strip() or line.lstrip().startswith("#"):
            position += len(line)
            continue
        begin = position
        kept: list[MappedText] = []
        while True:
            stripped = line.lstrip()
            is_comment = stripped.startswith("#") or not stripped
            if not (is_comment and kept):
                kept.append(MappedText.of(line, position))
            position += len(line)
            if position >= len(text) or not (is_comment or continuation.search(line.removesuffix("\n"))):
                break
            line = _line(text, position)
        whole = MappedText.joined(kept)
        instruction = _instruction(whole, begin)
        if instruction is None:
            continue
        documents: list[tuple[str, MappedText]] = []
        if instruction.keyword in ("RUN", "COPY", "ADD"):
            for match in _HEREDOC.finditer(instruction.rest.text):
                body, position = _document(text, position, match[3], tabs=bool(match[1]))
                documents.append((instruction.rest.text, body))
        yield replace(instruction, documents=tuple(documents))


def _instruction(whole: MappedText, begin: int) -> Instruction | None:
    rest = whole
    keyword = _KEYWORD.match(rest.text)
    if keyword is None:
        return None
    start = begin + len(keyword[0]) - len(keyword[0].lstrip())
    nested = _NESTED.match(keyword[1]) is not None
    while keyword is not None and _NESTED.match(keyword[1]):
        rest = rest[keyword.end() :]
        rest = _without_flags(rest)
        keyword = _KEYWORD.match(rest.text)
    if keyword is None:
        return None
    rest = _without_flags(rest[keyword.end() :])
    rest = rest[: len(rest.text.rstrip())]
    # `HEALTHCHECK CMD …` is no CMD of the image; it is run as RUN is.
    name = "RUN" if nested else keyword[1].upper()
    span = Span(start, max(start, rest.span.end) if rest.text else start + len(name))
    arguments = _exec_form(rest) if name in (*_STARTS, "RUN", "SHELL") else None
    return Instruction(name, span, rest, arguments=arguments)


def _without_flags(rest: MappedText) -> MappedText:
    rest = rest[len(rest.text) - len(rest.text.lstrip(" \t")) :]
    while (flag := _FLAG.match(rest.text)) is not None:
        rest = rest[flag.end() :]
    return rest


def _exec_form(rest: MappedText) -> tuple[Argument, ...] | None:
    r"""Read ``["wandb", "agent"]``; what is no JSON array of strings is shell, as docker sees it."""
    gaps = [at for match in re.finditer(r"\\[ \t]*\r?\n", rest.text) for at in range(match.start(), match.end())]
    source = rest.without(gaps) if gaps else rest
    if not source.text.startswith("["):
        return None
    try:
        values = json.loads(source.text)
    except ValueError:
        return None
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        return None
    return tuple(Argument(text, OptionSlot(end, ', "', '"')) for text, end in json_strings(source))


def _document(text: str, position: int, name: str, *, tabs: bool) -> tuple[MappedText, int]:
    """Return the here-document that begins at a position, and the position behind its end."""
    lines: list[MappedText] = []
    while position < len(text):
        line = _line(text, position)
        shown = line.lstrip("\t") if tabs else line
        if shown.rstrip("\r\n") == name:
            return MappedText.joined(lines), position + len(line)
        lines.append(MappedText.of(shown, position + len(line) - len(shown)))
        position += len(line)
    return MappedText.joined(lines), position


def _line(text: str, position: int) -> str:
    match = _LINE.match(text, position)
    assert match is not None
    return match[0]
