"""What the reader knows of functions that frameworks call."""

from __future__ import annotations

import pytest

from wbsignal_lint.script.facts import Context
from wbsignal_lint.script.reader import read_script

HEAD = """\
import signal, sys, wandb
import submitit, click, typer
from concurrent.futures import ThreadPoolExecutor
"""
TRAIN = """\
def handle(signum, frame):
    sys.exit(128 + signum)
def train(lr=0.1):
    signal.signal(signal.SIGUSR2, handle)
    run = wandb.init()
    for step in range(10):
        run.log({"loss": step})
"""


@pytest.mark.parametrize("executor", ["AutoExecutor(folder='log')", "SlurmExecutor('log')", "LocalExecutor('log')"])
@pytest.mark.parametrize("method", ["submit", "map_array"])
def test_submitit_runs_functions_in_the_main_thread_of_a_job(executor: str, method: str) -> None:
    script = read_script(f"{HEAD}{TRAIN}executor = submitit.{executor}\njob = executor.{method}(train, 0.1)\n")
    pool = read_script(f"{HEAD}{TRAIN}executor = ThreadPoolExecutor()\njob = executor.submit(train, 0.1)\n")

    assert [registration.context for registration in script.registrations] == [Context.LIBRARY]
    assert [registration.context for registration in pool.registrations] == [Context.THREAD]


@pytest.mark.parametrize(
    "command",
    [
        "@click.command()\n@click.option('--lr')\n{train}train()\n",
        "@click.command\n{train}train()\n",
        "@click.group()\ndef cli():\n    pass\n@cli.command()\n{train}cli()\n",
        "@click.group()\ndef cli():\n    pass\n@cli.command('go')\n{train}if __name__ == '__main__': cli(obj={{}})\n",
        "app = typer.Typer()\n@app.command()\n{train}app()\n",
        "app = typer.Typer(add_completion=False)\n@app.command(name='go')\n{train}app()\n",
        "{train}typer.run(train)\n",
        "import hydra\n@hydra.main(config_path=None)\n{train}train()\n",
        "from hydra import main as hydra_main\n@hydra_main()\n{train}train()\n",
    ],
)
def test_commands_are_followed_into_their_functions(command: str) -> None:
    before, _, train = TRAIN.partition("def train")
    script = read_script(HEAD + before + command.format(train=f"def train{train}"))

    assert [init.context for init in script.inits] == [Context.MAIN]
    assert [registration.context for registration in script.registrations] == [Context.MAIN]
