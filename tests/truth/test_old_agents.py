"""WBS402 under real agents of older wandb versions, each in an environment of its own."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.support import run
from wbsignal_lint.contract import FORWARDING_AGENT_ENDS, HAS_TERM_TIMEOUT
from wbsignal_lint.drill.agent import AgentMeasurement, drill_agent
from wbsignal_lint.drill.loopback import SWEEP_PATH
from wbsignal_lint.drill.measurement import Plan

pytestmark = [pytest.mark.truth, pytest.mark.hunt]

TRAINER = Path(__file__).parent / "scripts" / "marks_in_handler.py"
FORWARD = "--forward-signals"
TIMEOUT = "--term-timeout=60"

Agent = Callable[..., AgentMeasurement]


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Agent:
    """Return what sends SIGTERM to an agent of a version, once its first run has logged."""

    @cache
    def python(version: str) -> Path:
        folder = tmp_path_factory.mktemp(f"wandb-{version}")
        made = run([sys.executable, "-m", "venv", folder], folder)
        assert made.returncode == 0, made.stderr
        installed = run([folder / "bin" / "pip", "install", "-q", f"wandb=={version}"], folder)
        assert installed.returncode == 0, f"wandb {version} can't be installed, which takes a package index: " + (
            installed.stderr
        )
        return folder / "bin" / "python"

    def terminated(version: str, *options: str) -> AgentMeasurement:
        old = str(python(version))
        return drill_agent(
            [old, str(TRAINER), "waits"],
            Plan((signal.SIGTERM,), grace=15),
            launcher=[old, "-m", "wandb", "agent", *options, SWEEP_PATH],
            cwd=tmp_path_factory.mktemp("drill"),
        )

    return terminated


@pytest.mark.parametrize(
    ("version", "options", "unknown"),
    [
        pytest.param("0.23.1", [FORWARD], FORWARD, id="0.23.1"),
        pytest.param("0.28.1", [FORWARD, TIMEOUT], "--term-timeout", id="0.28.1"),
    ],
)
def test_an_agent_that_does_not_know_an_option_does_not_start(
    agent: Agent, version: str, options: list[str], unknown: str
) -> None:
    measured = agent(version, *options)

    assert f"No such option '{unknown}'" in measured.agent.output
    assert measured.agent.status == 2
    assert (measured.agent.runs, measured.handed_out) == ((), ())


@pytest.mark.parametrize("version", ["0.24.1", "0.27.2"])
def test_an_agent_that_passes_the_signal_on_but_does_not_end_starts_the_next_run(agent: Agent, version: str) -> None:
    measured = agent(version, FORWARD)

    assert measured.agent.runs[0].sequence == "P X(143)", measured.agent.output
    assert measured.handed_out == ("run1", "run2")
    assert measured.agent.killed


@pytest.mark.parametrize(
    ("version", "options"), [(FORWARDING_AGENT_ENDS, [FORWARD]), (HAS_TERM_TIMEOUT, [FORWARD, TIMEOUT])]
)
def test_an_agent_of_the_version_that_is_asked_for_marks_the_run_and_ends(
    agent: Agent, version: str, options: list[str]
) -> None:
    measured = agent(version, *options)

    assert measured.agent.sequence == "P X(143)", measured.agent.output
    assert (measured.agent.status, measured.handed_out) == (0, ("run1",))


def test_one_run_is_all_that_an_agent_with_a_count_starts(agent: Agent) -> None:
    measured = agent("0.27.2", FORWARD, "--count=1")

    assert measured.agent.sequence == "P X(143)", measured.agent.output
    assert (measured.agent.status, measured.handed_out) == (0, ("run1",))
