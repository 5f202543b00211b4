"""Whatever the text: the reader comes back, and the fix adds the option and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wbsignal_lint.diagnostics import Diagnostic
from wbsignal_lint.launch.facts import Forwarding
from wbsignal_lint.launch.reader import read_launch
from wbsignal_lint.rules.agent_without_forward_signals import AgentWithoutForwardSignals

FLAG = " --forward-signals"

WORDS = """
wandb agent x $X ${X} "$@" ' " ` $( ) ( { } ; & | && || \\ # << <<- EOF <<'EOF' < > >> <<< ! [[ ]] = += é 🚀
if then else fi for in do done while case esac function f() bash -c eval srun env sudo tmux send-keys
A= A+=( A=( ${A[@]} $A -f --forward-signals --count -- cat > job.sh echo sbatch --wrap= ssh host xargs
"""

PIECES = st.sampled_from(
    [
        *WORDS.split(),
        "wandb agent x",
        "wandb agent",
        "\n",
        "\r\n",
        "\t",
        "\\\n",
        "\\\r\n",
        "\nEOF\n",
        "bash -c 'wandb agent x'",
        'C="wandb agent x"',
        "$C",
        'A=(wandb agent)\n"${A[@]}"',
        "cat > job.sh <<EOF\nwandb agent x\nEOF\n",
        "\0",
        "\x0c",
        "\u2028",
        "\udcff",
        "\ufeff",
    ]
)
SCRIPTS = st.lists(st.tuples(PIECES, st.sampled_from(["", " ", "\n"]))).map(
    lambda pieces: "".join(piece + gap for piece, gap in pieces)
)


def findings(text: str) -> list[Diagnostic]:
    return list(AgentWithoutForwardSignals().check(read_launch(text)))


def check(text: str) -> None:
    found = findings(text)
    edits = sorted({edit for one in found if one.fix for edit in one.fix.edits}, key=lambda edit: edit.span)
    fixed = text
    for edit in reversed(edits):
        assert edit.content == FLAG
        assert edit.span.start == edit.span.end
        fixed = fixed[: edit.span.start] + edit.content + fixed[edit.span.end :]
    for one in found:
        assert 0 <= one.span.start < one.span.end <= len(text)
        assert one.scope is not None
    assert [one for one in findings(fixed) if one.fix is not None] == []
    assert fixed.replace(FLAG, "") == text.replace(FLAG, "")


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    read_launch(text)


@given(SCRIPTS)
@settings(deadline=None)
def test_any_script_is_read_and_mended(text: str) -> None:
    check(text)


@pytest.mark.hunt
@given(st.lists(PIECES, min_size=5, max_size=60).map(" ".join))
@settings(deadline=None, max_examples=20_000)
def test_long_scripts_are_read_and_mended(text: str) -> None:
    check(text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 20_000,
        "$(" * 1_000 + "wandb agent x" + ")" * 1_000,
        "{ " * 5_000 + "wandb agent x;" + " }" * 5_000,
        "if a; then " * 2_000 + "wandb agent x;" + " fi;" * 2_000,
        "a | " * 3_000 + "wandb agent x",
        "a && " * 3_000 + "wandb agent x",
        "bash -c " * 3_000 + "wandb agent x",
        "eval " * 2_000 + "wandb agent x",
        'A="$A$A$A$A x"\n' * 200 + "wandb agent $A\n",
        "A=xxxxxxxxxx\n" + 'A="$A$A"\n' * 60 + "wandb agent $A\n",
        "A=$B\nB=$A\nf() { wandb agent $A; }\n" * 50,
        "".join(f"if a; then V{i}=1; else V{i}=-x; fi\n" for i in range(40)) + "wandb agent $V1$V2$V3$V4$V5$V6$V7$V8\n",
        "`" * 5_000 + "wandb agent x",
        "${" * 5_000 + "wandb agent x",
        "<<E " * 3_000 + "\nwandb agent x\nE\n",
        'A= \n"${A[@]}" wandb A=(wandb agent)\n"${A[@]}"',
    ],
    ids=lambda text: text[:12],
)
def test_scripts_that_nobody_writes_come_back_too(text: str) -> None:
    read_launch(text)


def test_more_ways_than_can_be_tried_are_unknown() -> None:
    branches = "".join(f"if a; then V{i}=x; else V{i}=-f; fi\n" for i in range(8))
    launch = read_launch(branches + "wandb agent " + " ".join(f"$V{i}" for i in range(8)))
    assert [agent.forwarding for agent in launch.agents] == [Forwarding.UNKNOWN]
