"""A fix changes what it must and not one byte more."""

from __future__ import annotations

import codecs
import os
import stat
from pathlib import Path

import pytest

from tests.support import FIXED_SCRIPT, JOB, SCRIPT, lint_here

EXIT, FIXED_EXIT = b"sys.exit(0)", b"sys.exit(128 + signum)"
PLAIN = SCRIPT.encode()

VARIANTS = {
    "plain": PLAIN,
    "windows newlines": PLAIN.replace(b"\n", b"\r\n"),
    "old Mac newlines": PLAIN.replace(b"\n", b"\r"),
    "mixed newlines": PLAIN.replace(b"\n", b"\r\n", 5),
    "byte order mark": codecs.BOM_UTF8 + PLAIN,
    "byte order mark and windows newlines": codecs.BOM_UTF8 + PLAIN.replace(b"\n", b"\r\n"),
    "byte order mark and cookie": codecs.BOM_UTF8 + b"# coding: utf-8\n" + PLAIN,
    "latin-1": b"# -*- coding: latin-1 -*-\n# f\xfcr Elise\n" + PLAIN,
    "cp1252": b"# coding: cp1252\nprice = '\x80 1'\n" + PLAIN,
    "shift_jis": b"# coding: shift_jis\nx = '" + "日本語".encode("shift_jis") + b"'\n" + PLAIN,
    "utf-8": "# äöü 日本 😀\n".encode() + PLAIN.replace(b"sys.exit(0)", "x = '😀'; sys.exit(0)  # 😀".encode()),
    "tabs": PLAIN.replace(b"    ", b"\t"),
    "two spaces": PLAIN.replace(b"    ", b"  "),
    "no newline at the end": PLAIN.rstrip(b"\n"),
    "many newlines at the end": PLAIN + b"\n\n\n",
    "blanks at line ends": PLAIN.replace(b":\n", b":  \t\n"),
    "form feeds": PLAIN.replace(b"\n\n\n", b"\n\n\x0c\n").replace(b"run = ", b"\x0c\nrun = "),
    "separators in a string": PLAIN.replace(b"loss", "lo\u2028\u0085\x1css".encode()),
    "backslash continuation": PLAIN.replace(b"import sys", b"import \\\n  sys"),
    "comment behind": PLAIN.replace(EXIT, EXIT + b"  # bye  "),
    "odd quotes": PLAIN.replace(b'"loss"', b"'lo' \"ss\""),
}


@pytest.mark.parametrize("name", list(VARIANTS))
def test_only_the_mistake_changes(name: str, project: Path) -> None:
    data = VARIANTS[name]
    assert data.count(EXIT) == 1
    file = project / "a.py"
    file.write_bytes(data)

    assert lint_here("--fix", "a.py") == 0
    assert file.read_bytes() == data.replace(EXIT, FIXED_EXIT)
    assert lint_here("--fix", "a.py") == 0
    assert file.read_bytes() == data.replace(EXIT, FIXED_EXIT)
    assert os.listdir(project) == ["a.py"]


@pytest.mark.parametrize(
    "data",
    [
        JOB.encode(),
        JOB.encode().replace(b"\n", b"\r\n"),
        codecs.BOM_UTF8 + JOB.encode(),
        JOB.encode().rstrip(b"\n"),
        b"# \xff\xfe not utf-8: f\xfcr\n" + JOB.encode(),
        "# für 日本 😀\n".encode() + JOB.encode().replace(b"srun", "echo 😀; srun".encode()),
        JOB.encode().replace(b"srun", b"\tsrun"),
        JOB.encode().replace(b"srun wandb", b"srun \\\n    wandb"),
    ],
)
def test_only_the_mistake_changes_in_shell(data: bytes, project: Path) -> None:
    file = project / "job.sbatch"
    file.write_bytes(data)

    assert lint_here("--fix", "job.sbatch") == 0
    assert file.read_bytes() == data.replace(b"agent", b"agent --forward-signals")


@pytest.mark.parametrize("mode", [0o644, 0o755, 0o600, 0o660])
def test_mode_bits_stay(mode: int, project: Path) -> None:
    file = project / "a.py"
    file.write_text(SCRIPT)
    file.chmod(mode)

    assert lint_here("--fix", "a.py") == 0
    assert file.read_text() == FIXED_SCRIPT
    assert stat.S_IMODE(file.stat().st_mode) == mode


def test_a_link_stays_a_link_and_its_file_is_fixed_once(project: Path) -> None:
    (project / "real").mkdir()
    (project / "real/a.py").write_text(SCRIPT)
    (project / "link.py").symlink_to("real/a.py")

    assert lint_here("--fix", "link.py", "real", ".") == 0
    assert os.readlink(project / "link.py") == "real/a.py"
    assert (project / "real/a.py").read_text() == FIXED_SCRIPT
    assert os.listdir(project / "real") == ["a.py"]


def test_a_file_without_anything_to_fix_is_not_touched(project: Path) -> None:
    file = project / "a.py"
    file.write_text(FIXED_SCRIPT)
    os.utime(file, (1, 1))
    before = file.stat()

    assert lint_here("--fix", "a.py") == 0
    assert (file.stat().st_ino, file.stat().st_mtime) == (before.st_ino, before.st_mtime)


def test_what_may_not_be_written_stays_and_is_said(unprivileged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("open/a.py", "closed/a.py", "open/job.sh"):
        (unprivileged / name).parent.mkdir(exist_ok=True)
        (unprivileged / name).write_text(JOB if name.endswith(".sh") else SCRIPT)
    (unprivileged / "open/job.sh").chmod(0o444)
    (unprivileged / "closed").chmod(0o555)
    capsys.readouterr()

    assert lint_here("--isolated", "--fix", "--output-format", "concise", "--jobs", "1", ".") == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "closed/a.py: WBS001 can't be fixed: permission denied"
    assert lines[1].startswith("closed/a.py:9:5: WBS301 ")
    assert lines[2] == "open/job.sh: WBS001 can't be fixed: it is write-protected"
    assert lines[3].startswith("open/job.sh:3:6: WBS401 ")
    assert (unprivileged / "open/a.py").read_text() == FIXED_SCRIPT
    assert (unprivileged / "closed/a.py").read_text() == SCRIPT


def test_an_encoding_that_does_not_give_its_bytes_back_is_not_written(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # UTF-7 can write every character in two ways, so decoding and encoding again need not be the identity.
    data = b"# coding: utf-7\nx = '+AGE-'\n" + PLAIN.replace(b"+", b"+-")
    file = project / "a.py"
    file.write_bytes(data)

    assert lint_here("--fix", "--output-format", "concise", "a.py") == 2
    assert file.read_bytes() == data
    output = capsys.readouterr().out
    assert "a.py: WBS001 can't be fixed: the encoding utf-7 would not give its bytes back as they are" in output
    assert "a.py:11:5: WBS301 " in output
