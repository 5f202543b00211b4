"""A fresh machine: README's first command word for word, and the packages that are built."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.readme import first_command
from tests.support import ROOT

pytestmark = pytest.mark.client


def copy_of_checkout(folder: Path) -> Path:
    """Copy what a clone of the checkout as it is would hold; the tests may also run from an unpacked sdist."""
    copy = folder / "checkout"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".venv*", "__pycache__", ".*_cache", ".git"))
        return copy
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of_checkout(tmp_path_factory.mktemp("fresh"))


def plain_environment() -> dict[str, str]:
    """Return the environment without what would lead to this checkout or colour the output."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "VIRTUAL_ENV", "FORCE_COLOR", "CLICOLOR_FORCE")
    }


def test_the_readmes_first_command_installs_and_prints_what_the_readme_shows(checkout: Path) -> None:
    command, shown = first_command()

    done = subprocess.run(
        ["bash", "-c", command], cwd=checkout, env=plain_environment(), capture_output=True, text=True, check=False
    )

    assert done.stdout == shown, done.stderr
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def built(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the sdist, and the wheel from the sdist, as a release does."""
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--outdir", str(folder), str(checkout)],
        env=plain_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_wheel_holds_the_package_whole_and_nothing_else(built: Path, checkout: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())

    package = {name for name in names if name.startswith("wbsignal_lint/")}
    assert package == {
        str(path.relative_to(checkout)) for path in (checkout / "wbsignal_lint").rglob("*") if path.is_file()
    }
    assert "wbsignal_lint/py.typed" in package
    assert {name.split("/")[0] for name in names - package} == {f"{wheel.name.split('-py3')[0]}.dist-info"}
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_sdist_holds_what_the_tests_need(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    needed = {
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "LICENSE",
        "pyproject.toml",
        ".pre-commit-hooks.yaml",
        ".ci/run",
    }
    assert needed - names == set()
    assert {"tests/test_readme.py", "docs/generate.py", "fixtures/handler-exits-zero/bad_helper.py"} <= names
