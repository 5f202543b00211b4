"""Which Python scripts that use wandb are trainings, as far as their names and their calls say."""

from __future__ import annotations

import pytest

from wbsignal_lint.launch.reader import read_launch


def _trains(line: str) -> bool:
    launch = read_launch(f"#!/bin/bash\n{line}\n", lambda script: True)
    return any(step.trainer is not None for step in launch.scripts[0].launches)


@pytest.mark.parametrize(
    "line",
    [
        "python main.py",
        "python -m vision.main",
        "python train_and_evaluate.py",
        "torchrun --nproc_per_node 4 run.py --report_to wandb",
        "python main.py --wandb_resume none --wandb.group off",
        "WANDB_MODE=offline python main.py",
        "export WANDB_DISABLED=false; python main.py",
        "wandb disabled\nwandb enabled\npython main.py",
    ],
)
def test_a_script_that_records_with_wandb_trains(line: str) -> None:
    assert _trains(line)


@pytest.mark.parametrize(
    "line",
    [
        "python evaluate_model.py",
        "python -m vision.eval.plot_runs",
        "python main.py --no_wandb",
        "python main.py --use-wandb=0",
        "python main.py --logging.use_wandb=False",
        "python main.py ++wandb.mode=disabled",
        "accelerate launch run.py --report_to=tensorboard",
        "env WANDB_MODE=disabled python main.py",
        "export WANDB_MODE=disabled\nfor seed in 1 2; do python main.py --seed $seed; done",
        "wandb disabled\npython main.py",
    ],
)
def test_what_evaluates_or_records_nothing_is_left_alone(line: str) -> None:
    assert not _trains(line)
