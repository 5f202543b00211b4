"""Whose pid ``$!`` is: what the facts say of each form of background job is what real bash does."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from wbsignal_lint.launch.processes import Kind, job_process, line_of
from wbsignal_lint.launch.reader import read_launch

BASH = shutil.which("bash") or "bash"

# `./train.py` is a program that sleeps; its name makes it a trainer.
FORMS = {
    "command": "./train.py &",
    "command with variables": "A=1 ./train.py > /dev/null &",
    "process substitution": "./train.py > >(cat) &",
    "nohup": "nohup ./train.py > /dev/null 2>&1 &",
    "subshell": "(./train.py) &",
    "subshell that ends in it": "(cd . && ./train.py) &",
    "subshell that goes on": "(./train.py; true) &",
    "group": "{ ./train.py; } &",
    "list": "cd . && ./train.py &",
    "alternative": "./train.py || true &",
    "condition": "if true; then ./train.py; fi &",
    "function": "f() { ./train.py; }; f &",
    "function that gives way": "f() { exec ./train.py; }; f &",
    "pipeline": "./train.py | cat &",
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_the_pid_is_the_trainers_where_bash_makes_it_so(form: str, tmp_path: Path) -> None:
    script = read_launch(f"#!/bin/bash\n# wandb\n{form}\n").scripts[0]
    launch = next(launch for launch in script.watched)
    line, index = line_of(script, launch), job_process(script, launch)
    says = line is not None and index is not None and line[index].kind is Kind.TRAINER

    # The program notes its own pid, and is gone by itself.
    (tmp_path / "train.py").write_text("#!/bin/sh\necho $$ > own\nsleep 0.2\n")
    (tmp_path / "train.py").chmod(0o755)
    (tmp_path / "job.sh").write_text(f"{form}\necho $! > kept\nwait\n")
    subprocess.run([BASH, "job.sh"], cwd=tmp_path, check=True, timeout=60, stdout=subprocess.DEVNULL)

    assert says is ((tmp_path / "own").read_text() == (tmp_path / "kept").read_text())
