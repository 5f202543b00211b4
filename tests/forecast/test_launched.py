"""``wbsignal-lint forecast --launch`` as its user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.forecast.test_command import GOOD, write
from wbsignal_lint.cli import main

TRAP = "trap 'kill -TERM \"$PID\"' TERM USR1\n"
AGENT = "wandb agent --forward-signals me/p/x"
TWICE = f'#!/bin/bash\n{TRAP}{AGENT} &\nPID=$!\nwait "$PID"\nwait "$PID"\n'


def states(
    job: str, folder: Path, capsys: pytest.CaptureFixture[str], *, sweep: str | None = None
) -> dict[str, list[str | None]]:
    """Forecast a job, and return the states of each row by what happens to it."""
    script = write(folder, GOOD)
    sweeps = [] if sweep is None else [write(folder, sweep, "sweep.yaml")]
    main(["forecast", "--launch", write(folder, job, "job.sh"), *sweeps, script, "--output-format", "json"])
    rows = json.loads(capsys.readouterr().out)
    return {row.get("event") or row["signal"]: [one["state"] for one in row["outcomes"]] for row in rows}


@pytest.mark.parametrize(
    ("job", "signal", "expected"),
    [
        (f"#!/bin/bash\nexec {AGENT}\n", "SIGTERM", ["PREEMPTED"]),
        (f"#!/bin/bash\nexec {AGENT}\n", "SIGUSR1", ["PREEMPTED", "CRASHED"]),
        (f"#!/bin/bash\n{AGENT}\n", "SIGTERM", ["CRASHED"]),
        (f"#!/bin/bash\n{AGENT}\n", "SIGINT", ["KILLED"]),
        (f"#!/bin/bash\n{TRAP}{AGENT}\n", "SIGTERM", ["CRASHED"]),
        (TWICE, "SIGTERM", ["PREEMPTED"]),
        (TWICE, "SIGUSR1", ["PREEMPTED"]),
        (TWICE.replace(' &\nPID=$!\nwait "$PID"\n', " &\nPID=$!\n"), "SIGTERM", ["CRASHED", "PREEMPTED"]),
        (TWICE.replace("--forward-signals ", ""), "SIGTERM", ["CRASHED"]),
        (TWICE.replace("TERM USR1", "EXIT").replace("$PID\"'", "$PID\"; wait'"), "SIGUSR1", ["PREEMPTED"]),
        (TWICE.replace("TERM USR1", "EXIT"), "SIGTERM", ["CRASHED", "PREEMPTED"]),
        ("#!/bin/bash\nexec python train.py --lr 1\n", "SIGUSR1", ["PREEMPTED"]),
        ("#!/bin/bash\npython train.py | tee log\n", "SIGTERM", ["CRASHED"]),
        ("#!/bin/bash\nexec timeout 8h python train.py\n", "SIGTERM", ["PREEMPTED"]),
        ("#!/bin/bash\nexec timeout 8h python train.py\n", "SIGUSR1", ["CRASHED"]),
        ("#!/bin/bash\nexec bash -c 'cd x && python train.py'\n", "SIGTERM", ["PREEMPTED"]),
        ("#!/bin/bash\nexec bash -c 'python train.py; echo done'\n", "SIGTERM", ["CRASHED"]),
        ("#!/bin/bash\nexec conda run -n x python train.py\n", "SIGTERM", [None]),
        ("#!/bin/bash\nexec accelerate launch --num_processes 1 train.py\n", "SIGTERM", ["CRASHED"]),
        ("#!/bin/bash\nexec accelerate launch --num_processes=4 train.py\n", "SIGTERM", ["PREEMPTED"]),
        ("#!/bin/bash\nexec accelerate launch --config_file a.yaml train.py\n", "SIGTERM", [None]),
    ],
)
def test_what_becomes_of_a_signal(
    job: str, signal: str, expected: list[str | None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert states(job, tmp_path, capsys)[signal] == expected


def test_a_batch_script_has_rows_for_what_slurm_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unheard = states("#!/bin/bash\n#SBATCH --signal=USR1@60\nexec python train.py\n", tmp_path, capsys)
    step = states("#!/bin/bash\n#SBATCH --signal=USR1@60\nsrun python train.py\n", tmp_path, capsys)

    # The warning reaches nobody, but the SIGTERM of the time limit does.
    assert unheard == {
        "--signal": ["PREEMPTED"],
        "preemption": ["PREEMPTED"],
        "time limit": ["PREEMPTED"],
        "scancel": ["PREEMPTED"],
    }
    assert set(map(tuple, step.values())) == {("PREEMPTED",)}


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("[python, train.py, '${args}']", ["PREEMPTED"]),
        ("['${env}', '${interpreter}', '${program}', '${args}']", ["PREEMPTED"]),
        ("[bash, run.sh, '${args}']", ["CRASHED"]),
        ("[bash, exec.sh, '${args}']", ["PREEMPTED"]),
        ("[sh, -c, python train.py]", ["CRASHED"]),
        ("[timeout, '100', python, train.py]", ["PREEMPTED"]),
        ("[bash, missing.sh]", [None]),
        ("[./gives_way.sh, python, '${program}', '${args}']", ["PREEMPTED"]),
        ("[./stays.sh, python, '${program}', '${args}']", ["CRASHED"]),
    ],
)
def test_the_command_of_the_sweep_decides(
    command: str, expected: list[str | None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, '#!/bin/bash\npython train.py "$@"\n', "run.sh")
    write(tmp_path, '#!/bin/bash\nexec python train.py "$@"\n', "exec.sh")
    write(tmp_path, '#!/bin/bash\nexec "$@"\n', "gives_way.sh")
    write(tmp_path, '#!/bin/bash\n"$@"\n', "stays.sh")
    sweep = f"program: train.py\nmethod: grid\ncommand: {command}\nparameters:\n  lr: {{values: [1]}}\n"

    assert states(f"exec {AGENT}\n", tmp_path, capsys, sweep=sweep)["SIGTERM"] == expected


def test_a_job_that_runs_a_script_of_its_own_is_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "#!/bin/bash\nexec python train.py\n", "run.sh")

    assert states("#!/bin/bash\nexec bash run.sh\n", tmp_path, capsys)["SIGTERM"] == ["PREEMPTED"]
    assert states("#!/bin/bash\nbash run.sh\n", tmp_path, capsys)["SIGTERM"] == ["CRASHED"]


def test_the_way_of_the_signal_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job = write(tmp_path, TWICE, "job.sh")
    status = main(["forecast", "--launch", job, write(tmp_path, GOOD)])

    out = " ".join(capsys.readouterr().out.split())
    assert status == 0
    assert "under wandb agent (job.sh:3)" in out
    assert "runs its trap" in out
    assert "the agent passes SIGTERM on" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--launch", "echo.sh", "train.py"], "starts neither train.py nor a sweep agent"),
        (["--launch", "missing.sh", "train.py"], "missing.sh: No such file"),
        (["sweep.yaml", "train.py"], "goes with --launch only"),
        (["--launch", "echo.sh", "no_sweep.yaml", "train.py"], "no_sweep.yaml: can't be read as a sweep"),
        (["--launch", "no_sweep.yaml", "train.py"], "no_sweep.yaml: neither a sweep nor containers of compose or"),
        (["--launch", "broken.yaml", "train.py"], "broken.yaml: can't be read as YAML"),
        (["--launch", "Makefile", "train.py"], "Makefile: a Makefile, whose recipes make runs: --launch follows shell"),
        (["--launch", "train.py", "train.py"], "train.py: Python that launches is not followed: --launch follows"),
        (["--launch", "Dockerfile", "train.py"], "Dockerfile: no container of it starts train.py or a sweep agent"),
        (["--launch", "Dockerfile"], "name the Python script"),
        (["--launch", "other_sweep.yaml"], "other_sweep.yaml: its program is no Python script beside it"),
        (["--launch", "utf16.sh", "train.py"], "utf16.sh: is UTF-16"),
        (["echo.sh"], "echo.sh: a shell script; name the Python script, and this one with --launch"),
    ],
)
def test_what_cannot_be_forecast_is_said(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(tmp_path, GOOD)
    write(tmp_path, "#!/bin/bash\necho wandb\n", "echo.sh")
    write(tmp_path, "command: [bash, run.sh]\n", "no_sweep.yaml")
    write(tmp_path, "services: [\n", "broken.yaml")
    write(tmp_path, "train:\n\tpython train.py\n", "Makefile")
    write(tmp_path, 'FROM python:3.12\nCMD ["python", "serve.py"]\n', "Dockerfile")
    write(tmp_path, "program: run.sh\nmethod: grid\nparameters: {lr: {value: 1}}\n", "other_sweep.yaml")
    (tmp_path / "utf16.sh").write_bytes("exec wandb agent me/p/x\n".encode("utf-16"))
    monkeypatch.chdir(tmp_path)

    assert main(["forecast", *arguments]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("named", [True, False])
def test_a_sweep_is_followed_from_both_ways_to_start_its_agent(
    named: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = write(tmp_path, GOOD)
    sweep = write(tmp_path, "program: train.py\nmethod: grid\nparameters: {lr: {value: 1}}\n", "sweep.yaml")
    main(["forecast", "--launch", sweep, *([script] if named else []), "--output-format", "json"])

    rows = [row for row in json.loads(capsys.readouterr().out) if row["signal"] == "SIGTERM"]
    assert [(row["launcher"], row["outcomes"][0]["state"]) for row in rows] == [
        ("wandb agent (sweep.yaml)", "CRASHED"),
        ("wandb agent --forward-signals (sweep.yaml)", "PREEMPTED"),
    ]


def test_the_command_of_a_sweep_may_stand_at_an_anchor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, '#!/bin/bash\npython train.py "$@"\n', "run.sh")
    head = "x-command: &command [bash, run.sh, '${args}']\n"
    sweep = f"{head}program: train.py\nmethod: grid\ncommand: *command\nparameters: {{lr: {{value: 1}}}}\n"

    assert states(f"exec {AGENT}\n", tmp_path, capsys, sweep=sweep)["SIGTERM"] == ["CRASHED"]
