"""Which versions a project pins, as its own files say it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from wbsignal_lint.pins import Pin, pins_for

ORDER = ("0.12.21", "0.23.1", "0.24.0", "0.28.2", "0.31.0")
"""Versions of wandb at which something changed, and others."""


def write(folder: Path, files: dict[str, str]) -> Path:
    """Write the files of a project and return where a script of it would lie."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder / "train.py"


def below(pin: Pin | None) -> list[str]:
    return [version for version in ORDER if pin is not None and pin.surely_below(version)]


def at_least(pin: Pin | None) -> list[str]:
    return [version for version in ORDER if pin is not None and pin.surely_at_least(version)]


@pytest.mark.parametrize(
    ("specifier", "is_below", "is_at_least"),
    [
        ("==0.23.1", ORDER[2:], ORDER[:2]),
        ("===0.23.1", ORDER[2:], ORDER[:2]),
        ("==0.23.*", ORDER[2:], ORDER[:1]),
        ("<0.24", ORDER[2:], ()),
        ("<=0.24.0", ORDER[3:], ()),
        (">=0.24", (), ORDER[:3]),
        (">0.24.0", (), ORDER[:3]),
        ("~=0.23.1", ORDER[2:], ORDER[:2]),
        ("~=0.23", (), ORDER[:1]),
        (">=0.12.21,<0.24", ORDER[2:], ORDER[:1]),
        (" >= 0.12.21 , != 0.15.0 , < 0.24.0", ORDER[2:], ORDER[:1]),
        ("!=0.23.1", (), ()),
    ],
)
def test_a_specifier_says_what_all_its_versions_have_in_common(
    tmp_path: Path, specifier: str, is_below: tuple[str, ...], is_at_least: tuple[str, ...]
) -> None:
    pin = pins_for(write(tmp_path, {"requirements.txt": f"numpy\nwandb{specifier}\n"})).get("wandb")

    assert (below(pin), at_least(pin)) == (list(is_below), list(is_at_least))


def test_specifiers_agree_with_packaging() -> None:
    from packaging.specifiers import SpecifierSet

    versions = [f"0.{minor}.{patch}" for minor in range(20, 27) for patch in range(3)]
    specifiers = ["==0.23.1", "==0.23.*", "<0.24", "<=0.24.0", ">=0.24", ">0.23.2", "~=0.23.1", ">=0.21,<0.23.1"]
    for specifier in specifiers:
        pin = Pin((specifier,), Path("requirements.txt"))
        allowed = [version for version in versions if version in SpecifierSet(specifier)]
        for limit in ("0.21.0", "0.23.0", "0.23.1", "0.24.0", "0.26.0"):
            older = [versions.index(version) < versions.index(limit) for version in allowed]
            assert not pin.surely_below(limit) or all(older), (specifier, limit)
            assert not pin.surely_at_least(limit) or not any(older), (specifier, limit)


PINNED = {
    "requirements.txt": "torch>=2\nwandb[sweeps]==0.23.1 ; python_version > '3.8'  # the last that works\n",
    "requirements-train.txt": "--index-url https://example.org/simple\nwandb==0.23.1 \\\n    --hash=sha256:abc\n",
    "requirements/train.txt": "wandb == 0.23.1\n",
    "pyproject.toml": '[project]\nname = "x"\ndependencies = ["torch", "wandb (==0.23.1)"]\n',
    "pyproject.toml#extra": '[project.optional-dependencies]\nlogging = ["Wandb==0.23.1"]\n',
    "pyproject.toml#group": '[dependency-groups]\ntrain = ["wandb==0.23.1", {include-group = "test"}]\n',
    "pyproject.toml#uv": '[tool.uv]\nconstraint-dependencies = ["wandb==0.23.1"]\n',
    "pyproject.toml#poetry": '[tool.poetry.dependencies]\npython = "^3.10"\nwandb = "0.23.1"\n',
    "pyproject.toml#poetry-caret": '[tool.poetry.dependencies]\nwandb = "^0.23.1"\n',
    "pyproject.toml#poetry-tilde": '[tool.poetry.group.train.dependencies]\nwandb = { version = "~0.23" }\n',
    "pyproject.toml#pdm": '[tool.pdm.dev-dependencies]\ntrain = ["wandb<0.24"]\n',
    "setup.cfg": "[options]\ninstall_requires =\n    torch\n    wandb<=0.23.1\n",
    "setup.cfg#extra": "[options.extras_require]\nlogging = wandb<=0.23.1\n",
    "setup.py": "from setuptools import setup\nsetup(name='x', install_requires=['torch', 'wandb==0.23.1'])\n",
    "setup.py#extra": "from setuptools import setup\nsetup(extras_require={'log': ['wandb==0.23.1']})\n",
    "uv.lock": 'version = 1\n\n[[package]]\nname = "wandb"\nversion = "0.23.1"\nsource = { registry = "r" }\n',
    "poetry.lock": '[[package]]\nname = "wandb"\nversion = "0.23.1"\ndescription = "a CLI"\n',
    "pdm.lock": '[[package]]\nname = "wandb"\nversion = "0.23.1"\nrequires_python = ">=3.8"\n',
    "pylock.toml": 'lock-version = "1.0"\n\n[[packages]]\nname = "wandb"\nversion = "0.23.1"\n',
    "Pipfile": '[packages]\ntorch = "*"\nwandb = "==0.23.1"\n',
    "Pipfile.lock": '{"_meta": {}, "default": {"wandb": {"version": "==0.23.1", "hashes": []}}}',
    "environment.yml": "name: x\ndependencies:\n  - python=3.11\n  - wandb=0.23\n",
    "environment.yaml": "dependencies:\n  - conda-forge::wandb=0.23.1=pyhd8ed1ab_0\n",
    "conda.yml": "dependencies:\n  - pip:\n    - wandb==0.23.1  # as on the cluster\n",
}


@pytest.mark.parametrize("name", PINNED)
def test_pins_are_read_wherever_projects_write_them(tmp_path: Path, name: str) -> None:
    pin = pins_for(write(tmp_path, {name.partition("#")[0]: PINNED[name]})).get("wandb")

    assert pin is not None
    assert (pin.surely_below("0.24.0"), pin.surely_below("0.23.0")) == (True, False)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"requirements.txt": "wandb\n"},
        {"requirements.txt": "# wandb==0.23.1\nwandb-core==0.23.1\nnot-wandb==0.23.1\n"},
        {"requirements.txt": "wandb @ git+https://example.org/wandb@v0.23.1\n"},
        {"requirements.txt": "wandb==\n-r missing.txt\n-r requirements.txt\n"},
        {"pyproject.toml": '[project]\ndependencies = ["wandb==0.23.1"\n'},
        {"pyproject.toml": 'project = 1\ntool = []\n[[dependency-groups]]\nx = ["wandb==0.23.1"]\n'},
        {"pyproject.toml": '[tool.poetry.dependencies]\nwandb = "*"\n'},
        {"pyproject.toml": '[tool.poetry.dependencies]\nwandb = "<0.13 || >=0.24"\n'},
        {"setup.py": "setup(install_requires=open('requirements.txt').read())\n"},
        {"setup.py": "def f(:\n"},
        {"setup.cfg": "no section\n"},
        {"Pipfile.lock": "[]"},
        {"environment.yml": "dependencies:\n  - wandb\n  # - wandb=0.23.1\n"},
        {"notes.txt": "wandb==0.23.1\n"},
    ],
)
def test_what_is_not_said_is_unknown(tmp_path: Path, files: dict[str, str]) -> None:
    (tmp_path / ".git").mkdir()

    assert pins_for(write(tmp_path, files)).get("wandb") is None


@pytest.mark.parametrize(
    "files",
    [
        {"uv.lock": '[[package]]\nname = "wandb"\nversion = "0.23.1"\n', "requirements.txt": "wandb==0.31.0\n"},
        {"requirements.txt": "wandb==0.23.1\n", "setup.py": "setup(install_requires=['wandb>=0.12'])\n"},
        {"requirements.txt": "wandb\n", "pyproject.toml": '[project]\ndependencies = ["wandb<0.24"]\n'},
        {"requirements.txt": "-r requirements/base.txt\n", "requirements/base.txt": "wandb==0.23.1\n"},
        {"requirements.txt": "-c limits.txt\nwandb\n", "limits.txt": "wandb<0.24\n"},
        {"requirements-a.txt": "wandb==0.22.3\n", "requirements-b.txt": "wandb==0.23.1\n"},
        {"poetry.lock": "".join(f'[[package]]\nname = "wandb"\nversion = "0.{n}.1"\n\n' for n in (12, 23))},
    ],
)
def test_what_is_really_installed_decides(tmp_path: Path, files: dict[str, str]) -> None:
    pin = pins_for(write(tmp_path, files))["wandb"]

    assert below(pin) == list(ORDER[2:])


def test_files_of_one_kind_that_disagree_say_only_what_they_agree_on(tmp_path: Path) -> None:
    script = write(tmp_path, {"requirements-old.txt": "wandb==0.23.1\n", "requirements-new.txt": "wandb==0.31.0\n"})

    assert below(pins_for(script)["wandb"]) == []
    assert at_least(pins_for(script)["wandb"]) == list(ORDER[:2])


def test_the_nearest_folder_decides_up_to_the_repository(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    (repository / ".git").mkdir(parents=True)
    write(tmp_path, {"requirements.txt": "torch==1.0\nwandb==0.12.21\nray==1.0\n"})
    write(repository, {"pyproject.toml": '[project]\ndependencies = ["wandb==0.23.1", "torch==2.0"]\n'})
    write(repository / "examples", {"requirements.txt": "wandb==0.31.0\n"})

    pins = pins_for(repository / "examples" / "mnist" / "train.py")

    assert {name: str(pin) for name, pin in pins.items()} == {
        "wandb": "==0.31.0 in requirements.txt",
        "torch": "==2.0 in pyproject.toml",
    }


def test_outside_any_project_only_the_folder_itself_counts(tmp_path: Path) -> None:
    assert pins_for(tmp_path / "train.py") == {}
    assert pins_for(None) == {}


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    script = write(tmp_path, {"requirements.txt": "wandb==0.23.1\n"})
    assert below(pins_for(script)["wandb"]) == list(ORDER[2:])

    write(tmp_path, {"requirements.txt": "wandb==0.31.0  # at last\n"})

    assert below(pins_for(script)["wandb"]) == []


def test_what_pip_freezes_is_understood(tmp_path: Path) -> None:
    frozen = subprocess.run([sys.executable, "-m", "pip", "freeze"], capture_output=True, text=True, check=True).stdout
    pins = pins_for(write(tmp_path, {"requirements.txt": frozen}))

    exact = re.findall(r"(?m)^[\w.-]+==", frozen)
    assert len(pins) == len(exact) > 5
