"""Fixtures for all tests."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import SCRIPT, lint_here
from tests.truth.outcome_counts import pytest_terminal_summary  # noqa: F401  a hook: pytest finds it here
from wbsignal_lint.drill.processes import default_dispositions
from wbsignal_lint.settings import nearest_settings


@pytest.fixture(scope="session", autouse=True)
def no_ignored_signals() -> Iterator[None]:
    """Let every drill begin as it would in a terminal, though the tests themselves run behind ``nohup`` or ``&``."""
    with default_dispositions():
        yield


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder that is the current one; settings read by earlier tests are forgotten."""
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    nearest_settings.cache_clear()
    return tmp_path


@pytest.fixture
def unprivileged(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return an empty current folder in which file permissions count, which they do not for root."""
    folder = Path(tempfile.mkdtemp()).resolve()
    monkeypatch.chdir(folder)
    nearest_settings.cache_clear()
    user = os.geteuid()
    # What is imported late must be there before the rights to read it are given up.
    (folder / "warm.py").write_text(SCRIPT)
    lint_here("--isolated", "--fix", "warm.py")
    lint_here("--isolated", "--output-format", "concise", "warm.py")
    (folder / "warm.py").unlink()
    if user == 0:
        os.chown(folder, 65534, 65534)
        os.seteuid(65534)
    yield folder
    os.seteuid(user)
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o700)
    shutil.rmtree(folder)
