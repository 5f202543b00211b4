"""Every fact points at the right characters of the file, whatever the shell stands in."""

from __future__ import annotations

import json

import pytest

from wbsignal_lint.launch.facts import AgentCommand, Forwarding
from wbsignal_lint.launch.gate import bytes_pass
from wbsignal_lint.launch.mapped import MappedText
from wbsignal_lint.launch.reader import read_launch, read_shell

FLAG = " --forward-signals"


def mended(text: str) -> str:
    """Insert the option at the slot of every agent that does not forward."""
    agents = [agent for agent in read_launch(text).agents if agent.forwarding is Forwarding.NO]
    for agent in reversed(agents):
        assert text[agent.span.start : agent.span.end] in ("wandb", '"wandb"')
        assert agent.slot is not None
        edit = agent.slot.insert(FLAG.strip())
        text = text[: edit.span.start] + edit.content + text[edit.span.end :]
    return text


@pytest.mark.parametrize(
    "template",
    [
        "wandb agent{} x\n",
        "srun \\\r\n  wandb \\\r\n  agent{} \\\r\n  x\r\nwandb agent{} y\r\n",
        "echo 'ähm 🚀 日本語'; wandb agent{} é # ü\n",
        "bash -c 'echo 🚀; wandb agent{} x'\n",
        'bash -c "echo \\"ü\\" \\$HOME; wandb agent{} $X"\r\n',
        "bash -c $'echo \\'\\u00e9\\'\\nwandb agent{} x'\n",
        "cat > é.sh <<EOF\r\n\\$é 🚀\r\nwandb agent{} x\r\nEOF\r\n",
        "C='wandb agent{} é'\n$C\n",
        'C=("wandb" "agent"{} é)\n"${C[@]}"\n',
        "ssh ü \"bash -c 'wandb agent{} $X'\"\n",
        "wandb agent{}",
        "\tif true; then\twandb\tagent{}\tx\t; fi",
        "wandb agent{} x;wandb agent{} y&wandb agent{} z|cat",
    ],
)
def test_the_option_lands_behind_the_word_agent(template: str) -> None:
    assert mended(template.replace("{}", "")) == template.replace("{}", FLAG)


def test_shell_in_a_json_string_is_mended_in_the_json() -> None:
    cell = '%%bash\nécho "ü"\twandb\nwandb agent "$X"\n'
    host = json.dumps({"source": cell})
    # What an embedding host does: hand over each character with the place it has in the file.
    starts: list[int] = []
    ends: list[int] = []
    position = host.index('"source": "') + len('"source": "')
    for char in cell:
        width = len(json.dumps(char)) - 2
        starts.append(position)
        ends.append(position + width)
        position += width

    launch = read_shell(host, [MappedText(cell, starts, ends)[7:]])

    [agent] = launch.agents
    assert host[agent.span.start : agent.span.end] == "wandb"
    assert agent.slot is not None
    edit = agent.slot.insert("-f")
    fixed = host[: edit.span.start] + edit.content + host[edit.span.end :]
    assert json.loads(fixed)["source"] == cell.replace("wandb agent", "wandb agent -f")


def only_agent(text: str) -> AgentCommand:
    [agent] = read_launch(text).agents
    return agent


@pytest.mark.parametrize(
    ("text", "runners"),
    [
        ("wandb agent x", []),
        ("FOO=1 nohup srun -n 1 --gres gpu:1 timeout -k 5 10 wandb agent x", ["nohup", "srun", "timeout"]),
        ("sudo -u me env -i A=b wandb agent x", ["sudo", "env"]),
        ("sbatch --wrap 'srun wandb agent x'", ["sbatch", "srun"]),
        ("ssh h \"tmux new -d 'wandb agent x'\"", ["ssh", "tmux"]),
        ("cat <<E | sbatch\nsrun wandb agent x\nE\n", ["sbatch", "srun"]),
        ("python -m wandb agent x", ["python"]),
    ],
)
def test_the_chain_that_runs_an_agent_is_told(text: str, runners: list[str]) -> None:
    assert [runner.name for runner in only_agent(text).command.runners] == runners


def test_how_a_command_is_started_is_told() -> None:
    plain = only_agent("wandb agent x").command
    assert (plain.in_background, plain.stage, plain.stages, plain.function) == (False, 0, 1, None)
    assert only_agent("wandb agent x > log 2>&1 &\nwait").command.in_background
    piped = only_agent("cat ids | xargs wandb agent | tee log").command
    assert (piped.stage, piped.stages) == (1, 3)
    assert only_agent("go() { wandb agent x; }").command.function == "go"


def test_options_are_told_by_their_long_names() -> None:
    agent = only_agent('wandb agent -p vision --count=3 -t "$T" -f x')
    assert agent.options == (
        ("--project", "vision"),
        ("--count", "3"),
        ("--term-timeout", None),
        ("--forward-signals", None),
    )


def test_the_versions_a_script_installs_are_told() -> None:
    launch = read_launch("pip install 'wandb[sweeps]==0.23.1' torch==2.0\nconda install wandb=0.16\nwandb agent x\n")
    assert [version for version, _ in launch.wandb_versions] == ["0.23.1", "0.16"]


def test_scripts_of_other_languages_are_not_read() -> None:
    assert read_launch("#!/usr/bin/env python3\n#SBATCH -n1\nwandb agent x\n").agents == ()
    assert len(read_launch("#!/bin/zsh\nwandb agent x\n").agents) == 1


@pytest.mark.parametrize(
    "text",
    [
        b"wandb agent x",
        b"WANDB=wandb\n$WANDB agent x",
        b"wandb\\\r\n agent x",
        b"python -m wandb agent x",
        b"/opt/bin/wandb 'agent' x",
        b"wb agent x",
    ],
)
def test_the_gate_lets_every_launch_through(text: bytes) -> None:
    assert bytes_pass(text)
    assert len(read_launch(text.decode()).agents) == 1


@pytest.mark.parametrize("text", [b"", b"python train.py\n", b"wandb login\n", b"ssh-agent bash\n", b"newb agent\n"])
def test_the_gate_stops_files_without_the_words(text: bytes) -> None:
    assert not bytes_pass(text)
