"""Scripts whose training loop is a framework's: what was measured of it is what is forecast.

The frameworks are too heavy to install for a test run; the rows are those measured with lightning 2.6.6 and wandb
0.31.0.
"""

from __future__ import annotations

import pytest

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
        ("", "trainer.fit(model)", "SIGINT", False, 1, 1),
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


def test_hugging_face_trainer_leaves_signals_alone() -> None:
    text = (
        "import wandb\nfrom transformers import Trainer, TrainingArguments\n"
        "trainer = Trainer(args=TrainingArguments(report_to='wandb'))\ntrainer.train()\n"
    )
    (outcome,) = row(text, "SIGTERM").outcomes

    assert (outcome.marked, outcome.recorded, outcome.status) == (False, None, -15)


def test_an_unknown_trainer_is_unknown() -> None:
    text = (
        "import wandb\nfrom mylib import Trainer\nwandb.init()\nTrainer().fit(1)\ntrainer = Trainer()\ntrainer.fit(1)\n"
    )
    (outcome,) = row(text, "SIGTERM").outcomes

    assert outcome.recorded is UNKNOWN
    assert "trainer.fit() does with signals is not known" in outcome.why
