"""A notebook's kernel does not end with a cell, and keeps SIGINT for itself: what is wrong in a script may be right."""

from __future__ import annotations

import json

import pytest

from wbsignal_lint.diagnostics import Diagnostic
from wbsignal_lint.linter import LintOptions, lint_text
from wbsignal_lint.sources.kinds import Kind
from wbsignal_lint.sources.notebook import Notebook

HANDLER = "def stop(number, frame):\n    run.mark_preempting()\n    sys.exit(128 + number)\n"
START = "import atexit, signal, sys, wandb\nrun = wandb.init()\n"
LOOP = "for step in range(9):\n    run.log({'step': step})\n"


def findings(*cells: str, notebook: bool) -> list[Diagnostic]:
    """Return what is found in cells, or in the same as one script."""
    if not notebook:
        return lint_text("".join(cells), Kind.PYTHON, "train.py", LintOptions()).diagnostics
    written = [{"cell_type": "code", "metadata": {}, "outputs": [], "source": cell} for cell in cells]
    text = Notebook(json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": written})).text
    return lint_text(text, Kind.NOTEBOOK, "train.ipynb", LintOptions()).diagnostics


@pytest.mark.parametrize(
    ("code", "cells"),
    [
        ("WBS102", (START, HANDLER + "signal.signal(signal.SIGINT, stop)\n", LOOP)),
        ("WBS304", (START + "atexit.register(wandb.finish)\n", LOOP)),
        ("WBS310", (START + "sys.excepthook = print\n", LOOP)),
    ],
)
def test_what_no_kernel_does_is_only_found_in_scripts(code: str, cells: tuple[str, ...]) -> None:
    assert code in [found.code for found in findings(*cells, notebook=False)]
    assert code not in [found.code for found in findings(*cells, notebook=True)]


@pytest.mark.parametrize(
    ("code", "cells"),
    [
        ("WBS102", (START, HANDLER + "signal.signal(signal.SIGINT, stop)\n" + LOOP)),
        ("WBS301", (START, HANDLER.replace("128 + number", "0") + "signal.signal(signal.SIGTERM, stop)\n", LOOP)),
        ("WBS302", (START, HANDLER.replace("sys.", "") + "signal.signal(signal.SIGTERM, stop)\n", LOOP)),
        ("WBS304", (START, "try:\n    run.log({'a': 1 / 0})\nfinally:\n    run.finish()\n")),
        ("WBS308", ("import sys, wandb\n", "def main():\n    wandb.init()\n    return 3\nsys.exit(main())\n")),
    ],
)
def test_what_a_kernel_records_as_well_is_found_in_both(code: str, cells: tuple[str, ...]) -> None:
    assert code in [found.code for found in findings(*cells, notebook=False)]
    assert code in [found.code for found in findings(*cells, notebook=True)]


def test_only_the_death_of_a_kernel_is_said_to_count_as_a_preemption() -> None:
    cells = (START + "run.mark_preempting()\n", LOOP)
    (script,), (notebook,) = findings(*cells, notebook=False), findings(*cells, notebook=True)
    assert script.code == notebook.code == "WBS201"
    assert "a bug as well" in script.message
    assert "exit code 1" in script.outcome
    assert "kills the kernel" in notebook.message
    assert "no exit code" in notebook.outcome
