"""Training scripts under command-line frameworks and Ray, with what W&B was measured to record for them.

Measured with wandb 0.31.0 and absl-py 2.5.1, click 8.5.1, fire 0.7.1, hydra-core 1.3.8, ray 2.60.0, typer 0.29.2 and
tyro 1.0.17. `test_frameworks.py` holds forecasts against these rows, tests/truth/test_frameworks_truth.py measures them
again.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

__all__ = ["MEASURED", "PACKAGES", "Measured"]

PACKAGES = ("absl-py", "click", "fire", "hydra-core", "ray", "typer", "tyro")

_HANDLER = """\
def handle(signum, frame):
    wandb.run.mark_preempting()
    sys.exit(128 + signum)


signal.signal(signal.SIGTERM, handle)
"""
_FLAG = """\
stop = False


def handle(signum, frame):
    global stop
    stop = True


signal.signal(signal.SIGTERM, handle)
"""
_RAY = "ray.init(num_cpus=1, include_dashboard=False, logging_level='ERROR')\n"
_TYPER = "app = typer.Typer()\n"


@dataclass(frozen=True)
class Measured:
    """One script in one scenario."""

    name: str
    text: str
    scenario: str
    """The signal, ``COMPLETES`` or ``FAILS``."""
    marked: bool
    recorded: int | None
    status: int
    arguments: tuple[str, ...] = ()
    """What the script is called with."""


def _script(imports: str, before: str, definition: str, when_stopped: str, call: str, crashes: bool = False) -> str:
    body = 'run = wandb.init(project="p")\nfor step in range(80):\n    run.log({"loss": 1 / (step + 1)})\n'
    body += "    time.sleep(0.05)\n"
    if crashes:
        body += '    if step == 10:\n        raise RuntimeError("bug")\n'
    if when_stopped:
        body += f"    if stop:\n        run.mark_preempting()\n        {when_stopped}\n"
    head = f"import signal\nimport sys\nimport time\n\nimport {imports}\nimport wandb\n\n\n{before}\n\n"
    return f"{head}{definition}\n{textwrap.indent(body, '    ')}\n\nif __name__ == '__main__':\n    {call}\n"


_ABSL = ("absl.app", "", "def main(argv):")
_COMMAND = ("click", "", "@click.command()\n@click.option('--lr', default=0.1)\ndef main(lr):")
_CONTEXT = ("click", "", "@click.command()\n@click.pass_context\ndef main(ctx):")
_FIRE = ("fire", "", "def main(lr=0.1):")
_APP = ("typer", _TYPER, "@app.command()\ndef main(lr: float = 0.1):")
_FUNCTION = ("typer", "", "def main(lr: float = 0.1):")
_HYDRA = ("hydra", "", "@hydra.main(version_base=None)\ndef main(cfg):")
_TYRO = ("tyro", "", "def main(lr: float = 0.1):")
_GROUP_HANDLED = (
    "click",
    _HANDLER,
    "@click.group()\ndef cli():\n    pass\n\n\n@cli.command()\ndef evaluate():\n    print('nothing')\n\n\n"
    "@cli.command()\ndef main():",
)


def _flag(name: str, form: tuple[str, str, str], when_stopped: str, call: str, *row: object) -> Measured:
    imports, before, definition = form
    text = _script(imports, _FLAG + before, definition, when_stopped, call)
    return Measured(name, text, "SIGTERM", *row)  # type: ignore[arg-type]


def _handler(form: tuple[str, str, str], call: str, interrupted: tuple[bool, int, int], name: str) -> list[Measured]:
    imports, before, definition = form
    text = _script(imports, _HANDLER + before, definition, "", call)
    crashing = _script(imports, _HANDLER + before, definition, "", call, crashes=True)
    return [
        Measured(name, text, "SIGTERM", True, 143, 143),
        Measured(name, text, "SIGINT", *interrupted),
        Measured(name, text, "COMPLETES", False, 0, 0),
        Measured(f"{name}_crash", crashing, "FAILS", False, 1, 1),
    ]


_RUN_BEFORE = _script("typer", 'run = wandb.init(project="p")\n' + _TYPER, _APP[2], "", "app()", crashes=True).replace(
    '    run = wandb.init(project="p")\n', ""
)

MEASURED = [
    *_handler(_ABSL, "absl.app.run(main)", (False, 255, -2), "absl"),
    *_handler(_COMMAND, "main()", (False, 1, 1), "click"),
    *_handler(_APP, "app()", (False, 130, 130), "typer"),
    *_handler(_HYDRA, "main()", (False, 255, -2), "hydra"),
    *_handler(_FIRE, "fire.Fire(main)", (False, 255, -2), "fire"),
    *_handler(_TYRO, "tyro.cli(main)", (False, 255, -2), "tyro"),
    _flag("absl_returns", _ABSL, "return 143", "absl.app.run(main)", True, 0, 143),
    _flag("click_returns", _COMMAND, "return 143", "main()", True, 0, 0),
    _flag("click_result_exits", _COMMAND, "return 143", "sys.exit(main())", True, 0, 0),
    _flag("click_not_standalone", _COMMAND, "return 143", "sys.exit(main(standalone_mode=False))", True, 0, 143),
    _flag("click_exit", _COMMAND, "raise click.exceptions.Exit(143)", "main()", True, 143, 143),
    _flag(
        "click_exit_not_standalone",
        _COMMAND,
        "raise click.exceptions.Exit(143)",
        "sys.exit(main(standalone_mode=False))",
        True,
        0,
        143,
    ),
    _flag("click_context_exits", _CONTEXT, "ctx.exit(143)", "main()", True, 143, 143),
    _flag("click_current_context", _COMMAND, "click.get_current_context().exit(143)", "main()", True, 143, 143),
    _flag("click_exception", _COMMAND, "raise click.ClickException('preempted')", "main()", True, 1, 1),
    _flag("click_abort", _COMMAND, "raise click.Abort()", "main()", True, 1, 1),
    _flag("typer_returns", _APP, "return 143", "app()", True, 0, 0),
    _flag("typer_run_returns", _FUNCTION, "return 143", "typer.run(main)", True, 0, 0),
    _flag("typer_exit", _APP, "raise typer.Exit(143)", "app()", True, 143, 143),
    _flag("typer_exit_code", _APP, "raise typer.Exit(code=143)", "app()", True, 143, 143),
    _flag("typer_abort", _FUNCTION, "raise typer.Abort()", "typer.run(main)", True, 1, 1),
    _flag("typer_not_standalone", _APP, "return 143", "sys.exit(app(standalone_mode=False))", True, 0, 143),
    Measured("typer_run_opened_before", _RUN_BEFORE, "FAILS", False, 0, 1),
    _flag("hydra_returns", _HYDRA, "return 143", "main()", True, 0, 0),
    _flag("hydra_result_exits", _HYDRA, "return 143", "sys.exit(main())", True, 0, 0),
    _flag("hydra_exits_inside", _HYDRA, "sys.exit(143)", "main()", True, 143, 143),
    _flag("fire_returns", _FIRE, "return 143", "fire.Fire(main)", True, 0, 0),
    _flag("fire_result_exits", _FIRE, "return 143", "sys.exit(fire.Fire(main))", True, 0, 143),
    _flag("tyro_result_exits", _TYRO, "return 143", "sys.exit(tyro.cli(main))", True, 0, 143),
    Measured("click_group", _script(*_GROUP_HANDLED, "", "cli()"), "SIGTERM", True, 143, 143, ("main",)),
    Measured("ray_after", _script("ray", _HANDLER + _RAY, "def main():", "", "main()"), "SIGTERM", False, 15, 15),
    Measured("ray_before", _script("ray", _RAY + _HANDLER, "def main():", "", "main()"), "SIGTERM", True, 143, 143),
]
