"""Scripts whose training loop is a framework's: what was measured of it is what is forecast.

The frameworks are too heavy to install for a test run; the rows are those measured with lightning 2.6.6, transformers
5.23.0 and wandb 0.31.0, and those read in the source of older versions. What the command-line frameworks do is measured
again by test_commands_truth.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.forecast.framework_scripts import MEASURED, Measured
from wbsignal_lint.forecast import forecast_text
from wbsignal_lint.outcome_table import UNKNOWN, Row

LIGHTNING = """\
import signal, sys, wandb
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities.exceptions import SIGTERMException
{handler}
trainer = Trainer(logger=WandbLogger(project="p"))
{fit}
"""
HANDLER = """
def handler(signum, frame):
    wandb.run.mark_preempting()
    sys.exit(128 + signum)
signal.signal(signal.SIGTERM, handler)
"""
CAUGHT = """\
try:
    trainer.fit(model)
except SIGTERMException:
    wandb.run.mark_preempting()
    wandb.finish(exit_code=143)
    sys.exit(143)
"""


def row(text: str, name: str) -> Row:
    return next(row for row in forecast_text(text) if name in (row.signal, row.scenario.name))


@pytest.mark.parametrize(
    ("handler", "fit", "scenario", "marked", "recorded", "status"),
    [
        ("", "trainer.fit(model)", "SIGTERM", False, 0, 0),
        ("", "trainer.fit(model)", "SIGKILL", False, None, -9),
        ("", "trainer.fit(model)", "SIGUSR1", False, None, -10),
        ("", "trainer.fit(model)", "FAILS", False, 1, 1),
        ("", "trainer.fit(model)", "COMPLETES", False, 0, 0),
        (HANDLER, "trainer.fit(model)", "SIGTERM", True, 143, 143),
        ("", CAUGHT, "SIGTERM", True, 143, 143),
        ("", CAUGHT, "FAILS", False, 1, 1),
    ],
)
def test_lightning(handler: str, fit: str, scenario: str, marked: bool, recorded: int | None, status: int) -> None:
    (outcome,) = row(LIGHTNING.format(handler=handler, fit=fit), scenario).outcomes

    assert (outcome.marked, outcome.recorded, outcome.status) == (marked, recorded, status)


@pytest.mark.parametrize(
    ("pin", "scenario", "recorded", "status"),
    [
        ("lightning==2.6.6", "SIGTERM", 0, 0),
        ("lightning>=2.0", "SIGTERM", 0, 0),
        ("pytorch-lightning<2", "SIGTERM", None, -15),
        ("pytorch_lightning==1.9.5", "SIGTERM", None, -15),
        ("lightning==2.6.6", "SIGINT", 1, 1),
        ("lightning==2.4.0", "SIGINT", 0, 1),
        ("lightning~=2.2.0", "SIGINT", 0, 0),
        ("lightning", "SIGINT", UNKNOWN, UNKNOWN),
        ("lightning>=2.2", "SIGINT", UNKNOWN, UNKNOWN),
    ],
)
def test_lightning_by_the_version_that_the_project_pins(
    tmp_path: Path, pin: str, scenario: str, recorded: object, status: object
) -> None:
    (tmp_path / "requirements.txt").write_text(f"wandb\n{pin}\n")
    text = LIGHTNING.format(handler="", fit="trainer.fit(model)")
    found = next(row for row in forecast_text(text, path=tmp_path / "train.py") if row.signal == scenario)

    assert {(outcome.recorded, outcome.status) for outcome in found.outcomes} == {(recorded, status)}


@pytest.mark.parametrize("argument", ["gpus=1", "progress_bar_refresh_rate=0"])
def test_a_script_for_an_old_lightning_is_known_by_its_arguments(argument: str) -> None:
    text = LIGHTNING.format(handler="", fit="trainer.fit(model)").replace("Trainer(", f"Trainer({argument}, ")
    (outcome,) = row(text, "SIGTERM").outcomes

    assert (outcome.marked, outcome.recorded, outcome.status) == (False, None, -15)


def test_a_trainer_of_the_scripts_own_is_lightnings() -> None:
    text = LIGHTNING.format(handler="class MyTrainer(Trainer):\n    pass", fit="trainer.fit(model)").replace(
        "trainer = Trainer", "trainer = MyTrainer"
    )
    (outcome,) = row(text, "SIGTERM").outcomes

    assert (outcome.recorded, outcome.status) == (0, 0)


def test_hugging_face_trainer_leaves_signals_alone() -> None:
    text = (
        "import wandb\nfrom transformers import Trainer, TrainingArguments\n"
        "trainer = Trainer(args=TrainingArguments(report_to='wandb'))\ntrainer.train()\n"
    )
    (outcome,) = row(text, "SIGTERM").outcomes

    assert (outcome.marked, outcome.recorded, outcome.status) == (False, None, -15)


@pytest.mark.parametrize(
    ("before", "after", "setting", "recorded"),
    [
        (HANDLER, "", "enable_jit_checkpoint=True", (False, 0, 0)),
        ("", HANDLER, "enable_jit_checkpoint=True", (True, 143, 143)),
        (HANDLER, "", "save_steps=10", (True, 143, 143)),
    ],
)
def test_just_in_time_checkpoints_take_the_signal(
    before: str, after: str, setting: str, recorded: tuple[bool, int, int]
) -> None:
    text = (
        "import signal, sys, wandb\nfrom transformers import Trainer, TrainingArguments\n"
        f"{before}\nargs = TrainingArguments('out', report_to='wandb', {setting})\ntrainer = Trainer(model, args)\n"
        f"{after}\ntrainer.train()\n"
    )
    (outcome,) = row(text, "SIGTERM").outcomes

    assert (outcome.marked, outcome.recorded, outcome.status) == recorded


def test_an_unknown_trainer_is_unknown() -> None:
    text = (
        "import wandb\nfrom mylib import Trainer\nwandb.init()\nTrainer().fit(1)\ntrainer = Trainer()\ntrainer.fit(1)\n"
    )
    (outcome,) = row(text, "SIGTERM").outcomes

    assert outcome.recorded is UNKNOWN
    assert "trainer.fit() does with signals is not known" in outcome.why


@pytest.mark.parametrize("measured", MEASURED, ids=lambda measured: f"{measured.name}-{measured.scenario}")
def test_command_line_frameworks_and_ray(tmp_path: Path, measured: Measured) -> None:
    (tmp_path / "requirements.txt").write_text("typer==0.29.2\n")
    rows = forecast_text(measured.text, path=tmp_path / "train.py")
    found = next(row for row in rows if measured.scenario in (row.signal, row.scenario.name))
    outcomes = {(outcome.marked, outcome.recorded, outcome.status) for outcome in found.outcomes if outcome.has_run}

    assert outcomes == {(measured.marked, measured.recorded, measured.status)}
