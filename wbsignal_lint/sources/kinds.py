"""What a file is: Python, shell or a host of shell, told from its name and its first lines."""

from __future__ import annotations

import os
import re
from enum import Enum

__all__ = ["HEAD_SIZE", "Kind", "kind_of", "may_have_kind"]

HEAD_SIZE = 4096
"""How many bytes from the start of a file `kind_of` wants to see."""


class Kind(str, Enum):
    """The languages that wbsignal-lint reads."""

    PYTHON = "python"
    SHELL = "shell"
    MAKEFILE = "makefile"
    JUSTFILE = "justfile"
    DOCKERFILE = "dockerfile"
    YAML = "yaml"
    NOTEBOOK = "notebook"
    DOCUMENTATION = "documentation"
    """Markdown and reStructuredText: read only where it is asked for."""


_PYTHON_SUFFIXES = frozenset({".py", ".pyi", ".pyw"})
_SHELL_SUFFIXES = frozenset({".sh", ".bash", ".ksh", ".zsh", ".sbatch", ".slurm", ".job", ".pbs", ".lsf"})
_OTHER_SUFFIX = re.compile(
    # Never opened in a walk: what lies about by the thousand in a training project and is certainly no script.
    r"\.(?:"
    r"c|cc|cpp|cu|h|hpp|js|map|o|pyc|pyx|so|ts|css|html|svg|ico|lock|log|txt|pdf|docx?|"
    r"ini|jsonl?|toml|xml|csv|tsv|feather|parquet|h5|hdf5|npy|npz|sqlite|pkl|"
    r"bin|ckpt|onnx|pt|pth|safetensors|tfevents|wandb|flac|gif|jpe?g|mp3|mp4|png|wav|webp|bz2|gz|tar|whl|xz|zip|zst"
    r")",
    re.IGNORECASE,
)
_HOST_SUFFIXES = {
    ".yaml": Kind.YAML,
    ".yml": Kind.YAML,
    ".ipynb": Kind.NOTEBOOK,
    ".mk": Kind.MAKEFILE,
    ".mak": Kind.MAKEFILE,
    ".just": Kind.JUSTFILE,
    ".dockerfile": Kind.DOCKERFILE,
    ".containerfile": Kind.DOCKERFILE,
    ".md": Kind.DOCUMENTATION,
    ".markdown": Kind.DOCUMENTATION,
    ".rst": Kind.DOCUMENTATION,
}
_HOST_NAMES = {
    "makefile": Kind.MAKEFILE,
    "gnumakefile": Kind.MAKEFILE,
    "bsdmakefile": Kind.MAKEFILE,
    "justfile": Kind.JUSTFILE,
    ".justfile": Kind.JUSTFILE,
    "dockerfile": Kind.DOCKERFILE,
    "containerfile": Kind.DOCKERFILE,
}
_NO_HOST = frozenset({".dockerignore", ".am", ".in", ".win", ".nmake"})
"""Suffixes behind a host's name that make it something else: ``Dockerfile.dockerignore``, ``Makefile.in``."""
_PYTHON_INTERPRETER = re.compile(r"(?:i?python|pypy)(?:\d+(?:\.\d+)*)?t?")
_SHELL_INTERPRETER = re.compile(r"(?:ba|da|k|z|a)?sh")
_DIRECTIVE = re.compile(rb"#(?:SBATCH|PBS|BSUB)\b")
_BOM = b"\xef\xbb\xbf"


def may_have_kind(name: str) -> bool:
    """Return whether a file of this name is worth opening to see what it is."""
    return _OTHER_SUFFIX.fullmatch(os.path.splitext(name)[1]) is None


def kind_of(name: str, head: bytes) -> Kind | None:
    """Tell what a file is.

    A Python suffix decides alone, and so do the names and suffixes of hosts (Makefile, ``.yaml`` …). Otherwise the
    ``#!`` line decides, because batch suffixes such as ``.job`` are used for Python scripts too; then a shell suffix;
    then the directives of a batch system in the leading comments.

    Args:
        name: the file's name, with or without folders.
        head: the first `HEAD_SIZE` bytes of the file.

    Returns:
        The kind, or ``None`` for anything that is not known; shells are those of the Bourne family.
    """
    suffix = os.path.splitext(name)[1].lower()
    if suffix in _PYTHON_SUFFIXES:
        return Kind.PYTHON
    host = _host_of(os.path.basename(name).lower(), suffix)
    if host is not None:
        return host
    head = head.removeprefix(_BOM)
    if head.startswith(b"#!"):
        return _kind_of_shebang(head.split(b"\n", 1)[0])
    if suffix in _SHELL_SUFFIXES or _has_directive(head):
        return Kind.SHELL
    return None


def _host_of(name: str, suffix: str) -> Kind | None:
    if name in _HOST_NAMES:
        return _HOST_NAMES[name]
    if suffix in _HOST_SUFFIXES:
        return _HOST_SUFFIXES[suffix]
    # Dockerfile.train, Makefile.slurm
    stem, dot, _ = name.partition(".")
    return _HOST_NAMES.get(stem) if dot and suffix not in _NO_HOST else None


def _kind_of_shebang(line: bytes) -> Kind | None:
    words = line[2:].decode("utf-8", "replace").split()
    if words and os.path.basename(words[0]) == "env":
        # env's own options and assignments come first: `#!/usr/bin/env -S PYTHONUNBUFFERED=1 python -u`.
        words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    if not words:
        return None
    interpreter = os.path.basename(words[0])
    if _PYTHON_INTERPRETER.fullmatch(interpreter) or words[:2] == ["uv", "run"]:
        return Kind.PYTHON
    return Kind.SHELL if _SHELL_INTERPRETER.fullmatch(interpreter) else None


def _has_directive(head: bytes) -> bool:
    for line in head.splitlines():
        if _DIRECTIVE.match(line):
            return True
        if line.strip() and not line.startswith(b"#"):
            return False
    return False
