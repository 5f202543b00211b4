"""The agent's options are read as the real command line reads them."""

from __future__ import annotations

import shlex

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wandb.cli import cli

from wbsignal_lint.launch.facts import Forwarding
from wbsignal_lint.launch.reader import read_launch

AGENT = cli.cli.commands["agent"]

WORDS = st.sampled_from(
    shlex.split(
        "-f --forward-signals -p -e -t 60 --count 3 --count=3 --project --project=x --entity -fp -pf -ft -t60 -ff -- "
        "team/project/id id --term-timeout --term-timeout=5 --max-consecutive-failed-runs 2 --forward -efoo x"
    )
)


def forwards(arguments: list[str]) -> bool | None:
    """Return what click makes of the arguments; ``None``: it refuses them."""
    try:
        return bool(AGENT.make_context("agent", list(arguments)).params["forward_signals"])
    except click.ClickException:
        return None


@given(st.lists(WORDS, max_size=7))
def test_any_accepted_command_line_is_read_as_click_reads_it(arguments: list[str]) -> None:
    expected = forwards(arguments)
    [agent] = read_launch(f"wandb agent {shlex.join(arguments)}").agents

    if expected is not None:
        assert agent.forwarding is (Forwarding.YES if expected else Forwarding.NO)


@given(st.lists(WORDS, max_size=5))
def test_the_option_takes_effect_where_the_fix_writes_it(arguments: list[str]) -> None:
    if forwards(arguments) is False:
        assert forwards(["--forward-signals", *arguments]) is True


@pytest.mark.parametrize("option", ["--forward", "--forward-signal", "--forward-signals=1", "-F"])
def test_click_takes_no_abbreviation_of_the_option(option: str) -> None:
    assert forwards([option, "id"]) is None
