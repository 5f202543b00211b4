"""What a part of a YAML file puts into the environment of what it starts, as far as the wandb client asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from wbsignal_lint.launch.recording import MODE_VARIABLES, Variables, told_in

__all__ = ["entries", "environment_of"]

_KEYS = ("variables", "env", "envs", "environment", "env_vars")
"""GitLab; GitHub, Kubernetes and most others; SkyPilot; compose; Ray."""
_MAX_MERGES = 8


def environment_of(mapping: yaml.Node) -> Variables:
    """Return what a mapping sets for all that stands in it."""
    found: dict[str, str] = {}
    for key, node in entries(mapping):
        if key in _KEYS:
            found.update(_set_in(node))
        elif key == "runtime_env":
            found.update(environment_of(node))
    return found


def _set_in(node: yaml.Node) -> Iterator[tuple[str, str]]:
    """Read a mapping, a list of ``name=value``, or one of mappings with ``name`` and ``value``."""
    if isinstance(node, yaml.MappingNode):
        for name, value in entries(node):
            if name in MODE_VARIABLES:
                yield name, _text(value) or _text(dict(entries(value)).get("value"))
    elif isinstance(node, yaml.SequenceNode):
        for element in node.value:
            yield from told_in(_text(element)).items()
            named = dict(entries(element))
            name = _text(named.get("name"))
            if name in MODE_VARIABLES:
                yield name, _text(named.get("value"))


def entries(node: yaml.Node, depth: int = 0) -> Iterator[tuple[str, yaml.Node]]:
    """Yield what a mapping holds, behind what it takes over by ``<<``."""
    if not isinstance(node, yaml.MappingNode) or depth > _MAX_MERGES:
        return
    for key, value in node.value:
        if isinstance(key, yaml.ScalarNode) and key.value == "<<":
            for merged in value.value if isinstance(value, yaml.SequenceNode) else (value,):
                yield from entries(merged, depth + 1)
    for key, value in node.value:
        if isinstance(key, yaml.ScalarNode) and key.value != "<<":
            yield key.value, value


def _text(node: yaml.Node | None) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""
