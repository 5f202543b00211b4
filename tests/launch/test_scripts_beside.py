"""What a batch script runs from other files of its project, as the rules see it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support import lint_inside

TRAINS = "#!/bin/bash\nexport WANDB_PROJECT=segmentation\nmkdir -p runs\n{}python train.py --epochs 90\n"
AGENT = "#!/bin/bash\nwandb agent --forward-signals lab/bench/q1w2e3r4\n"
JOB = "#!/bin/bash\n#SBATCH --gpus=1\n# wandb\n{}\n"


def findings(folder: Path, job: str, script: str, name: str = "run.sh") -> list[str]:
    """Return what is found in the line of a job that runs a script beside it."""
    (folder / ".git").mkdir(exist_ok=True)
    (folder / "job.sbatch").write_text(JOB.format(job), encoding="utf-8")
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(script, encoding="utf-8")
    done = lint_inside("--isolated", "--output-format", "concise", "job.sbatch", cwd=folder)
    return re.findall(r"(?m)^job\.sbatch:4:\d+: (WBS\d+)", done.stdout)


@pytest.mark.parametrize(
    "job", ["bash run.sh", "./run.sh --fast", "bash -x ./run.sh 90", "if bash run.sh; then sync; fi"]
)
def test_a_script_below_the_batch_shell_is_out_of_reach(job: str, tmp_path: Path) -> None:
    assert "WBS418" in findings(tmp_path, job, TRAINS.format(""))
    assert "WBS418" in findings(tmp_path, job, TRAINS.format("exec "))
    assert "WBS418" in findings(tmp_path, job, AGENT)


@pytest.mark.parametrize("job", ["srun bash run.sh", "srun ./run.sh", "srun --ntasks=1 env A=1 bash -e run.sh 90"])
def test_a_script_that_is_a_task_keeps_the_signal(job: str, tmp_path: Path) -> None:
    assert "WBS408" in findings(tmp_path, job, TRAINS.format(""))
    assert "WBS408" in findings(tmp_path, job, AGENT)
    assert findings(tmp_path, job, TRAINS.format("exec ")) == []


@pytest.mark.parametrize(
    ("job", "script"),
    [
        ("bash run.sh", TRAINS.format("srun ")),
        ("bash run.sh", "#!/bin/bash\n# wandb\npython prepare_data.py\n"),
        ("bash run.sh", "#!/bin/bash\n# wandb\ntrap 'kill $!; wait $!' TERM\npython train.py &\nwait $!\n"),
        (
            "srun bash run.sh",
            "#!/bin/bash\n# wandb\ntrap 'kill $pid; wait $pid' TERM\npython train.py &\npid=$!\nwait $pid\n",
        ),
        ("bash missing.sh", TRAINS.format("")),
        ("bash -c run.sh", TRAINS.format("")),
        ("echo run.sh", TRAINS.format("")),
        ("ssh node run.sh", TRAINS.format("")),
        ("srun apptainer exec torch.sif bash run.sh", TRAINS.format("")),
        ("bash run.sh", "#!/usr/bin/env python3\nimport wandb\n"),
    ],
)
def test_other_scripts_are_left_alone(job: str, script: str, tmp_path: Path) -> None:
    assert findings(tmp_path, job, script) == []


def test_scripts_are_found_from_the_root_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "slurm").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / "run.sh").write_text(TRAINS.format(""), encoding="utf-8")
    (tmp_path / "slurm" / "job.sbatch").write_text(JOB.format("bash run.sh"), encoding="utf-8")

    done = lint_inside("--isolated", "--output-format", "concise", "slurm/job.sbatch", cwd=tmp_path)

    assert re.findall(r"slurm/job\.sbatch:4:1: (WBS\d+)", done.stdout) == ["WBS418"]


def test_an_agent_is_an_error_and_a_training_a_warning(tmp_path: Path) -> None:
    shown = {}
    for what, script in (("agent", AGENT), ("training", TRAINS.format(""))):
        findings(tmp_path, "bash run.sh", script)
        done = lint_inside("--isolated", "--output-format", "json", "job.sbatch", cwd=tmp_path)
        shown[what] = re.findall(r'"severity": "(\w+)"', done.stdout)

    assert shown == {"agent": ["error"], "training": ["warning"]}


SWEEP = "program: {}\nmethod: random\nparameters: {{lr: {{min: 0.001, max: 0.1}}}}\ncommand: {}\n"
IMAGE = "FROM python:3.12\nRUN pip install wandb\nWORKDIR /app\n{}\n{}\n"
COMPOSE = "services:\n  train:\n    image: lab/train\n    environment: [WANDB_API_KEY]\n    {}\n"
POD = "kind: Pod\nspec:\n  terminationGracePeriodSeconds: 300\n  containers:\n  - image: x\n    env: [WANDB]\n    {}\n"
PLAIN = '#!/bin/bash\nsource .venv/bin/activate\npython train.py "$@"\n'
ARGUMENTS = '#!/bin/sh\nset -e\nmkdir -p runs\n"$@"\n'


def found_beside(folder: Path, name: str, text: str, script: str, at: str = "run.sh") -> list[str]:
    """Return what is found in a file that has a script of the project run, all of it."""
    (folder / ".git").mkdir(exist_ok=True)
    (folder / at).parent.mkdir(exist_ok=True)
    (folder / at).write_text(script, encoding="utf-8")
    (folder / "train.py").write_text("import wandb\n", encoding="utf-8")
    (folder / name).write_text(text, encoding="utf-8")
    done = lint_inside("--isolated", "--output-format", "concise", "--select", "WBS408,WBS502,WBS503", name, cwd=folder)
    assert done.stderr == ""
    return re.findall(r"(?m)^\S+:(\d+:\d+: WBS\d+)", done.stdout)


@pytest.mark.parametrize(
    ("program", "command", "word"),
    [
        ("train.py", "[bash, run.sh, '${args}']", "run.sh"),
        ("run.sh", "[bash, '${program}', '${args}']", "'${program}'"),
        ("./run.sh", "['${env}', '${program}', '${args}']", "'${program}'"),
        ("train.py", "[nice, timeout, 9h, ./run.sh, '${args}']", "./run.sh"),
    ],
)
def test_a_sweeps_script_is_named_where_the_sweep_names_it(
    program: str, command: str, word: str, tmp_path: Path
) -> None:
    found = found_beside(tmp_path, "sweep.yaml", SWEEP.format(program, command), PLAIN)

    column = len("command: ") + command.index(word) + 1
    assert found in ([f"4:{column}: WBS502"], [f"4:{column + 1}: WBS502"])


@pytest.mark.parametrize(
    "script",
    [
        PLAIN,
        "python train.py | tee log\n",
        "trap 'rm -rf tmp' EXIT\npython train.py\n",
        "if true; then\n  python train.py $1\nfi\n",
        "for seed in 1 2 3; do python train.py --seed $seed; done\n",
    ],
)
def test_a_sweeps_script_without_exec_hides_the_training(script: str, tmp_path: Path) -> None:
    found = found_beside(tmp_path, "sweep.yaml", SWEEP.format("train.py", "[bash, run.sh, '${args}']"), script)

    assert found == ["4:17: WBS502"]


@pytest.mark.parametrize(
    "script",
    [
        'exec python train.py "$@"\n',
        "trap 'kill $pid' TERM\npython train.py &\npid=$!\nwait $pid\nwait $pid\n",
        "source common.sh\npython train.py\n",
        "sbatch train.sbatch\n",
        "python prepare_data.py\n",
        'ssh node "python train.py"\n',
        "#!/usr/bin/env python3\nimport wandb\n",
        "trap 'kill -TERM $!; wait $!' EXIT\npython train.py &\nwait $!\n",
    ],
)
def test_a_sweeps_script_that_tells_the_training_is_left_alone(script: str, tmp_path: Path) -> None:
    assert found_beside(tmp_path, "sweep.yaml", SWEEP.format("run.sh", "[bash, run.sh]"), script) == []


def test_a_sweeps_script_that_is_not_found_is_left_alone(tmp_path: Path) -> None:
    assert found_beside(tmp_path, "sweep.yaml", SWEEP.format("run.sh", "[bash, other.sh]"), PLAIN) == []
    assert found_beside(tmp_path, "sweep.yaml", SWEEP.format("run.sh", "[srun, bash, run.sh]"), PLAIN) == []


def test_a_training_among_the_arguments_of_a_script_counts(tmp_path: Path) -> None:
    text = SWEEP.format("train.py", "[./run.sh, python, '${program}', '${args}']")

    assert found_beside(tmp_path, "sweep.yaml", text, ARGUMENTS) == ["4:11: WBS502"]
    assert found_beside(tmp_path, "sweep.yaml", text, ARGUMENTS.replace('"$@"', 'exec "$@"')) == []
    assert found_beside(tmp_path, "sweep.yaml", text.replace("train.py", "report.py"), ARGUMENTS) == []


@pytest.mark.parametrize(
    ("copied", "start", "at"),
    [
        ("COPY . .", 'CMD ["./run.sh"]', "run.sh"),
        ("COPY . /app/", 'CMD ["bash", "/app/scripts/run.sh"]', "scripts/run.sh"),
        ("COPY docker/run.sh /usr/local/bin/", 'ENTRYPOINT ["run.sh"]', "docker/run.sh"),
        ("COPY --chmod=755 docker/run.sh /start.sh", 'ENTRYPOINT ["/start.sh"]', "docker/run.sh"),
        ("COPY docker bin", 'ENTRYPOINT ["sh", "bin/run.sh"]', "docker/run.sh"),
        ('ADD ["run.sh", "train.py", "./"]', 'ENTRYPOINT ["./run.sh"]\nCMD ["--epochs", "90"]', "run.sh"),
    ],
)
def test_an_images_script_without_exec_keeps_the_signal(copied: str, start: str, at: str, tmp_path: Path) -> None:
    found = found_beside(tmp_path, "Dockerfile", IMAGE.format(copied, start), PLAIN, at)

    assert [one[-6:] for one in found] == ["WBS408"]
    fixed = PLAIN.replace("python", "exec python")
    assert found_beside(tmp_path, "Dockerfile", IMAGE.format(copied, start), fixed, at) == []


@pytest.mark.parametrize(
    ("copied", "start"),
    [
        ("COPY --from=builder /src/run.sh /app/", 'CMD ["./run.sh"]'),
        ("COPY tools/run.sh .", 'CMD ["./other.sh"]'),
        ("COPY . .", 'ENTRYPOINT ["tini", "--"]\nCMD ["./run.sh"]'),
        ("COPY . /data", 'CMD ["/opt/run.sh"]'),
        ("COPY . .", 'CMD ["cat", "run.sh"]'),
    ],
)
def test_other_programs_of_images_are_left_alone(copied: str, start: str, tmp_path: Path) -> None:
    assert found_beside(tmp_path, "Dockerfile", IMAGE.format(copied, start), PLAIN) == []


def test_an_entrypoint_that_runs_the_images_command_as_its_child(tmp_path: Path) -> None:
    text = IMAGE.format("COPY . .", 'ENTRYPOINT ["./run.sh"]\nCMD ["python", "train.py"]')

    assert found_beside(tmp_path, "Dockerfile", text, ARGUMENTS) == ["5:14: WBS408"]
    assert found_beside(tmp_path, "Dockerfile", text, ARGUMENTS.replace('"$@"', 'exec "$@"')) == []
    assert found_beside(tmp_path, "Dockerfile", text.replace("train.py", "serve.py"), ARGUMENTS) == []


@pytest.mark.parametrize(
    ("host", "start"),
    [
        (COMPOSE, "command: ./run.sh --epochs 90"),
        (COMPOSE, 'command: sh -c "exec ./run.sh"'),
        (COMPOSE, "entrypoint: [bash, run.sh]"),
        (COMPOSE, "command:\n      - bash\n      - ./run.sh"),
        (POD, 'command: ["bash"]\n    args: ["run.sh"]'),
        (POD, "command: [./run.sh]"),
    ],
)
def test_a_containers_script_without_exec_keeps_the_signal(host: str, start: str, tmp_path: Path) -> None:
    found = found_beside(tmp_path, "run.yaml", host.format(start), PLAIN)

    assert [one[-6:] for one in found] == ["WBS408"]
    assert found_beside(tmp_path, "run.yaml", host.format(start), PLAIN.replace("python", "exec python")) == []


@pytest.mark.parametrize(
    ("host", "start"),
    [
        (COMPOSE, "init: true\n    command: ./run.sh"),
        (COMPOSE, "command: /app/run.sh"),
        (COMPOSE, 'command: tini -- sh -c "./run.sh"'),
        (COMPOSE, 'command: sh -c "./other.sh"'),
        (POD, 'args: ["run.sh"]'),
        (POD, "command: [dumb-init, ./run.sh]"),
    ],
)
def test_other_containers_are_left_alone(host: str, start: str, tmp_path: Path) -> None:
    assert found_beside(tmp_path, "run.yaml", host.format(start), PLAIN) == []


def test_a_finding_names_the_line_of_the_script(tmp_path: Path) -> None:
    found_beside(tmp_path, "sweep.yaml", SWEEP.format("run.sh", "[bash, run.sh]"), PLAIN)

    assert "note: line 3 of run.sh: it is started here" in lint_inside("--isolated", "sweep.yaml", cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ("trainer", "missing"),
    [
        ("import wandb\nwandb.init(project='p')\n", True),
        ("import wandb\nwandb.init(project='p', id=args.name, resume='allow')\n", False),
        ("import wandb\nif config.resume_from_ckpt:\n    load()\n", False),
    ],
)
def test_a_training_whose_file_resumes_is_prepared_for_its_next_start(
    trainer: str, missing: bool, tmp_path: Path
) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "vision").mkdir()
    (tmp_path / "vision" / "main.py").write_text(trainer, encoding="utf-8")
    head = "#!/bin/bash\n#SBATCH --requeue\n#SBATCH --open-mode=append\n"
    job = f"{head}export WANDB_PROJECT=p\nsrun python -m vision.main\nsync\n"
    (tmp_path / "job.sbatch").write_text(job, encoding="utf-8")

    done = lint_inside("--isolated", "--select", "WBS423", "job.sbatch", cwd=tmp_path)

    assert ("every start is a new run" in done.stdout) is missing


@pytest.mark.parametrize("script", [PLAIN, PLAIN.replace("python", "exec python")])
def test_a_script_in_shell_form_is_below_the_images_shell(script: str, tmp_path: Path) -> None:
    for start in ("CMD ./run.sh --epochs 90", "ENTRYPOINT bash run.sh", "CMD mkdir -p runs && ./run.sh"):
        assert found_beside(tmp_path, "Dockerfile", IMAGE.format("COPY . .", start), script) == ["5:1: WBS503"]
    fixed = lint_inside("--isolated", "--fix", "--diff", "--select", "WBS503", "Dockerfile", cwd=tmp_path).stdout
    assert ("+CMD mkdir -p runs && exec ./run.sh" in fixed) == ("exec" in script)


@pytest.mark.parametrize("head", ["FROM python:3.12-alpine", 'FROM python:3.12\nSHELL ["/bin/bash", "-c"]'])
def test_a_script_in_shell_form_that_may_take_the_shells_place(head: str, tmp_path: Path) -> None:
    text = f"{head}\nRUN pip install wandb\nCOPY . .\nCMD ./run.sh\n"

    assert [one[-6:] for one in found_beside(tmp_path, "Dockerfile", text, PLAIN)] == ["WBS408"]
    assert found_beside(tmp_path, "Dockerfile", text, PLAIN.replace("python", "exec python")) == []


BUILT = "services:\n  train:\n    build: {}\n    environment: [WANDB_API_KEY]\n    {}\n"


@pytest.mark.parametrize(
    ("build", "entrypoint", "command", "expected"),
    [
        (".", "", "command: ./run.sh", ["5:14: WBS408"]),
        (".", 'ENTRYPOINT ["tini", "--"]', "command: ./run.sh", []),
        (".", "ENTRYPOINT python serve.py", "command: ./run.sh", []),
        (".", 'ENTRYPOINT ["./hands_over.sh"]', "command: ./run.sh", ["5:14: WBS408"]),
        (".", 'ENTRYPOINT ["./hands_over.sh"]', "command: python train.py", []),
        (".", 'ENTRYPOINT ["./keeps.sh"]', "command: python train.py", ["3:12: WBS408"]),
        (".", 'ENTRYPOINT ["./keeps.sh"]', "entrypoint: python train.py", []),
        (".", 'ENTRYPOINT ["./missing.sh"]', "command: ./run.sh", []),
        ("{context: ., target: first}", 'ENTRYPOINT ["tini", "--"]', "command: ./run.sh", ["5:14: WBS408"]),
        (".", 'CMD ["./run.sh"]', "init: true", []),
        (".", 'CMD ["./run.sh"]', "restart: always", []),  # reported in the Dockerfile
    ],
)
def test_the_entrypoint_of_the_image_comes_before_the_command_of_a_service(
    build: str, entrypoint: str, command: str, expected: list[str], tmp_path: Path
) -> None:
    (tmp_path / "keeps.sh").write_text(ARGUMENTS, encoding="utf-8")
    (tmp_path / "hands_over.sh").write_text(ARGUMENTS.replace('"$@"', 'exec "$@"'), encoding="utf-8")
    dockerfile = f"FROM python:3.12 AS first\nWORKDIR /app\nCOPY . .\nFROM first\n{entrypoint}\n"
    (tmp_path / "Dockerfile").write_text(dockerfile, encoding="utf-8")

    assert found_beside(tmp_path, "compose.yaml", BUILT.format(build, command), PLAIN) == expected


def test_a_service_that_takes_over_the_keys_of_another_mapping(tmp_path: Path) -> None:
    base = "x-base: &base\n  image: lab/train\n  init: true\n  environment: [WANDB_API_KEY]\n"
    text = f"{base}services:\n  train:\n    <<: *base\n    command: ./run.sh\n"

    assert found_beside(tmp_path, "compose.yaml", text, PLAIN) == []
    assert found_beside(tmp_path, "compose.yaml", text.replace("  init: true\n", ""), PLAIN) == ["7:14: WBS408"]
