"""Markdown and reStructuredText: the code blocks, as shell or as Python."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from wbsignal_lint.launch.hosts.parts import Hosted, ShellPart
from wbsignal_lint.launch.mapped import MappedText

__all__ = ["Block", "code_blocks", "read_documentation"]

_SHELL = frozenset({"bash", "sh", "shell", "zsh", "ksh", "slurm", "sbatch"})
_SESSION = frozenset({"console", "shell-session", "sh-session", "bash-session", "terminal", "shellsession"})
_PYTHON = frozenset({"python", "py", "python3", "py3"})
_FENCE = re.compile(r"^(?P<indent>[ ]*(?:[-*+][ ]+|\d+\.[ ]+|>[ ]?)*)(?P<fence>`{3,}|~{3,})[ ]*(?P<info>[^`\n]*)$")
_DIRECTIVE = re.compile(r"^(?P<indent>[ ]*)\.\.[ ]+(?:code-block|code|sourcecode|prompt)::[ ]*(?P<info>[^\n]*)$")
_OPTION = re.compile(r"[ ]*:[\w-]+:")
_PROMPT = re.compile(r"(?:\([\w.-]+\)[ ]?)?(?:[\w@.:~/-]*[ ]?)?[$#%][ ]")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


@dataclass(frozen=True)
class Block:
    """One block of code: its language (``bash``, ``console`` or ``python``) and its lines without indentation."""

    language: str
    text: MappedText


def read_documentation(text: str) -> Hosted:
    """Find the shell in a Markdown or reStructuredText file."""
    return Hosted(tuple(ShellPart(block.text) for block in code_blocks(text) if block.language == "bash"))


def code_blocks(text: str) -> Iterator[Block]:
    """Yield the blocks of code whose language is told and is shell or Python."""
    lines = [(match.start(), match[0]) for match in _LINE.finditer(text)]
    index = 0
    while index < len(lines):
        line = lines[index][1].rstrip("\r\n")
        index += 1
        fence = _FENCE.match(line)
        directive = None if fence is not None else _DIRECTIVE.match(line)
        if fence is not None:
            body, index = _fenced(lines, index, fence)
            info = fence["info"]
        elif directive is not None:
            body, index = _indented(lines, index, len(directive["indent"]))
            info = directive["info"]
        else:
            continue
        language = re.split(r"[\s,{}:]+", info.strip().lstrip("{.").lower())[0]
        block = _block(body, language)
        if block is not None:
            yield block


_Lines = list[tuple[int, str]]


def _fenced(lines: _Lines, index: int, fence: re.Match[str]) -> tuple[_Lines, int]:
    closing = re.compile(rf"[ >]*{re.escape(fence['fence'][0])}{{{len(fence['fence'])},}}[ \t]*$")
    body: _Lines = []
    width = len(fence["indent"])
    quoted = ">" in fence["indent"]
    while index < len(lines):
        start, line = lines[index]
        index += 1
        if closing.match(line.rstrip("\r\n")):
            break
        prefix = re.match(r"[ >]*", line) if quoted else re.match(r"[ ]*", line)
        drop = min(width, 0 if prefix is None else prefix.end())
        body.append((start + drop, line[drop:]))
    return body, index


def _indented(lines: _Lines, index: int, indent: int) -> tuple[_Lines, int]:
    while index < len(lines) and _OPTION.match(lines[index][1]):
        index += 1
    body: _Lines = []
    while index < len(lines):
        start, line = lines[index]
        width = len(line) - len(line.lstrip(" "))
        if line.strip() and width <= indent:
            break
        body.append((start, line))
        index += 1
    widths = [len(line) - len(line.lstrip(" ")) for _, line in body if line.strip()]
    width = min(widths, default=0)
    return [(start + min(width, len(line) - 1), line[min(width, len(line) - 1) :]) for start, line in body], index


def _block(body: _Lines, language: str) -> Block | None:
    if not body:
        return None
    if language in _SESSION or (language in _SHELL and any(line.startswith("$ ") for _, line in body)):
        kept: _Lines = []
        continued = False
        for start, line in body:
            prompt = _PROMPT.match(line)
            if prompt is not None and not continued:
                kept.append((start + prompt.end(), line[prompt.end() :]))
            elif continued:
                drop = 2 if line.startswith("> ") else 0
                kept.append((start + drop, line[drop:]))
            continued = bool(kept) and (prompt is not None or continued) and line.rstrip("\r\n").endswith("\\")
        return Block("bash", _mapped(kept))
    if language in _SHELL:
        return Block("bash", _mapped(body))
    if language in _PYTHON:
        return Block("python", _mapped(body))
    return None


def _mapped(lines: _Lines) -> MappedText:
    return MappedText.joined(MappedText.of(line, start) for start, line in lines)
