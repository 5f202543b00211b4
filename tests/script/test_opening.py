"""Which scripts open a W&B run in every call: job scripts that say nothing of W&B are judged by it."""

from __future__ import annotations

import pytest

from wbsignal_lint.script.opening import surely_records

_RECORDS = {
    "at the top": "import wandb\nwandb.init()\n",
    "in main": "import wandb\ndef main():\n    with wandb.init(project='p') as run:\n        run.log({})\n"
    "if __name__ == '__main__':\n    main()\n",
    "two functions down": "import wandb as wb\ndef start():\n    return wb.init()\n"
    "def main():\n    run = start()\nmain()\n",
    "in the constructor": "import wandb\nclass Trainer:\n    def __init__(self, cfg):\n"
    "        self.run = wandb.init(config=cfg)\nTrainer({}).train()\n",
    "given to a caller": "import fire\nfrom wandb import init\n"
    "def main(lr=1):\n    init(config={'lr': lr})\nfire.Fire(main)\n",
    "on the main process": "import wandb\ndef main(rank):\n    if rank == 0:\n        wandb.init()\nmain(0)\n",
    "in try": "import wandb\ntry:\n    wandb.init()\nfinally:\n    wandb.finish()\n",
    "a logger": "from lightning.pytorch.loggers import WandbLogger\nimport lightning as L\n"
    "L.Trainer(logger=WandbLogger(project='p')).fit(model)\n",
    "report_to": "from transformers import TrainingArguments\nargs = TrainingArguments('out', report_to=['wandb'])\n",
}
_MAY_RECORD = {
    "no wandb": "import torch\n",
    "no Python": "import wandb\nwandb.init(\n",
    "by an option": "import wandb\nif args.track:\n    wandb.init()\n",
    "by an option of that name": "import wandb\nwandb.init(mode=None if args.use_wandb else 'disabled')\n",
    "by a mode": "import wandb\nwandb.init(mode=args.mode)\n",
    "by words that may hold one": "import wandb\nwandb.init(**cfg.tracking)\n",
    "by the environment": "import os, wandb\nos.environ.setdefault('WANDB_MODE', 'offline')\nwandb.init()\n",
    "where it is installed": "try:\n    import wandb\nexcept ImportError:\n    wandb = None\nwandb.init()\n",
    "unless it leaves before": "import wandb\ndef main(a):\n"
    "    if a.test:\n        return test()\n    wandb.init()\nmain(1)\n",
    "in a function nobody calls": "import wandb\ndef start():\n    wandb.init()\n",
    "in a function somebody may call": "import wandb\ndef start():\n    wandb.init()\nif debug:\n    start()\n",
    "in a method": "import wandb\nclass T:\n    def fit(self):\n        wandb.init()\nT()\n",
    "when something fails": "import wandb\ntry:\n    train()\nexcept ValueError:\n    wandb.init()\n",
    "one of two": "import wandb\nrun = wandb.init() if track else None\n",
    "another init": "import wandb, tracking\ntracking.init()\n",
    "reports by an option": "from transformers import TrainingArguments\n"
    "TrainingArguments('out', report_to=args.report_to)\n",
}


@pytest.mark.parametrize("text", _RECORDS.values(), ids=_RECORDS)
def test_a_run_that_nothing_stands_in_the_way_of(text: str) -> None:
    assert surely_records(text)


@pytest.mark.parametrize("text", _MAY_RECORD.values(), ids=_MAY_RECORD)
def test_a_run_that_depends_on_something_is_none(text: str) -> None:
    assert not surely_records(text)
