"""Finding files, telling their kind, decoding them, writing them back."""

from __future__ import annotations

import codecs
import contextlib
import os
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbsignal_lint.diagnostics import Problem
from wbsignal_lint.settings import Settings
from wbsignal_lint.sources import Kind, UndecodableSource, decode, find_sources, kind_of, write_atomically


def found(*paths: str, **settings: object) -> list[str]:
    """Return the names that are found; a problem as ``name!``."""
    sources = find_sources(paths or ["."], lambda folder: Settings(**settings))  # type: ignore[arg-type]
    return [source.filename + "!" * isinstance(source, Problem) for source in sources]


def write(*paths: str, content: str = "x = 1\n") -> None:
    for path in paths:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(content)


# Kinds


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("train.py", "", Kind.PYTHON),
        ("TRAIN.PY", "", Kind.PYTHON),
        ("stub.pyi", "", Kind.PYTHON),
        ("gui.pyw", "", Kind.PYTHON),
        ("train.py", "#!/bin/bash\n", Kind.PYTHON),
        *((f"job{suffix}", "echo\n", Kind.SHELL) for suffix in (".sh", ".bash", ".sbatch", ".slurm", ".job", ".ksh")),
        ("job.pbs", "echo\n", Kind.SHELL),
        ("job.lsf", "echo\n", Kind.SHELL),
        ("job.sbatch", "#!/usr/bin/env python3\n#SBATCH --time=1\n", Kind.PYTHON),
        ("job.sbatch", "#!/bin/csh\n#SBATCH --time=1\n", None),
        ("run", "#!/bin/sh\n", Kind.SHELL),
        ("run", "#! /usr/bin/bash -l\n", Kind.SHELL),
        ("run", "#!/usr/bin/env -S bash -e\n", Kind.SHELL),
        ("run", "\ufeff#!/bin/sh\n", Kind.SHELL),
        ("run", "#!/usr/bin/env python3\n", Kind.PYTHON),
        ("run", "#!/opt/conda/bin/python3.12 -u\n", Kind.PYTHON),
        ("run", "#!/usr/bin/env -S PYTHONUNBUFFERED=1 python -u\n", Kind.PYTHON),
        ("run", "#!/usr/bin/env -S uv run --script\n", Kind.PYTHON),
        ("run", "#!/usr/bin/perl\n", None),
        ("run", "#!\n", None),
        ("run", "#SBATCH --time=1\nsrun x\n", Kind.SHELL),
        ("job.tmpl", "\n# my job\n#PBS -l walltime=1\n", Kind.SHELL),
        ("job.in", "#BSUB -q gpu\n", Kind.SHELL),
        *((name, "", Kind.MAKEFILE) for name in ("Makefile", "makefile", "GNUmakefile", "rules.mk", "Makefile.slurm")),
        *((name, "", Kind.JUSTFILE) for name in ("justfile", ".justfile", "Justfile", "train.just")),
        *((name, "", Kind.DOCKERFILE) for name in ("Dockerfile", "Containerfile", "Dockerfile.gpu", "gpu.dockerfile")),
        *((name, "", Kind.YAML) for name in ("sweep.yaml", ".gitlab-ci.yml", "docker-compose.yml", "JOB.YAML")),
        ("train.ipynb", "{}", Kind.NOTEBOOK),
        *((name, "", Kind.DOCUMENTATION) for name in ("README.md", "guide.rst", "notes.markdown")),
        ("Dockerfile.dockerignore", "", None),
        ("Makefile.am", "", None),
        ("Makefile.in", "", None),
        ("makefile_of_dreams", "", None),
        ("notes", "see\n#SBATCH --time=1\n", None),
        ("notes", "#SBATCHING is fun\n", None),
        ("README", "hello\n", None),
        ("", "", None),
    ],
)
def test_kind(name: str, head: str, kind: Kind | None) -> None:
    assert kind_of(name, head.encode()) is kind


# Finding


def test_a_folder_gives_its_scripts_in_order_whatever_the_file_system_says(project: Path) -> None:
    write("b.py", "a/z.py", "a/m.sh", "a/b/c.sbatch", "c.txt", "data.json", ".hidden/x.py")
    write("run", content="#!/bin/sh\n")

    assert found() == ["b.py", "run", ".hidden/x.py", "a/m.sh", "a/z.py", "a/b/c.sbatch"]
    assert found("a") == ["a/m.sh", "a/z.py", "a/b/c.sbatch"]
    assert found(str(project / "a")) == ["a/m.sh", "a/z.py", "a/b/c.sbatch"]


def test_paths_outside_the_current_folder_are_shown_as_given(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("one/a.py", "two/b.py")
    monkeypatch.chdir(project / "one")

    assert found("../two", "a.py") == ["../two/b.py", "a.py"]


@pytest.mark.parametrize("folder", [".git", ".venv", "venv", "node_modules", "__pycache__", "build", "dist", ".tox"])
def test_folders_without_own_sources_are_left_out_but_can_be_named(project: Path, folder: str) -> None:
    write(f"{folder}/x.py", f"deep/{folder}/y.py", "z.py")

    assert found() == ["z.py"]
    assert found(folder) == [f"{folder}/x.py"]
    assert found(f"{folder}/x.py") == [f"{folder}/x.py"]


def test_exclude_patterns(project: Path) -> None:
    write("a.py", "tests/a.py", "tests/deep/b.py", "lib/gen_x.py", "venv/x.py")

    assert found(extend_exclude=("tests/deep", "gen_*.py")) == ["a.py", "tests/a.py"]
    assert found(extend_exclude=("/a.py",)) == ["lib/gen_x.py", "tests/a.py", "tests/deep/b.py"]
    assert found(exclude=("lib",)) == ["a.py", "tests/a.py", "tests/deep/b.py", "venv/x.py"]
    assert found("lib/gen_x.py", extend_exclude=("gen_*.py",)) == ["lib/gen_x.py"]


def test_force_exclude_holds_for_named_files_too(project: Path) -> None:
    write("a.py", "lib/gen.py", "build/x.py", "ignored.py", "LICENSE")
    write(".gitignore", content="ignored.py\n")
    write("tests/job.sh", content="echo\n")
    paths = ("a.py", "lib/gen.py", "build/x.py", "ignored.py", "LICENSE", "tests/job.sh", "lib")

    assert found(*paths, extend_exclude=("lib",), force_exclude=True) == ["a.py", "tests/job.sh"]
    assert found(*paths, extend_exclude=("lib",)) == [*paths[:4], "LICENSE!", "tests/job.sh"]


def test_ignored_files_are_those_that_git_ignores(project: Path) -> None:
    subprocess.run(["git", "init", "-q", "."], check=True)
    write(
        "a.py", "b.py", "keep.py", "out/x.py", "out/keep.py", "sub/a.py", "sub/c.py", "sub/deep/d.py", "sub/deep/e.py"
    )
    write("logs/x.py", "logs/deep/x.py", "sub/logs/x.py", "private/x.py", "tmp.py/x.py", "only/x.py", "sub/only/x.py")
    write("wild_1.py", "wild_x.py", "esc#.py", "space .py", "sub/build2/y.py", "äö.py")
    ignored = "b.py\nout/*\n!out/keep.py\n/logs\n# no.py\n\n**/deep/e.py\nwild_[0-9].py\n/only/\ntmp.py/\n\\#x\nä*.py\n"
    write(".gitignore", content=ignored)
    write("sub/.gitignore", content="c.py\n!b.py\n/build2/\n[\n[z-a]\n[[x]\n")
    write(".git/info/exclude", content="private\n")
    # -z: names as they are, without git's quoting.
    listed = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"], check=True, capture_output=True, text=True
    ).stdout.split("\0")

    assert sorted(found()) == sorted(name for name in listed if name.endswith(".py"))
    assert sorted(found("sub")) == sorted(name for name in listed if name.startswith("sub/") and name.endswith(".py"))
    assert "b.py" in found(respect_gitignore=False)


def test_ignore_files_count_without_a_repository_and_end_at_an_inner_one(project: Path) -> None:
    write("a.py", "x.py", "inner/x.py", "inner/y.py", "inner/.git/HEAD")
    write(".gitignore", content="x.py\n")
    write("inner/.gitignore", content="y.py\n")

    assert found() == ["a.py", "inner/x.py"]


def test_a_linked_work_tree_has_the_excludes_of_its_repository(project: Path) -> None:
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run(["git", "init", "-q", "main"], check=True)
    write("main/a.py")
    subprocess.run([*git, "-C", "main", "add", "."], check=True)
    subprocess.run([*git, "-C", "main", "commit", "-qm", "first"], check=True)
    subprocess.run([*git, "-C", "main", "worktree", "add", "-q", "../tree"], check=True)
    write("main/.git/info/exclude", content="secret.py\n")
    write("tree/secret.py")

    assert found("tree") == ["tree/a.py"]


def test_links_never_lead_in_circles_and_a_file_is_found_once(project: Path) -> None:
    write("real/a.py")
    os.symlink("..", "real/up")
    os.symlink("real", "again")
    os.symlink("real/a.py", "link.py")
    os.symlink("nowhere.py", "dangling.py")
    os.symlink("self.py", "self.py")

    assert found() == ["link.py"]
    assert found("real", "link.py", "again") == ["real/a.py"]
    assert found("again/") == ["again/a.py"]


def test_what_is_no_readable_file_is_a_problem_and_the_others_go_on(project: Path) -> None:
    write("good.py", "folder.py/inside.py", "LICENSE")
    os.mkfifo("pipe.py")
    os.symlink("nowhere.py", "dangling.py")
    os.symlink("self.py", "self.py")
    paths = [
        "missing.py",
        "folder.py",
        "pipe.py",
        "dangling.py",
        "self.py",
        "LICENSE",
        "/dev/null",
        "nul\0.py",
        "good.py",
    ]
    sources = list(find_sources(paths, lambda folder: Settings()))

    assert [str(problem) for problem in sources if isinstance(problem, Problem)] == [
        "missing.py: WBS001 no such file or folder",
        "folder.py: WBS001 a folder, though named like a file (write folder.py/ to lint what is in it)",
        "pipe.py: WBS001 a pipe, not a file (give its content to `-` with --stdin-filename)",
        "dangling.py: WBS001 a symbolic link to nothing",
        "self.py: WBS001 too many levels of symbolic links",
        "LICENSE: WBS001 not a kind wbsignal-lint reads, by name and by content",
        "/dev/null: WBS001 a device, not a file (give its content to `-` with --stdin-filename)",
        "nul\0.py: WBS001 no path at all: it holds a NUL character",
    ]
    assert sources[-1].filename == "good.py"
    assert found("folder.py/") == ["folder.py/inside.py"]
    assert found() == ["good.py", "folder.py/inside.py"]


def test_a_folder_that_may_not_be_read_is_a_problem(unprivileged: Path) -> None:
    write("a.py", "closed/b.py", "open/c.py")
    Path("closed").chmod(0)
    write("job", content="#!/bin/sh\n")
    write("job.sh", content="#!/bin/sh\n")
    Path("job").chmod(0)
    Path("job.sh").chmod(0)

    # Of `job` nobody knows whether it would have been a script.
    assert found() == ["a.py", "job.sh!", "closed!", "open/c.py"]
    assert found("job") == ["job!"]


# Decoding


@given(st.binary())
def test_shell_takes_any_bytes_and_gives_them_back(data: bytes) -> None:
    try:
        decoded = decode(data, Kind.SHELL)
    except UndecodableSource:
        assert b"\0" in data
    else:
        assert decoded.encode(decoded.text) == data


@given(st.binary() | st.text().map(lambda text: codecs.BOM_UTF8 + text.encode("utf-8", "surrogatepass")))
def test_python_is_decoded_without_loss_or_refused(data: bytes) -> None:
    with contextlib.suppress(UndecodableSource):
        decoded = decode(data, Kind.PYTHON)
        assert decoded.encode(decoded.text) == data


@pytest.mark.parametrize(
    ("data", "text", "encoding"),
    [
        (b"x = '\xc3\xa4'\r\n", "x = 'ä'\r\n", "utf-8"),
        (b"\xef\xbb\xbfx = 1\n", "x = 1\n", "utf-8"),
        (b"# coding: latin-1\nx = '\xe4'\n", "# coding: latin-1\nx = 'ä'\n", "iso-8859-1"),
        (b"#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\n'\x80'\n", None, "cp1252"),
    ],
)
def test_python_encodings(data: bytes, text: str | None, encoding: str) -> None:
    decoded = decode(data, Kind.PYTHON)

    assert decoded.encoding == encoding
    assert text is None or decoded.text == text
    assert decoded.encode(decoded.text) == data


@pytest.mark.parametrize(
    ("data", "message", "row", "column"),
    [
        (b"x = 1\ny = '\0'\n", "holds a NUL byte: not a text file", 2, 6),
        ("wandb".encode("utf-16"), "is UTF-16, which neither Python nor a shell reads: save it as UTF-8", 1, 1),
        (b"x = 1\r\ny = '\xe4'\n", "not valid utf-8: can't decode byte 0xe4 (unexpected end of data)", 2, 6),
        (b"# coding: klingon\n", "unknown encoding: klingon", 1, 1),
        (b"\n# coding: klingon\n", "unknown encoding: klingon", 2, 1),
        (b"# coding: rot13\nx = 1\n", "can't be decoded as rot13", 1, 1),
    ],
)
def test_undecodable_python_says_where(data: bytes, message: str, row: int, column: int) -> None:
    with pytest.raises(UndecodableSource) as caught:
        decode(data, Kind.PYTHON)

    assert caught.value.message.startswith(message.split(" (")[0])
    assert (caught.value.row, caught.value.column) == (row, column)


# Writing


def test_writing_keeps_mode_and_link_and_leaves_nothing_behind(project: Path) -> None:
    target = project / "deep" / "real.py"
    target.parent.mkdir()
    target.write_bytes(b"old")
    target.chmod(0o4751)
    link = project / "link.py"
    link.symlink_to("deep/real.py")

    write_atomically(link, b"new", expected=b"old")

    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o4751
    assert os.listdir(target.parent) == ["real.py"]


def test_a_file_that_somebody_else_changed_is_not_overwritten(project: Path) -> None:
    target = project / "a.py"
    target.write_bytes(b"newer")

    with pytest.raises(OSError, match="changed by somebody else"):
        write_atomically(target, b"new", expected=b"old")

    assert target.read_bytes() == b"newer"
    assert os.listdir(project) == ["a.py"]


def test_what_may_not_be_written_stays(unprivileged: Path) -> None:
    write("file.py", "folder/file.py", content="old")
    Path("file.py").chmod(0o444)
    Path("folder").chmod(0o555)

    for name in ("file.py", "folder/file.py"):
        with pytest.raises(PermissionError):
            write_atomically(Path(name), b"new", expected=b"old")
        assert Path(name).read_bytes() == b"old"
    assert os.listdir("folder") == ["file.py"]
