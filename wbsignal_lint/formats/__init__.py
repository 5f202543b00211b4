"""The output formats: one module each, found by walking this folder. They know nothing but diagnostics.

A format is a function ``render(reports, style)`` that yields pieces of output, each ending in a newline.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from typing import cast

from wbsignal_lint.diagnostics import FileReport
from wbsignal_lint.formats._style import Style

__all__ = ["Renderer", "Style", "format_names", "renderer"]

Renderer = Callable[[Iterable[FileReport], Style], Iterator[str]]


@functools.cache
def format_names() -> tuple[str, ...]:
    """Return the names of all formats."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")))


def renderer(name: str) -> Renderer:
    """Return the function that renders the format of this name."""
    return cast("Renderer", importlib.import_module(f"{__name__}.{name}").render)
