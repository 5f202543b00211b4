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


@pytest.mark.parametrize(
    "line",
    [
        "python main.py mode=ppl_eval",
        "python main.py --mode=inference --checkpoint $CHECKPOINT",
        "python main.py --test_mode True",
        "python main.py --eval-only",
        "torchrun --nproc_per_node 2 run.py --do_predict --output_dir $OUT",
    ],
)
def test_a_call_that_only_evaluates_trains_nothing(line: str) -> None:
    assert not _trains(line)


@pytest.mark.parametrize(
    "line",
    [
        "python main.py --mode train_eval",
        "python main.py --mode $MODE",
        "python main.py --test_mode false",
        "python main.py --eval_only $ONLY",
        "python run.py --do_eval $OPTIONS",
        "python run.py --do_train true --do_eval",
    ],
)
def test_a_call_that_evaluates_too_or_may_do_so_trains(line: str) -> None:
    assert _trains(line)


@pytest.mark.parametrize(
    ("switch", "other", "trains"),
    [
        ("--use_wandb", "--config precache.yaml", 1),
        ("--logging.use_wandb=True", "--logging.wandb_project=vision", 1),
        ("--report_to wandb", "--report_to none", 1),
        ("--train", "--load best.pt", 1),
        ("--wandb True", "--wandb true", 2),
        ("--wandb_project vision", "--seed 2", 2),
        ("wandb=online", "wandb.group=two", 2),
        ("--train train.csv", "--test test.csv", 2),
    ],
)
def test_a_call_without_the_switch_that_another_call_has_is_no_run(switch: str, other: str, trains: int) -> None:
    launch = read_launch(f"#!/bin/bash\npython main.py {switch}\npython main.py {other}\n", lambda script: True)

    assert sum(step.trainer is not None for step in launch.scripts[0].launches) == trains


def _trains_where_it_is_not_found(line: str) -> bool:
    script = read_launch(f"#!/bin/bash\nexport WANDB_PROJECT=vision\n{line}\n", lambda script: None).scripts[0]
    return any(step.trainer is not None for step in script.launches)


@pytest.mark.parametrize(
    "line",
    [
        "python main.py --wandb --epochs 90",
        "python a2c.py env.seed=1 logger.backend=wandb",
        "python ppo.py trainer.logger=\"['console','wandb']\"",
        "torchrun --nproc_per_node 2 main.py --report-to wandb",
        "python segment.py --wandb_mode offline",
        "python main.py --wandb_project vision",
        "torchrun --nproc_per_node 4 -m open_clip.training.main --save-frequency 5",
        "python scripts/train/score.py --config score.yaml",
        "python run_tag.py --do_train --output_dir $OUT",
        "python3 finetunning-t5.py",
    ],
)
def test_a_call_that_says_that_it_trains_or_is_recorded_is_a_training_by_any_name(line: str) -> None:
    assert _trains_where_it_is_not_found(line)


@pytest.mark.parametrize(
    "line",
    [
        "python main.py --epochs 90",
        "python main.py --wandb $USE_WANDB",
        "python main.py --wandb False",
        "python predict.py --wandb",
        "python sync_runs.py --wandb_project vision",
        "python create_sweep.py --wandb-entity lab",
        "python scripts/train/prepare_data.py",
        "python run_tag.py --do_train false",
        "python main.py logger=tensorboard",
    ],
)
def test_a_call_that_says_neither_is_not_known(line: str) -> None:
    assert not _trains_where_it_is_not_found(line)


def test_a_package_that_is_run_is_looked_up_by_its_main_module() -> None:
    launch = read_launch(
        "#!/bin/bash\n/opt/venv/bin/python -m segmenter experiment --epochs 90\n",
        lambda script: True if script == "segmenter/__main__.py" else None,
    )

    trainer = launch.scripts[0].launches[0].trainer
    assert trainer is not None
    assert trainer.file == "segmenter/__main__.py"
