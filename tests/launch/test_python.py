"""Python that launches: strings keep the places of their characters, and whatever the file, nothing fails."""

from __future__ import annotations

import ast
import sys
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbsignal_lint.diagnostics import Diagnostic, Edit, Fix, Severity, Span
from wbsignal_lint.launch.mapped import MappedText
from wbsignal_lint.launch.python.literals import Field, Source
from wbsignal_lint.launch.python.reader import read_python
from wbsignal_lint.launch.python.soundness import with_sound_fixes
from wbsignal_lint.reading import python_launch_file_of
from wbsignal_lint.rules.shell_keeps_signal import ShellKeepsSignal

LITERALS = [
    '"wandb agent"',
    "'it''s' \"one\"",
    r'"a\tb\n\x41\u0041\101\N{DOLLAR SIGN}\
 continued"',
    r"r'\d+\n' R'''raw'''",
    "('one '\n # a comment with 'quotes'\n 'two')",
    '"größe \U0001f680" "µm"',
    '"""first\r\nsecond\n"""',
    r'"\q\8 no escapes"',
    "u'old'",
]
FIELDS = [
    ("f'wandb agent {sweep}'", ["wandb agent ", "sweep"]),
    ("f'{a}{b}'", ["a", "b"]),
    ("f'{{a}} {b!r:>{width}} {{'", ["{a} ", "b", " {"]),
    ("rf'\\{{{a}\\}}'", ["\\{", "a", "\\}"]),
    ("'plain ' f'{a[\"key\"]}' ' end'", ["plain ", "a['key']", " end"]),
    ("f'''{\n  a\n}\n'''", ["a", "\n"]),
    ("f'{ {1: 2}[1] } {\"}\"}'", ["{1: 2}[1]", " ", "'}'"]),
]


def literal(text: str) -> tuple[Source, ast.expr]:
    statement = ast.parse(text).body[0]
    assert isinstance(statement, ast.Assign)
    return Source(text), statement.value


@pytest.mark.parametrize("written", LITERALS)
def test_a_string_is_read_as_python_reads_it(written: str) -> None:
    text = f"word = {written}\n"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes that are none
        source, node = literal(text)
    assert isinstance(node, ast.Constant)
    (part,) = source.parts(node)

    assert isinstance(part, MappedText)
    assert part.text == node.value
    for char, start, end in zip(part.text, part.starts, part.ends, strict=True):
        assert end - start > 1 or text[start:end] == char
    assert list(part.starts) == sorted(part.starts)


@pytest.mark.parametrize(("written", "expected"), FIELDS)
def test_the_fields_of_a_string_are_found(written: str, expected: list[str]) -> None:
    source, node = literal(f"word = {written}\n")
    assert isinstance(node, ast.JoinedStr)
    parts = source.parts(node)

    assert [ast.unparse(part.expression) if isinstance(part, Field) else part.text for part in parts] == expected


@given(st.text(max_size=20), st.booleans())
def test_any_string_is_read_as_python_reads_it(value: str, escaped: bool) -> None:
    written = ascii(value) if escaped else repr(value)
    source, node = literal(f"é = {written}\n")
    assert isinstance(node, ast.Constant)

    assert "".join(part.text for part in source.parts(node) if isinstance(part, MappedText)) == value


def test_any_python_can_be_read() -> None:
    paths = sorted(Path(ast.__file__).parent.glob("*.py"))[::6]
    texts = [path.read_text(encoding="utf-8") for path in paths]

    assert len(texts) > 20
    assert [agent for text in texts for agent in read_python(text, ast.parse(text)).agents] == []


def agents(text: str) -> list[str]:
    return [text[agent.span.start :].split("\n")[0] for agent in read_python(text, ast.parse(text)).agents]


def test_commands_are_found_once_however_often_they_are_run() -> None:
    text = (
        "import os\n"
        "def run(command):\n    os.system(command)\n"
        "for sweep in ['a', 'b', 'c']:\n    run('wandb agent ' + sweep)\n"
        "run('wandb agent d')\n"
    )

    assert agents(text) == ["wandb agent ' + sweep)", "wandb agent d')"]


@pytest.mark.parametrize(
    ("launch", "inserted", "is_sound"),
    [
        ("subprocess.run(['wandb', 'agent', sweep])", "srun ", False),
        ("subprocess.run(['sbatch', '--wrap=wandb agent x'])", "srun ", True),
        ("os.system('wandb agent x')", "srun ", True),
        ("os.system('wandb agent x')", "exec 'env' ", False),
        ("os.system(f'wandb agent {sweep}')", "VAR={ ", False),
        ('os.system("""\nwandb agent x\n""")', "exec 'env' ", True),
    ],
)
def test_fixes_that_only_hold_in_shell_are_not_offered(launch: str, inserted: str, is_sound: bool) -> None:
    text = f"import os, subprocess\n{launch}\n"
    at = text.index("wandb")
    fix = Fix("Insert", (Edit(Span(at, at), inserted),))
    finding = Diagnostic("WBS418", "out-of-slurm-reach", Severity.ERROR, "", Span(at, at + 5), fix=fix)
    (kept,) = with_sound_fixes([finding], text)

    assert (kept.fix is not None) == is_sound


def test_a_list_that_is_run_elsewhere_is_reported_where_it_stands() -> None:
    text = "import subprocess\ncommand = [\n    'wandb',\n    'agent',\n    'x',\n]\nsubprocess.run(command)\n"

    assert agents(text) == ["wandb',"]


def test_functions_that_call_themselves_end() -> None:
    text = (
        "import os\n"
        "def left(x):\n    os.system('wandb agent ' + x)\n    return right(x + x)\n"
        "def right(x):\n    return left([x, x] + [left(x)])\n"
        "y = 'a'\nwhile y:\n    y = y + y + right(y)\n"
    )

    assert len(agents(text)) == 1


def test_quotes_in_fields_are_read_where_python_reads_them() -> None:
    text = "import os\nos.system(f'wandb agent {args['sweep']}')\n"
    if sys.version_info < (3, 12):
        with pytest.raises(SyntaxError):
            ast.parse(text)
    else:
        assert agents(text) == ["wandb agent {args['sweep']}')"]


LAUNCHER = "import subprocess\nsubprocess.run(['python', 'src/fit.py'], timeout=3600)\n"


@pytest.mark.parametrize(
    ("trainer", "is_found"), [("import wandb\nwandb.init()\n", True), ("print('no client')\n", False), (None, False)]
)
def test_python_that_says_nothing_of_wandb_is_read_for_the_trainer_that_it_names(
    tmp_path: Path, trainer: str | None, is_found: bool
) -> None:
    if trainer is not None:
        (tmp_path / "src").mkdir()
        (tmp_path / "src" / "fit.py").write_text(trainer)
    (tmp_path / "launch.py").write_text(LAUNCHER)

    launch = python_launch_file_of(LAUNCHER, ast.parse(LAUNCHER), tmp_path / "launch.py")

    assert bool(launch and launch.children.limits) == is_found


@pytest.mark.parametrize(
    ("limit", "is_found"),
    [
        ("60", True),
        ("2 * 3600", True),
        ("hours * 3600", True),
        ("None", False),
        ("hours", False),
        ("options.timeout", False),
    ],
)
def test_a_time_limit_that_may_be_none_is_none(limit: str, is_found: bool) -> None:
    text = (
        f"import subprocess, wandb\ndef run(hours=None):\n    subprocess.run(['python', 'train.py'], timeout={limit})\n"
    )

    assert bool(read_python(text, ast.parse(text)).children.limits) == is_found


@pytest.mark.parametrize(
    ("ending", "is_found"),
    [
        ("process.kill()", True),
        ("os.killpg(os.getpgid(process.pid), 9)", True),
        ("process.wait()\nprocess.kill()", False),
        ("process.communicate()\nprocess.kill()", False),
        ("process.wait(timeout=9)\nprocess.kill()", True),
        ("process.terminate()\nprocess.kill()", False),
        ("try:\n    work()\nfinally:\n    process.kill()", False),
        ("def stop(*_):\n    process.kill()\nsignal.signal(signal.SIGTERM, stop)\nprocess.wait()", True),
        ("import atexit\natexit.register(process.kill)\nprocess.wait()", False),
        ("def stop():\n    process.kill()\natexit.register(stop)\nprocess.wait()", False),
        ("def end(one):\n    one.kill()\nprocess.wait()\nend(process)", False),
        ("server = subprocess.Popen(['python', 'serve.py'])\nserver.kill()", False),
    ],
)
def test_only_a_training_that_may_still_run_is_killed(ending: str, is_found: bool) -> None:
    text = (
        f"import atexit, os, signal, subprocess, wandb\nprocess = subprocess.Popen(['python', 'train.py'])\n{ending}\n"
    )

    assert bool(read_python(text, ast.parse(text)).children.kills) == is_found


@pytest.mark.parametrize(
    ("last", "ending", "is_found"),
    [
        ("python train.py", "process.terminate()", True),
        ("python train.py", "process.wait()", False),
        ("exec python train.py", "process.terminate()", False),
        ("trap 'kill $!' TERM; python train.py & wait", "process.terminate()", False),
        ("python prepare.py", "process.terminate()", False),
        ("python train.py", "os.killpg(process.pid, 15)", False),
    ],
)
def test_signals_to_the_shell_of_a_script_of_the_project_are_found(
    tmp_path: Path, last: str, ending: str, is_found: bool
) -> None:
    (tmp_path / "train.sh").write_text(f"#!/bin/bash\nexport WANDB_PROJECT=cells\ncd runs\n{last}\n")
    text = f"import os, subprocess\nprocess = subprocess.Popen(['bash', 'train.sh'])\nprocess.poll()\n{ending}\n"
    launch = python_launch_file_of(text, ast.parse(text), tmp_path / "launch.py")

    assert bool(launch and list(ShellKeepsSignal().check(launch))) == is_found
