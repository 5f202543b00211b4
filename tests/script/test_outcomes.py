"""What the interpreter says of handlers: was the run marked, how is the process left, what is on record."""

from __future__ import annotations

import signal
import textwrap

import pytest

from wbsignal_lint.script.facts import Handler, Script
from wbsignal_lint.script.reader import read_script
from wbsignal_lint.script.state import Ending
from wbsignal_lint.script.values import Const

PRELUDE = """\
import functools, os, signal, sys, threading
import wandb

MAIN_PID = os.getpid()
OK = 0
"""
TRAINING = """
run = wandb.init(project="p")
for step in range(1000):
    run.log({"loss": 1 / (step + 1)})
"""


def script_with(handler: str, registration: str = "signal.signal(signal.SIGTERM, handler)") -> Script:
    return read_script(PRELUDE + textwrap.dedent(handler) + "\n" + registration + "\n" + TRAINING)


def only_handler(script: Script) -> Handler:
    (handler,) = script.handlers
    return handler


def endings(handler: Handler) -> set[tuple[str, int | None, bool, bool]]:
    """Each outcome as (how, status, seen by W&B, marked)."""
    return {
        (
            outcome.completion.how or outcome.completion.ending.value,
            outcome.completion.status,
            outcome.completion.seen,
            outcome.marked,
        )
        for outcome in handler.outcomes
    }


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("wandb.run.mark_preempting(); sys.exit(128 + signum)", {("sys.exit", 143, True, True)}),
        ("sys.exit(0)", {("sys.exit", 0, True, False)}),
        ("sys.exit()", {("sys.exit", 0, True, False)}),
        ("sys.exit(OK)", {("sys.exit", 0, True, False)}),
        ("sys.exit(256)", {("sys.exit", 0, True, False)}),
        ("sys.exit(-1)", {("sys.exit", 255, True, False)}),
        ("sys.exit('preempted')", {("sys.exit", 1, True, False)}),
        ("sys.exit(wandb.config.code)", {("sys.exit", None, True, False)}),
        ("raise SystemExit(3)", {("raise SystemExit", 3, False, False)}),
        ("raise SystemExit", {("raise SystemExit", 0, False, False)}),
        ("exit(3)", {("exit", 3, False, False)}),
        ("os._exit(3)", {("os._exit", 3, False, False)}),
        ("wandb.run.mark_preempting()", {("went on", None, False, True)}),
        ("if wandb.run is not None: wandb.run.mark_preempting()", {("went on", None, False, True)}),
        ("if wandb.run is None: sys.exit(0)", {("went on", None, False, False)}),
        ("if os.getpid() != MAIN_PID: os._exit(0)", {("went on", None, False, False)}),
        ("if rank != 0: sys.exit(0)", {("went on", None, False, False)}),
        ("if signum == signal.SIGUSR1: sys.exit(0)", {("went on", None, False, False)}),
        (
            "if wandb.config.hard: os._exit(1)\n    sys.exit(2)",
            {("os._exit", 1, False, False), ("sys.exit", 2, True, False)},
        ),
        ("try:\n        sys.exit(3)\n    finally:\n        sys.exit(4)", {("sys.exit", 4, True, False)}),
        ("try:\n        sys.exit(3)\n    except SystemExit:\n        pass", {("went on", None, False, False)}),
        # Whatever stands in a try block may raise before it gets to the exit.
        (
            "try:\n        sys.exit(3)\n    except Exception:\n        os._exit(4)",
            {("sys.exit", 3, True, False), ("os._exit", 4, False, False)},
        ),
        ("for _ in range(3):\n        sys.exit(5)", {("sys.exit", 5, True, False)}),
        ("signal.signal(signum, signal.SIG_DFL); os.kill(os.getpid(), signum)", {("re-kill", 143, False, False)}),
    ],
)
def test_ways_out_of_a_handler(body: str, expected: set[tuple[str, int | None, bool, bool]]) -> None:
    assert endings(only_handler(script_with(f"def handler(signum, frame):\n    {body}"))) == expected


@pytest.mark.parametrize(
    ("definition", "registered"),
    [
        ("handler = lambda s, f: (wandb.run.mark_preempting(), sys.exit(128 + s))", "handler"),
        ("def base(code, s, f): wandb.run.mark_preempting(); sys.exit(code)", "functools.partial(base, 143)"),
        (
            "def base(run, *, s=0): pass\ndef handler(*args): wandb.run.mark_preempting(); sys.exit(128 + args[0])",
            "handler",
        ),
        (
            "class T:\n    def stop(self, s, f):\n        wandb.run.mark_preempting(); sys.exit(128 + s)\nt = T()",
            "t.stop",
        ),
        ("class T:\n    def __call__(self, s, f):\n        wandb.run.mark_preempting(); sys.exit(128 + s)", "T()"),
        (
            "def make(run):\n    def inner(s, f):\n"
            "        run().mark_preempting(); sys.exit(128 + s)\n    return inner",
            "make(lambda: wandb.run)",
        ),
        ("def leave(c): sys.exit(c)\ndef handler(s, f): wandb.run.mark_preempting(); leave(128 + s)", "handler"),
    ],
)
def test_handlers_of_every_shape_are_followed(definition: str, registered: str) -> None:
    script = script_with(definition, f"signal.signal(signal.SIGTERM, {registered})")

    assert endings(only_handler(script)) == {("sys.exit", 143, True, True)}


def test_each_signal_has_its_own_outcome() -> None:
    script = script_with(
        "def handler(signum, frame):\n    sys.exit(128 + signum)",
        "for s in (signal.SIGTERM, signal.SIGUSR1):\n    signal.signal(s, handler)",
    )

    found = {outcome.signum: outcome.completion.status for outcome in only_handler(script).outcomes}
    assert found == {signal.SIGTERM: 143, signal.SIGUSR1: 138}


@pytest.mark.parametrize(
    ("call", "recorded"),
    [("wandb.finish()", 0), ("wandb.finish(exit_code=143)", 143), ("wandb.run.finish(3)", 3), ("wandb.join()", 0)],
)
def test_finish_is_what_w_and_b_has_on_record(call: str, recorded: int) -> None:
    handler = only_handler(script_with(f"def handler(signum, frame):\n    {call}\n    sys.exit(143)"))

    assert {outcome.state.recorded for outcome in handler.outcomes} == {Const(recorded)}


def test_an_exit_bound_before_init_is_not_seen() -> None:
    text = "import signal, wandb\nfrom sys import exit as leave\ndef h(s, f): leave(143)\nsignal.signal(15, h)\n"

    assert endings(only_handler(read_script(text + TRAINING))) == {("sys.exit", 143, False, False)}


def test_flags_are_told_from_nothing() -> None:
    event = script_with("stop = threading.Event()\ndef handler(signum, frame):\n    stop.set()")
    plain = script_with("def handler(signum, frame):\n    print(signum)")

    assert [set(outcome.state.effects) for outcome in only_handler(event).outcomes] == [{"stop"}]
    assert [set(outcome.state.effects) for outcome in only_handler(plain).outcomes] == [set()]


@pytest.mark.parametrize("head", ["async def handler(signum, frame):", "def handler(signum, frame):\n    yield"])
def test_handlers_that_python_never_executes_have_no_outcome(head: str) -> None:
    script = script_with(f"{head}\n    sys.exit(0)")

    assert only_handler(script).outcomes == []


def test_a_handler_that_cannot_take_its_arguments_raises() -> None:
    (outcome,) = only_handler(script_with("def handler(): sys.exit(1)")).outcomes

    assert outcome.completion.ending is Ending.RAISE
    assert outcome.completion.exception == "builtins.TypeError"


def test_endless_recursion_and_many_branches_come_to_an_end() -> None:
    branches = "\n".join(f"    if wandb.config.f{number}: total += {number}" for number in range(200))
    script = script_with(f"def handler(signum, frame):\n    total = 0\n{branches}\n    again()\ndef again(): again()")

    assert {outcome.completion.ending for outcome in only_handler(script).outcomes} == {Ending.NORMAL}
