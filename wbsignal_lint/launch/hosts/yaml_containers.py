"""Containers in YAML: what the pods of Kubernetes and the services of compose start, and what stops them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import replace

import yaml

from wbsignal_lint.diagnostics import Span
from wbsignal_lint.launch.containers import Build, ContainerStart, GracePeriod, Stop, hands_over
from wbsignal_lint.launch.facts import Word
from wbsignal_lint.launch.hosts.parts import Argument
from wbsignal_lint.launch.hosts.yaml_environment import entries
from wbsignal_lint.launch.hosts.yaml_text import YamlFile
from wbsignal_lint.launch.mapped import MappedText

__all__ = ["Containers"]

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_META = frozenset(";&|<>()`#*?\n")
"""What a shell would do something about; whoever writes it into a text that no shell reads means something else."""
_ESCAPED_IN_QUOTES = frozenset('"\\$`')
_ONLY_SLEEPS = re.compile(r"(?:(?:/bin/)?(?:ba|da)?sh -c )?(?:/bin/)?sleep \d+")


class Containers:
    """The containers of a file, as they are come by."""

    def __init__(
        self, file: YamlFile, argument: Callable[[MappedText, yaml.ScalarNode, yaml.Node], Argument], text: str
    ) -> None:
        self.starts: list[ContainerStart] = []
        self.grace_periods: list[GracePeriod] = []
        self._file = file
        self._argument = argument
        self._text = text
        self._stops: dict[int, Stop] = {}
        """Of the containers of pods, which say together how they are stopped."""
        self._seen: set[tuple[Span, Stop, str]] = set()

    def note_pod(self, node: yaml.Node) -> None:
        """Note how the containers of a pod are stopped; other mappings are left alone."""
        values = _values(node)
        containers = values.get("containers")
        if not isinstance(containers, yaml.SequenceNode):
            return
        grace = self._grace("terminationGracePeriodSeconds", 30.0, values, node)
        for container in containers.value:
            lifecycle = _values(_values(container).get("lifecycle"))
            hook = lifecycle.get("preStop")
            self._stops[id(container)] = Stop(
                "deletion",
                _word(lifecycle.get("stopSignal")) or None,
                grace,
                has_default_grace="terminationGracePeriodSeconds" not in values,
                shares_processes=_word(values.get("shareProcessNamespace")) == "true",
                is_preceded=hook is not None and not _is_sleep(hook),
            )

    def note(self, node: yaml.Node, *, is_compose: bool) -> None:
        """Note what a container of a pod or a service of compose starts."""
        values = _values(node)
        if "image" not in values and "build" not in values:
            return
        stop = self._stops.get(id(node), Stop("", grace=None))
        build = None
        if is_compose:
            stop = Stop(
                "stop",
                _word(values.get("stop_signal")) or None,
                self._grace("stop_grace_period", 10.0, values, node),
                has_default_grace="stop_grace_period" not in values,
                has_init=_word(values.get("init")) == "true",
            )
            build = self._build(values.get("build"))
        nodes = {key: values[key] for key in ("entrypoint", "command", "args") if not _is_null(values.get(key))}
        if (is_compose and "args" in nodes) or (not is_compose and "entrypoint" in nodes):
            return
        words: list[Word] = []
        for one in nodes.values():
            found = self._words(one, is_compose=is_compose)
            if found is None:
                return
            words += found
        if not words and build is None:
            return
        is_command = ("entrypoint" if is_compose else "command") not in nodes
        image = _word(values.get("image"))
        span = self._span(node) if not nodes else self._around([*nodes.values()])
        if (span, stop, image) in self._seen:
            return  # an alias of what is known already
        self._seen.add((span, stop, image))
        unknown = is_command and build is None and not hands_over(image)
        self.starts.append(
            ContainerStart(
                tuple(words),
                span,
                image=image,
                unknown_entrypoint=image if unknown else None,
                build=build,
                is_command=is_command,
                stop=stop,
            )
        )

    def _grace(self, key: str, default: float, values: dict[str, yaml.Node], node: yaml.Node) -> float | None:
        given = values.get(key)
        if given is None:
            self.grace_periods.append(GracePeriod(key, self._span(node), default, None))
            return default
        text = self._file.scalar(given)
        seconds = None if text is None else _seconds(text.text)
        if seconds is not None:
            self.grace_periods.append(GracePeriod(key, self._span(node), seconds, self._span(given)))
        return seconds

    def _build(self, node: yaml.Node | None) -> Build | None:
        if node is None:
            return None
        values = _values(node)
        context = _word(values.get("context")) or _word(node) or "."
        if "dockerfile_inline" in values or "://" in context or context.startswith(("git@", "/")) or "$" in context:
            return None
        dockerfile = posixpath.normpath(posixpath.join(context, _word(values.get("dockerfile")) or "Dockerfile"))
        return Build(dockerfile, context, _word(values.get("target")), self._span(node))

    def _words(self, node: yaml.Node, *, is_compose: bool) -> list[Word] | None:
        """Return the arguments that a list or, in compose, a text gives; ``None``: that isn't known."""
        if isinstance(node, yaml.ScalarNode):
            text = self._file.scalar(node)
            pieces = None if text is None or not is_compose or self._file.is_template(node) else _split(text)
            if pieces is None:
                return None
            return [replace(self._argument(piece, node, node), slot=None).word() for piece in pieces]
        words = []
        for element in node.value if isinstance(node, yaml.SequenceNode) else ():
            text = self._file.scalar(element)
            if text is None or self._file.is_template(element):
                return None
            words.append(self._argument(text, element, node).word())
        return words

    def _span(self, node: yaml.Node) -> Span:
        return self._around([node])

    def _around(self, nodes: list[yaml.Node]) -> Span:
        """Return what nodes take up, without the end of the last line that a block list reaches over."""
        start, end = min(node.start_mark.index for node in nodes), max(node.end_mark.index for node in nodes)
        return Span(start, len(self._text[:end].rstrip()))


def _values(node: yaml.Node | None) -> dict[str, yaml.Node]:
    return {} if node is None else dict(entries(node))


def _word(node: yaml.Node | None) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""


def _is_null(node: yaml.Node | None) -> bool:
    is_plain = isinstance(node, yaml.ScalarNode) and node.style is None
    return node is None or (is_plain and node.value in ("", "~", "null"))


def _is_sleep(hook: yaml.Node) -> bool:
    """Whether a ``preStop`` hook does nothing but pass time."""
    values = _values(hook)
    command = _values(values.get("exec")).get("command")
    if command is None:
        return "sleep" in values
    words = [_word(element) for element in command.value] if isinstance(command, yaml.SequenceNode) else []
    return _ONLY_SLEEPS.fullmatch(" ".join(words)) is not None


def _split(text: MappedText) -> list[MappedText] | None:
    """Split a text as compose does: by blanks and quotes, without a shell; ``None`` where one seems to be expected."""
    words: list[list[MappedText]] = []
    is_open, quote, at = False, "", 0
    while at < len(text):
        char, step = text.text[at], 1
        kept = text[at : at + 1]
        if char == "\\" and quote != "'" and at + 1 < len(text):
            following = text.text[at + 1]
            if not quote or following in _ESCAPED_IN_QUOTES:
                kept, step = text[at + 1 : at + 2], 2
        elif char == quote or (not quote and char in "'\""):
            quote = "" if quote else char
            kept = text[:0]
        elif not quote and char.isspace() and char != "\n":
            is_open = False
            at += 1
            continue
        elif not quote and char in _META:
            return None
        if not is_open:
            words.append([])
            is_open = True
        words[-1].append(kept)
        at += step
    return None if quote else [MappedText.joined(pieces) for pieces in words]


def _seconds(text: str) -> float | None:
    """Return a duration: ``90``, or as compose writes it, ``1m30s``."""
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        return float(text)
    if not re.fullmatch(r"(?:\d+(?:\.\d+)?(?:h|ms|m|s))+", text):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall(r"([\d.]+)(h|ms|m|s)", text))
