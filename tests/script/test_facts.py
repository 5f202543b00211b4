"""What the reader finds in a script: registrations, runs, marks, exits, and where training is."""

from __future__ import annotations

import ast
import textwrap

import pytest

from wbsignal_lint.script.facts import Context, Disposition, Script, ScriptSettings, UnreadableSource
from wbsignal_lint.script.reader import read_script
from wbsignal_lint.script.state import RunState

LOOP = "for i in range(100):\n    wandb.log({'a': i})\n"


def read(text: str, **settings: tuple[str, ...]) -> Script:
    return read_script("import signal, sys, wandb\n" + textwrap.dedent(text), ScriptSettings(**settings))


def registered(script: Script) -> list[tuple[str, ...]]:
    return [tuple(use.name for use in registration.uses) for registration in script.registrations]


@pytest.mark.parametrize(
    ("registration", "names"),
    [
        ("signal.signal(signal.SIGTERM, h)", ("SIGTERM",)),
        ("signal.signal(15, h)", ("SIGTERM",)),
        ("signal.signal(signal.Signals.SIGUSR1, h)", ("SIGUSR1",)),
        ("signal.signal(signal.Signals['SIGUSR1'], h)", ("SIGUSR1",)),
        ("signal.signal(getattr(signal, 'SIGUSR1'), h)", ("SIGUSR1",)),
        ("for s in (signal.SIGTERM, signal.SIGINT): signal.signal(s, h)", ("SIGTERM", "SIGINT")),
        ("for s in ['SIGTERM', 'SIGHUP']: signal.signal(getattr(signal, s), h)", ("SIGTERM", "SIGHUP")),
        ("for s, f in {signal.SIGTERM: h, signal.SIGINT: h}.items(): signal.signal(s, f)", ("SIGTERM", "SIGINT")),
        ("[signal.signal(s, h) for s in (signal.SIGTERM, signal.SIGINT)]", ("SIGTERM", "SIGINT")),
        ("A = (signal.SIGTERM,)\nfor s in A + (signal.SIGINT,): signal.signal(s, h)", ("SIGTERM", "SIGINT")),
        ("from signal import SIGTERM as T, signal as on\non(T, h)", ("SIGTERM",)),
    ],
)
def test_signals_are_resolved(registration: str, names: tuple[str, ...]) -> None:
    assert registered(read(f"def h(s, f): sys.exit(1)\n{registration}")) == [names]


@pytest.mark.parametrize(
    "registration", ["signal.signal(wandb.config.signal, h)", "signal.signal(getattr(signal, name), h)"]
)
def test_unknown_signals_are_not_registrations(registration: str) -> None:
    assert registered(read(f"def h(s, f): sys.exit(1)\n{registration}")) == []


@pytest.mark.parametrize(
    ("bound", "disposition"),
    [
        ("h", Disposition.HANDLER),
        ("signal.SIG_IGN", Disposition.IGNORE),
        ("signal.SIG_DFL", Disposition.DEFAULT),
        ("signal.default_int_handler", Disposition.DEFAULT),
        ("signal.getsignal(signal.SIGTERM)", Disposition.RESTORE),
        ("wandb.config.handler", Disposition.UNKNOWN),
    ],
)
def test_what_a_signal_is_bound_to(bound: str, disposition: Disposition) -> None:
    (registration,) = read(f"def h(s, f): sys.exit(1)\nsignal.signal(signal.SIGTERM, {bound})").registrations

    assert registration.disposition is disposition


@pytest.mark.parametrize(
    ("training", "late"),
    [
        (LOOP, True),
        ("def train():\n    for i in range(9): wandb.log({'a': i})\ntrain()\n", True),
        ("for batch in data():\n    loss.backward()\n    optimizer.step()\n", True),
        ("trainer = Trainer()\ntrainer.fit(model)\n", True),
        ("wandb.agent('e/p/s', function=print)\n", True),
        ("while True:\n    wandb.log({})\n    if done(): break\n", True),
        ("for path in files():\n    print(path)\n", False),
        ("wandb.log({'start': 1})\n", False),
        ("model.train()\n", False),
        ("scaler.fit(x)\n", False),
        ("if len(sys.argv) > 1:\n    for i in range(9): wandb.log({})\n    sys.exit(0)\n", False),
        ("import threading\nthreading.Thread(target=lambda: [wandb.log({}) for _ in range(9)]).start()\n", False),
    ],
)
def test_what_counts_as_training(training: str, late: bool) -> None:
    script = read(f"def h(s, f): sys.exit(1)\nwandb.init()\n{training}signal.signal(signal.SIGTERM, h)\n")

    assert [registration.late is not None for registration in script.registrations] == [late]


def test_training_calls_can_be_configured() -> None:
    text = "def h(s, f): sys.exit(1)\nrun_epochs()\nsignal.signal(signal.SIGTERM, h)\n"

    assert read(text).registrations[0].late is None
    assert read(text, training_calls=("run_epochs",)).registrations[0].late is not None


def test_contexts() -> None:
    script = read(
        """
        import multiprocessing, threading
        def h(s, f): sys.exit(1)
        def work(): signal.signal(signal.SIGTERM, h)
        def watch(): signal.signal(signal.SIGHUP, h)
        def library(): signal.signal(signal.SIGUSR1, h)
        multiprocessing.Process(target=work).start()
        threading.Thread(target=watch).start()
        signal.signal(signal.SIGUSR2, h)
        """
    )

    assert {registration.uses[0].name: registration.context for registration in script.registrations} == {
        "SIGTERM": Context.WORKER,
        "SIGHUP": Context.THREAD,
        "SIGUSR1": Context.LIBRARY,
        "SIGUSR2": Context.MAIN,
    }


def test_runs_entered_by_with_are_managed() -> None:
    assert read("with wandb.init() as run:\n    run.log({})\n").runs_are_managed
    assert not read("run = wandb.init()\nrun.log({})\n").runs_are_managed


def test_spans_count_characters_and_not_bytes() -> None:
    script = read("def h(s, f): sys.exit(1)\nπ = 'ü'; signal.signal(signal.SIGTERM, h)\n")

    (registration,) = script.registrations
    assert script.source(registration.node) == "signal.signal(signal.SIGTERM, h)"


def test_syntax_errors_have_a_place() -> None:
    with pytest.raises(UnreadableSource) as caught:
        read_script("import wandb\ndef f(:\n")

    assert (caught.value.row, caught.value.column) == (2, 7)


def test_a_tree_that_is_handed_over_is_used() -> None:
    text = "import signal, wandb\nwandb.init()\n"
    tree = ast.parse(text)

    assert read_script(text, tree=tree).tree is tree


def test_runs_opened_beside_each_other_are_not_closed_by_the_first_finish() -> None:
    script = read(
        """
        one = wandb.init(reinit="create_new")
        two = wandb.init(reinit="create_new")
        one.finish()
        two.mark_preempting()
        """
    )

    assert script.late_marks == []
    assert [mark.state.run for mark in script.marks] == [RunState.MAYBE]
