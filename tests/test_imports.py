"""The house: imports run downwards only, and nothing heavy is imported before the gates."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import CLEAN_SCRIPT, FIXTURES, JOB, ROOT, run

PACKAGE = ROOT / "wbsignal_lint"

# From the bottom to the top: a module or package imports only from what stands on an earlier line. Neighbours on one
# line do not know of each other.
STOREYS = [
    "__init__",
    "cells",
    "contract diagnostics project_root",
    "patterns stack nesting statements formats edits pins sweeps",
    "script launch",
    "comments embedded",
    "suppressions",
    "rules",
    "selection",
    "settings",
    "sources",
    "reading",
    "elsewhere siblings",
    "linter",
    "fixing",
    "files",
    "joining",
    "runner",
    "arguments explain",
    "cli flake8_plugin",
    "__main__",
]
# Beside the linter: they predict and measure what it reasons about, and it knows nothing of them.
FORECASTING = ("forecast", "drill", "outcome_")

HEAVY = ("libcst", "tree_sitter", "tree_sitter_bash", "yaml", "rich", "wandb")


def room_of(path: Path) -> str:
    """Return the module or package directly below wbsignal_lint that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    """Yield the dotted names of our own modules that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "wbsignal_lint")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where they lead"
            if node.module == "wbsignal_lint":
                yield from (f"wbsignal_lint.{alias.name}" for alias in node.names)
            elif node.module is not None and node.module.startswith("wbsignal_lint."):
                yield node.module


def imports_between_rooms() -> Iterator[tuple[Path, str, str]]:
    """Yield file, its room and the room it imports from."""
    rooms = {room_of(path) for path in PACKAGE.rglob("*.py")}
    for path in sorted(PACKAGE.rglob("*.py")):
        for name in imported(path):
            target = name.split(".")[1] if name.count(".") else "__init__"
            yield path, room_of(path), target if target in rooms else "__init__"


def test_imports_run_downwards_only() -> None:
    storey = {room: number for number, line in enumerate(STOREYS) for room in line.split()}
    wrong = [
        f"{path.relative_to(ROOT)} imports {target}"
        for path, room, target in imports_between_rooms()
        if room != target and not room.startswith(FORECASTING) and storey.get(target, 99) >= storey[room]
    ]

    assert wrong == []


def test_every_room_has_its_place() -> None:
    rooms = {room_of(path) for path in PACKAGE.rglob("*.py")}

    assert {room for room in rooms if not room.startswith(FORECASTING)} == {
        room for line in STOREYS for room in line.split()
    }


def test_formats_know_nothing_but_diagnostics() -> None:
    assert {target for _, room, target in imports_between_rooms() if room == "formats"} <= {
        "formats",
        "diagnostics",
        "cells",
    }


def test_what_the_gates_let_through_does_need_its_parser(project: Path) -> None:
    # Otherwise the next tests could not fail. LibCST is needed for fixes that move or take away statements.
    late = FIXTURES / "handler-registered-late" / "bad_after_for_loop.py"
    (project / "job.sh").write_text(JOB)

    assert imported_by(project, str(late)) == ["libcst"]
    assert imported_by(project, "job.sh") == ["tree_sitter", "tree_sitter_bash"]


def imported_by(folder: Path, *arguments: str) -> list[str]:
    """Return which heavy modules running the command line imports."""
    program = (
        "import sys; from wbsignal_lint.cli import main; main(sys.argv[1:]); "
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    shown: list[str] = ast.literal_eval(
        run([sys.executable, "-c", program, *arguments], folder).stdout.splitlines()[-1]
    )
    return shown


@pytest.mark.parametrize(
    "content",
    [
        CLEAN_SCRIPT,
        "",
        "import wandb\nwandb.init()\n",
        "import signal\nsignal.signal(signal.SIGTERM, print)\n",
        "# wandb, signal.signal and sys.exit(0) are only talked about\n'''wandb signal'''\n",
        "def f(:\n",
    ],
)
def test_nothing_heavy_is_imported_for_a_clean_script(project: Path, content: str) -> None:
    (project / "a.py").write_text(content)

    assert imported_by(project, "a.py") == []
    assert imported_by(project, "--fix", ".") == []


@pytest.mark.parametrize("content", ["echo hello\n", "wandb login\npython train.py\n"])
def test_nothing_heavy_is_imported_for_a_clean_job(project: Path, content: str) -> None:
    (project / "job.sh").write_text(content)

    assert imported_by(project, "job.sh") == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.yaml", "model: {layers: 12}\n"),
        ("logging.yml", "logger: wandb\nproject: vision\n"),
        ("Dockerfile", "FROM python:3.12\nCMD python train.py\n"),
        ("Makefile", "all:\n\tpython train.py\n"),
        ("a.ipynb", '{"cells": [{"cell_type": "code", "source": ["import wandb\\n", "wandb.init()"]}]}'),
        ("README.md", "```sh\nwandb agent x\n```\n"),
    ],
)
def test_nothing_heavy_is_imported_for_what_shell_may_stand_in(project: Path, name: str, content: str) -> None:
    (project / name).write_text(content)

    assert imported_by(project, ".") == []


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("--list-rules",), ("rule", "--all")])
def test_nothing_heavy_is_imported_for_words(project: Path, arguments: tuple[str, ...]) -> None:
    assert imported_by(project, *arguments) == []
