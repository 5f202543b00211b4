"""What is started with W&B switched off loses nothing of a run; wherever that is said, the rules are silent."""

from __future__ import annotations

import json

import pytest

from wbsignal_lint.linter import LintOptions, lint_text
from wbsignal_lint.sources.kinds import Kind
from wbsignal_lint.sources.notebook import Notebook


def cells(*sources: str) -> str:
    """Return a notebook's code as the linter reads it, one cell below the other."""
    written = [
        {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": [], "source": source}
        for source in sources
    ]
    return Notebook(json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": written})).text


def rows_of_agents(text: str, kind: Kind) -> list[int]:
    """Return the rows of the sweep agents that are reported."""
    report = lint_text(text, kind, "file", LintOptions())
    assert not report.problems
    found = [text.count("\n", 0, one.span.start) + 1 for one in report.diagnostics if one.code == "WBS401"]
    return sorted(found)


SWITCHED_OFF = [
    (Kind.SHELL, "export WANDB_MODE=disabled\nwandb agent s\n"),
    (Kind.SHELL, "export WANDB_MODE=${WANDB_MODE:-disabled}\nwandb agent s\n"),
    (Kind.SHELL, ": ${WANDB_MODE:=disabled}\nexport WANDB_MODE\nwandb agent s\n"),
    (Kind.SHELL, "WANDB_MODE=disabled bash -c 'cd sweeps; wandb agent s'\n"),
    (Kind.SHELL, "WANDB_DISABLED=true wandb agent s\n"),
    (Kind.SHELL, "docker run -e WANDB_MODE=disabled image wandb agent s\n"),
    (Kind.SHELL, "sbatch --export=ALL,WANDB_MODE=disabled --wrap 'wandb agent s'\n"),
    (Kind.SHELL, "#!/bin/bash\n#SBATCH --export=ALL,WANDB_MODE=disabled\nwandb agent s\n"),
    (Kind.SHELL, "wandb disabled\nwandb agent s\n"),
    (Kind.YAML, "env: {WANDB_MODE: disabled}\njobs:\n  a:\n    steps:\n      - run: wandb agent s\n"),
    (Kind.YAML, "jobs:\n  a:\n    steps:\n      - run: wandb agent s\n        env:\n          WANDB_MODE: disabled\n"),
    (
        Kind.YAML,
        "containers:\n- image: i\n  command: [wandb, agent, s]\n  env:\n  - name: WANDB_MODE\n    value: disabled\n",
    ),
    (
        Kind.YAML,
        "services:\n  a:\n    image: i\n    command: wandb agent s\n    environment:\n    - WANDB_MODE=disabled\n",
    ),
    (
        Kind.YAML,
        "x: &off\n  WANDB_DISABLED: 'true'\nservices:\n  a:\n    image: i\n    environment:\n      <<: *off\n"
        "    entrypoint: [wandb, agent, s]\n",
    ),
    (Kind.YAML, "envs:\n  WANDB_MODE: disabled\nrun: |\n  wandb agent s\n"),
    (Kind.YAML, "variables:\n  WANDB_MODE:\n    value: disabled\ntrain:\n  script:\n  - wandb agent s\n"),
    (Kind.YAML, "entrypoint: wandb agent s\nruntime_env:\n  env_vars: {WANDB_MODE: disabled}\n"),
    (Kind.DOCKERFILE, 'FROM python\nENV A=b WANDB_MODE=disabled\nCMD ["wandb", "agent", "s"]\n'),
    (Kind.DOCKERFILE, 'FROM python AS base\nENV WANDB_MODE disabled\nFROM base\nCMD ["wandb", "agent", "s"]\n'),
    (Kind.MAKEFILE, "export WANDB_MODE := disabled\ntrain:\n\twandb agent s\n"),
    (Kind.MAKEFILE, "WANDB_MODE = disabled\nexport\ntrain:\n\twandb agent s\n"),
    (Kind.MAKEFILE, "train: export WANDB_MODE = disabled\ntrain:\n\twandb agent s\n"),
    (Kind.JUSTFILE, 'export WANDB_MODE := "disabled"\ntrain:\n    wandb agent s\n'),
    (Kind.JUSTFILE, 'set export\nWANDB_MODE := "disabled"\ntrain:\n    wandb agent s\n'),
    (Kind.JUSTFILE, 'train $WANDB_MODE="disabled":\n    wandb agent s\n'),
    (Kind.NOTEBOOK, cells("%env WANDB_MODE=disabled", "!wandb agent s")),
    (Kind.NOTEBOOK, cells('import os\nos.environ["WANDB_MODE"] = "disabled"', "%%bash\nwandb agent s")),
    (Kind.PYTHON, 'import os\nos.environ["WANDB_MODE"] = "disabled"\nos.system("wandb agent s")\n'),
    (Kind.PYTHON, 'import os\nos.environ.update(WANDB_MODE="disabled")\nos.system("wandb agent s")\n'),
    (
        Kind.PYTHON,
        "import os, subprocess\n"
        'subprocess.run(["wandb", "agent", "s"], env={**os.environ, "WANDB_MODE": "disabled"})\n',
    ),
    (
        Kind.PYTHON,
        "import os, subprocess\nenv = os.environ.copy()\nenv['WANDB_MODE'] = 'disabled'\n"
        'subprocess.run("wandb agent s", shell=True, env=env)\n',
    ),
]


@pytest.mark.parametrize(("kind", "text"), SWITCHED_OFF)
def test_agents_whose_runs_record_nothing_are_left_alone(kind: Kind, text: str) -> None:
    assert rows_of_agents(text, kind) == []
    for switch in ("disabled", "DISABLED=true", "DISABLED: 'true'"):
        text = text.replace(switch, switch.replace("disabled", "online").replace("true", "false"))
    assert rows_of_agents(text, kind), "the same file with W&B switched on"


@pytest.mark.parametrize(
    ("kind", "text", "rows"),
    [
        (Kind.SHELL, "if $DEBUG; then export WANDB_MODE=disabled; fi\nwandb agent s\n", [2]),
        (Kind.SHELL, "WANDB_MODE=disabled python check.py\nwandb agent s\n", [2]),
        (
            Kind.YAML,
            "env: {WANDB_MODE: disabled}\njobs:\n  a:\n    env: {WANDB_MODE: online}\n    run: wandb agent s\n",
            [5],
        ),
        (Kind.YAML, "a:\n  env: {WANDB_MODE: disabled}\n  run: wandb agent s\nb:\n  run: wandb agent s\n", [5]),
        (Kind.DOCKERFILE, 'FROM a\nENV WANDB_MODE=disabled\nFROM b\nCMD ["wandb", "agent", "s"]\n', [4]),
        (Kind.MAKEFILE, "a: export WANDB_MODE = disabled\na:\n\twandb agent s\nb:\n\twandb agent s\n", [5]),
        (Kind.NOTEBOOK, cells("!wandb agent s", "%env WANDB_MODE=disabled"), [2]),
        (
            Kind.PYTHON,
            'import os, sys\nif sys.argv[1:]:\n    os.environ["WANDB_MODE"] = "disabled"\nos.system("wandb agent s")\n',
            [4],
        ),
        (
            Kind.PYTHON,
            "import os, subprocess\nenv = dict(os.environ, WANDB_MODE='disabled')\n"
            "subprocess.run(['python', 'check.py'], env=env)\nsubprocess.run(['wandb', 'agent', 's'])\n",
            [4],
        ),
    ],
)
def test_what_is_switched_off_elsewhere_or_perhaps_is_reported(kind: Kind, text: str, rows: list[int]) -> None:
    assert rows_of_agents(text, kind) == rows


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("export WANDB_MODE=offline\npython train.py\n", "FAILED"),
        ("WANDB_MODE=dryrun python train.py\n", "FAILED"),
        ("wandb offline\npython train.py\n", "FAILED"),
        ("wandb login\npython train.py\n", "CRASHED"),
        ("wandb offline\nWANDB_MODE=online python train.py\n", "CRASHED"),
    ],
)
def test_no_offline_run_is_said_to_be_found_crashed(text: str, state: str) -> None:
    report = lint_text(f"#!/bin/bash\n#SBATCH --time=8:00:00\n{text}", Kind.SHELL, "job.sh", LintOptions())
    (found,) = report.diagnostics
    assert found.code == "WBS418"
    assert state in found.outcome
    assert ("wandb sync" in found.outcome) == (state == "FAILED")


@pytest.mark.parametrize(("mode", "codes"), [("disabled", []), ("online", ["WBS401", "WBS503"])])
def test_the_shell_in_front_of_an_agent_that_records_nothing_is_left_alone(mode: str, codes: list[str]) -> None:
    text = f"FROM python\nENV WANDB_MODE={mode}\nCMD wandb agent team/project/id\n"
    report = lint_text(text, Kind.DOCKERFILE, "Dockerfile", LintOptions())
    assert sorted(found.code for found in report.diagnostics) == codes
