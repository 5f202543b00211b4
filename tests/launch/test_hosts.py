"""Shell in other files: whatever it stands in, an edit lands there, and the file still means what it meant."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support import CLI, lint_inside, run
from wbsignal_lint.fixing import fix_text
from wbsignal_lint.launch.hosts.parts import ShellPart
from wbsignal_lint.launch.hosts.yaml import read_yaml
from wbsignal_lint.launch.hosts.yaml_text import YamlFile
from wbsignal_lint.linter import LintOptions
from wbsignal_lint.selection import Layer, Selection
from wbsignal_lint.sources import decode
from wbsignal_lint.sources.kinds import Kind

ONLY_AGENTS = LintOptions(Selection().plus(Layer(select=("WBS401",))))
FLAG = " --forward-signals"


def mended(text: str, kind: Kind) -> str:
    return fix_text(text, kind, "file", ONLY_AGENTS).text


def with_option(value: Any) -> Any:
    """Return what a file must mean once it is mended."""
    if isinstance(value, str):
        return re.sub(r"wandb(\s+)agent", rf"wandb\1agent{FLAG}", value)
    if isinstance(value, list):
        changed = [with_option(item) for item in value]
        at = next((i for i in range(1, len(value)) if value[i - 1 : i + 1] == ["wandb", "agent"]), None)
        return changed if at is None else [*changed[: at + 1], FLAG.strip(), *changed[at + 1 :]]
    if isinstance(value, dict):
        return {key: with_option(item) for key, item in value.items()}
    return value


shell_lines = st.sampled_from(
    [
        "wandb agent x",
        "cd 'a b' && wandb agent \"$X\"",
        'echo "it\'s" # ü',
        "",
        "   true",
        "wandb   agent é 🚀 # c",
        "\ttrue",
    ]
)


@settings(max_examples=300, deadline=None)
@given(
    lines=st.lists(shell_lines, min_size=1, max_size=5),
    style=st.sampled_from(["|", ">", '"', "'", None]),
    width=st.sampled_from([20, 40, 1000]),
    newline=st.sampled_from(["\n", "\r\n"]),
    indent=st.sampled_from([2, 4]),
    flow=st.booleans(),
)
@example(lines=["wandb agent x", ""], style="|", width=20, newline="\r\n", indent=2, flow=False)
def test_a_text_of_yaml_is_mended_in_every_style(
    lines: list[str], style: str | None, width: int, newline: str, indent: int, flow: bool
) -> None:
    document = {"jobs": [{"run": "\n".join(lines)}], "nächste": {"script": ["true", lines[-1]]}}
    text = yaml.dump(
        document, default_style=style, width=width, indent=indent, default_flow_style=flow, allow_unicode=width > 20
    ).replace("\n", newline)

    assert yaml.safe_load(mended(text, Kind.YAML)) == with_option(yaml.safe_load(text))


@settings(max_examples=200, deadline=None)
@given(
    runner=st.sampled_from([[], ["timeout", "1h"], ["conda", "run", "-n", "é 🚀"], ["env", 'A="it\'s" # x']]),
    rest=st.lists(st.sampled_from(["x", "--count", "1", "a: b"]), max_size=3),
    style=st.sampled_from(['"', "'", None]),
    flow=st.booleans(),
    newline=st.sampled_from(["\n", "\r\n"]),
)
def test_a_list_of_yaml_gets_an_element(
    runner: list[str], rest: list[str], style: str | None, flow: bool, newline: str
) -> None:
    command = [*runner, "wandb", "agent", *rest]
    text = yaml.dump(
        {"containers": [{"name": "é", "command": command, "image": "x"}]},
        default_style=style,
        default_flow_style=flow,
        allow_unicode=True,
    ).replace("\n", newline)

    assert yaml.safe_load(mended(text, Kind.YAML)) == with_option(yaml.safe_load(text))


yaml_texts = st.text(st.sampled_from("ab \n\r\t'\"\\|>-:#[]{},&*!%@é🚀$0"), max_size=60)


@settings(max_examples=500, deadline=None)
@given(yaml_texts)
@example("a: &x !t 'b'\nc: *x\n")
@example("a: |2-\n    b\n\n   c\n")
@example('a: "b\\\n   \\ c\\u00e9\\\n\n  d"\n')
def test_scalars_are_worth_what_yaml_says_or_nothing(text: str) -> None:
    file = YamlFile(f"key: {text}")
    for root in file.documents():
        pending: list[yaml.Node] = [root]
        while pending:
            node = pending.pop()
            if isinstance(node, yaml.ScalarNode):
                scalar = file.scalar(node)
                assert scalar is None or scalar.text == node.value
                assert scalar is None or all(
                    0 <= start < end <= len(file.text) for start, end in zip(scalar.starts, scalar.ends, strict=True)
                )
            elif not isinstance(node, yaml.MappingNode):
                pending.extend(node.value)
            else:
                pending.extend(part for pair in node.value for part in pair)


@pytest.mark.parametrize(
    "text",
    [
        "run: plain words\n  over lines\n\n  and more\n",
        "run: 'quoted ''twice'' over\n\n  lines'\n",
        'run: "escaped \\x41\\u00e9\\U0001F680\\t \\\n     joined"\n',
        "run: |+\n  kept\n\n\n",
        "run: >-\n  folded\n  text\n\n    more\n\n  end\n",
        "run: &anchor !!str tagged\n",
    ],
)
def test_every_style_is_followed(text: str) -> None:
    (part,) = read_yaml(text).parts

    assert isinstance(part, ShellPart)
    assert part.text.text == yaml.safe_load(text)["run"]


def test_yaml_that_is_none_is_no_trouble() -> None:
    for text in (
        "{{ if x }}\na: [\n",
        "\tcommand: wandb agent x\n",
        "- [" * 3000 + "wandb agent",
        "a: \x07 wandb agent\n",
    ):
        report = fix_text(text, Kind.YAML, "a.yaml", ONLY_AGENTS)
        assert (report.problems, report.diagnostics) == ([], [])


def test_what_stands_before_the_trouble_is_read() -> None:
    text = "run: wandb agent x\n---\na: [\n"

    assert mended(text, Kind.YAML) == text.replace("agent", "agent --forward-signals")


cell_lines = st.sampled_from(
    [
        "x = 1\n",
        "!wandb agent {x}\n",
        "print('é 🚀 \\u00e9')\n",
        '"quote" and \\ \\\\\n',
        "!echo <b>&</b>\n",
        "\n",
        "\t\n",
        "a",
    ]
)


@settings(max_examples=200, deadline=None)
@given(
    cells=st.lists(st.lists(cell_lines, max_size=4), max_size=4),
    ascii_only=st.booleans(),
    indent=st.sampled_from([None, 1, 4]),
    as_list=st.booleans(),
    html=st.booleans(),
    first_sheet=st.none() | st.integers(0, 4),
)
def test_only_the_mended_lines_of_a_notebook_change(
    cells: list[list[str]], ascii_only: bool, indent: int | None, as_list: bool, html: bool, first_sheet: int | None
) -> None:
    key = "source" if first_sheet is None else "input"
    written = [
        {key: lines if as_list else "".join(lines), "cell_type": "code", "metadata": {}, "outputs": []}
        for lines in cells
    ]
    document: dict[str, Any] = {"metadata": {"source": ["!wandb agent x"]}}
    if first_sheet is None:
        document |= {"cells": written, "nbformat": 4}
    else:  # format 3
        sheets = [{"cells": written[:first_sheet]}, {"metadata": {}, "cells": written[first_sheet:]}]
        document |= {"nbformat": 3, "worksheets": sheets}
    raw = json.dumps(document, ensure_ascii=ascii_only, indent=indent)
    raw = raw.replace("<", "\\u003c").replace("&", "\\u0026") if html else raw
    decoded = decode(raw.encode(), Kind.NOTEBOOK)

    assert decoded.encode(decoded.text) == raw.encode()
    after = decoded.encode(mended(decoded.text, Kind.NOTEBOOK)).decode()
    # Every `a` cell line is continued by the next one; then the list is cut anew at the line breaks, and only there.
    if "a" not in [line for lines in cells for line in lines[:-1]]:
        assert after == raw.replace("!wandb agent {x}", f"!wandb agent{FLAG} {{x}}")
    assert "".join(json.loads(after)["metadata"]["source"]) == "!wandb agent x"


def test_a_fix_that_a_magic_is_in_the_way_of_is_left_out(tmp_path: Any) -> None:
    cells = [
        "import signal, sys, wandb\nrun = wandb.init()\n",
        "for step in range(10):\n    run.log({'a': step})\n",
        "def handle(signum, frame):\n    !echo stopped\n    run.mark_preempting()\n    sys.exit(143)\n",
        "signal.signal(signal.SIGTERM, handle)\n",
    ]
    notebook = {"cells": [{"cell_type": "code", "source": cell} for cell in cells]}
    (tmp_path / "a.ipynb").write_text(json.dumps(notebook))

    done = lint_inside("--isolated", "--output-format", "json", "--select", "WBS101", "a.ipynb", cwd=tmp_path)

    (finding,) = json.loads(done.stdout)
    assert (finding["cell"], finding["location"]) == (4, {"row": 1, "column": 1})
    assert finding["fix"] is None


def test_documentation_is_read_where_it_is_asked_for(tmp_path: Any) -> None:
    (tmp_path / "README.md").write_text("```sh\nwandb agent x\n```\n")

    assert lint_inside("--isolated", ".", cwd=tmp_path).returncode == 0
    assert lint_inside("--isolated", "--documentation", ".", cwd=tmp_path).returncode == 1
    assert lint_inside("--isolated", "README.md", cwd=tmp_path).returncode == 1
    (tmp_path / "pyproject.toml").write_text("[tool.wbsignal-lint]\ndocumentation = true\n")
    assert lint_inside(".", cwd=tmp_path).returncode == 1
    assert lint_inside("--no-documentation", ".", cwd=tmp_path).returncode == 0
    assert lint_inside("--no-documentation", "--force-exclude", "README.md", cwd=tmp_path).returncode == 0


def test_python_in_documentation_is_linted_and_mended_with_its_indentation(tmp_path: Any) -> None:
    code = """\
   import wandb


   def handle(signum, frame):
       wandb.run.mark_preempting()
       raise SystemExit(143)


   import signal
   signal.signal(signal.SIGTERM, handle)
   with wandb.init() as run:
       pass
   wandb.init().finish()
"""
    text = f"Train\n=====\n\n.. code-block:: python\n\n{code}\nEnd.\n"
    (tmp_path / "a.rst").write_text(text)

    lint_inside("--isolated", "--select", "WBS302", "--fix", "a.rst", cwd=tmp_path)

    fixed = (tmp_path / "a.rst").read_text()
    assert "       sys.exit(143)\n" in fixed
    assert "   import sys\n" in fixed
    assert fixed.startswith("Train\n=====\n\n.. code-block:: python\n\n   ")
    assert fixed.endswith("\nEnd.\n")


def test_what_is_moved_between_cells_is_told_and_moved_by_cells(tmp_path: Any) -> None:
    cells = [
        "import signal, sys, wandb\nrun = wandb.init()\ndef handle(signum, frame):\n    run.mark_preempting()\n"
        "    sys.exit(128 + signum)\n",
        "%%time\nfor step in range(10):\n    run.log({'a': step})\n    !nvidia-smi\n",
        "signal.signal(signal.SIGTERM, handle)\n",
    ]
    notebook = {"cells": [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells]}
    (tmp_path / "a.ipynb").write_text(json.dumps(notebook, indent=1))

    shown = lint_inside("--isolated", "--output-format", "concise", "a.ipynb", cwd=tmp_path).stdout
    lint_inside("--isolated", "--fix", "a.ipynb", cwd=tmp_path)

    assert shown.startswith("a.ipynb:cell 3:1:1: WBS101 [*] ")
    assert "(cell 2, line 2)" in shown
    after = json.loads((tmp_path / "a.ipynb").read_text())["cells"]
    assert ["".join(cell["source"]) for cell in after] == [
        cells[0],
        cells[1].replace("for step", "signal.signal(signal.SIGTERM, handle)\nfor step"),
        "",
    ]


def test_each_changed_cell_has_a_diff_of_its_own(tmp_path: Any) -> None:
    cells = ["!wandb agent x\n", "x = 1\n", "%%bash\nwandb agent y\n"]
    notebook = {"cells": [{"cell_type": "code", "source": cell} for cell in cells]}
    (tmp_path / "a.ipynb").write_text(json.dumps(notebook))

    done = lint_inside("--isolated", "--diff", "a.ipynb", cwd=tmp_path)

    assert re.findall(r"(?m)^[+-].*", done.stdout) == [
        *("--- a.ipynb:cell 1", "+++ a.ipynb:cell 1", "-!wandb agent x", "+!wandb agent --forward-signals x"),
        *("--- a.ipynb:cell 3", "+++ a.ipynb:cell 3", "-wandb agent y", "+wandb agent --forward-signals y"),
    ]


def test_a_notebook_full_of_pictures_fits_into_memory(tmp_path: Any) -> None:
    cell = {"cell_type": "code", "source": ["!wandb agent x\n"], "outputs": [{"data": {"image/png": "A" * 30_000_000}}]}
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": [cell], "nbformat": 4}))

    done = run(["bash", "-c", 'ulimit -v 1500000; exec "$@"', "bash", *CLI, "--isolated", "a.ipynb"], tmp_path)

    assert "a.ipynb:cell 1:1:2: WBS401" in done.stdout, done.stderr
