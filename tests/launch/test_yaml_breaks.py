"""YAML has more line breaks than most: fixes and places in files that have them, with PyYAML as the judge."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from wbsignal_lint.fixing import fix_text
from wbsignal_lint.launch.hosts.yaml_text import YamlFile
from wbsignal_lint.linter import LintOptions
from wbsignal_lint.sources.kinds import Kind

BREAKS = ("\n", "\r\n", "\r", "\x85", "\u2028", "\u2029")


def mended(text: str) -> str:
    """Return what the fixes make of a YAML file, which they bring to an end."""
    report = fix_text(text, Kind.YAML, "pod.yaml", LintOptions())
    assert not report.problems
    assert report.fixed == {"WBS401": 1}
    return report.text


@pytest.mark.parametrize("line_break", BREAKS)
@pytest.mark.parametrize(
    "text",
    [
        "command:\n- wandb\n- agent\n- team/project/id\n",
        "command:\n  - 'wandb'\n  - \"agent\"  # the sweep's\n  - team/project/id\n",
        "command: [wandb, agent,\n  team/project/id]\nimage: trainer\n",
        "image: trainer\ncommand:\n- wandb\n- agent\n",
    ],
)
def test_an_element_is_added_whatever_ends_the_lines(text: str, line_break: str) -> None:
    before = text.replace("\n", line_break)
    command = list(yaml.safe_load(before)["command"])

    after = yaml.safe_load(mended(before))

    command.insert(command.index("agent") + 1, "--forward-signals")
    assert after == {**yaml.safe_load(before), "command": command}


@pytest.mark.parametrize("line_break", BREAKS[2:])
def test_an_element_whose_line_ends_in_a_rare_break_is_mended_once(line_break: str) -> None:
    after = mended(f"command:\n- wandb\n- agent{line_break}- id\nimage: trainer\n")

    assert yaml.safe_load(after)["command"] == ["wandb", "agent", "--forward-signals", "id"]


def test_a_form_feed_is_no_line_break() -> None:
    # PyYAML refuses it; it is read as any other character that YAML does not print.
    assert "\f" in mended("command:\n- wandb\n- agent\n- a\fb\nimage: trainer\n")


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from([*BREAKS, "a", "b c", " ", "  ", "\\", "'"]), max_size=8).map("".join),
    st.sampled_from(["key: {}\n", "key: '{}'\n", 'key: "{}"\n', "key: |\n  {}\n", "key: >-\n  x\n  {}\n"]),
)
def test_a_scalar_is_read_as_pyyaml_reads_it_or_not_at_all(content: str, form: str) -> None:
    text = form.format(content)
    for root in YamlFile(text).documents():
        for _, node in root.value if isinstance(root, yaml.MappingNode) else ():
            mapped = YamlFile(text).scalar(node)
            if mapped is not None:
                assert mapped.text == node.value
                assert all(
                    0 <= start <= end <= len(text) for start, end in zip(mapped.starts, mapped.ends, strict=True)
                )


@pytest.mark.parametrize("line_break", BREAKS)
@pytest.mark.parametrize(
    "text",
    [
        "key: a\n  b\n\n  c\n",
        "key: 'a\n  b'\n",
        'key: "a\n  b\\\n  c"\n',
        "key: |\n  a\n  b\n",
        "key: >\n  a\n  b\n\n  c\n",
    ],
)
def test_folded_and_literal_text_is_not_missed(text: str, line_break: str) -> None:
    file = YamlFile(text.replace("\n", line_break))
    (root,) = file.documents()
    assert isinstance(root, yaml.MappingNode)
    (_, node) = root.value[0]
    mapped = file.scalar(node)
    assert mapped is not None
    assert mapped.text == node.value
