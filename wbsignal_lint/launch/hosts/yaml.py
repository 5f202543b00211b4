"""YAML: Kubernetes, Argo, compose, GitHub Actions, GitLab CI, SkyPilot and whatever else starts commands by it.

What launches is told by keys, which mean the same in nearly all of them: under ``run`` and ``script`` stands shell,
``command`` and ``args`` together are the arguments of a process. Descriptions, names and data are never read as shell.
"""

from __future__ import annotations

import re

import yaml

from wbsignal_lint.diagnostics import Span
from wbsignal_lint.launch.containers import SweepCommand
from wbsignal_lint.launch.facts import OptionSlot, Word
from wbsignal_lint.launch.hosts.parts import Argument, Arguments, Hosted, ShellPart, substituted
from wbsignal_lint.launch.hosts.yaml_containers import Containers
from wbsignal_lint.launch.hosts.yaml_environment import entries, environment_of
from wbsignal_lint.launch.hosts.yaml_text import BLANKS, BREAK, YamlFile
from wbsignal_lint.launch.mapped import MappedText
from wbsignal_lint.launch.recording import Recording, Variables, recording_under, told_in

__all__ = ["read_yaml"]

_LINE_KEYS = frozenset(
    {
        *("run", "script", "before_script", "after_script", "commands", "cmds", "bash", "sh", "shell", "runcmd"),
        *("setup", "setup_commands", "run_commands", "worker_setup_commands", "initialization_commands"),
    }
)
"""Keys whose value, if it is a list, holds lines of shell that one shell reads; if it is a text, that is shell, too."""
_SHELL_KEYS = _LINE_KEYS | {
    *("cmd", "command", "entrypoint", "command_line", "inlineScript", "exec", "post_setup"),
    *("start_script", "startup_script", "onstart", "userdata", "user_data"),
}
"""Keys whose value, if it is a text, is read by a shell."""
_ARGUMENT_KEYS = ("entrypoint", "command", "cmd", "args")
"""Keys whose values, if they are lists, are the arguments of one process, in this order."""
_SHELLS = re.compile(r"(?:.*/)?(?:ba|da|z|k|a)?sh(?:\s.*)?", re.DOTALL)
_PODS_VARIABLE = re.compile(r"\$\(([A-Za-z_][\w.-]*)\)", re.ASCII)
_COMPOSE = re.compile(r"\$\$|\$\{?([A-Za-z_]\w*)[^}\s]*\}|\$([A-Za-z_]\w*)", re.ASCII)


def read_yaml(text: str) -> Hosted:
    """Find what a YAML file launches; of a file that is no YAML, what stands before the trouble."""
    return _Reading(text).read()


class _Reading:
    def __init__(self, text: str) -> None:
        self.text = text
        self.file = YamlFile(text)
        self.parts: list[ShellPart | Arguments] = []
        self.sweeps: list[SweepCommand] = []
        self.containers = Containers(self.file, self._argument, text)
        self.is_compose = False
        self.variables: Variables = {}
        """What the part of the file that is being read finds in its environment."""

    def read(self) -> Hosted:
        seen: set[int] = set()
        for root in self.file.documents():
            services = _values(root).get("services")
            self.is_compose = isinstance(services, yaml.MappingNode)
            pending: list[tuple[yaml.Node, Variables]] = [(root, {})]
            while pending:
                node, self.variables = pending.pop()
                if id(node) in seen:
                    continue
                seen.add(id(node))
                if isinstance(node, yaml.MappingNode):
                    self.variables = {**self.variables, **environment_of(node)}
                    merged = dict(entries(node))  # a sweep may take its parameters or its command from another one
                    self._mapping(merged if _is_sweep(merged) else _values(node))
                    self.containers.note_pod(node)
                    if recording_under(self.variables) is not Recording.NOTHING:
                        self.containers.note(node, is_compose=self.is_compose)
                    pending.extend((value, self.variables) for _, value in reversed(node.value))
                elif isinstance(node, yaml.SequenceNode):
                    pending.extend((value, self.variables) for value in reversed(node.value))
        return Hosted(
            tuple(self.parts),
            self.file.is_whole,
            sweeps=tuple(self.sweeps),
            container_starts=tuple(self.containers.starts),
            grace_periods=tuple(self.containers.grace_periods),
        )

    def _mapping(self, values: dict[str, yaml.Node]) -> None:
        if _is_sweep(values):
            self._sweep(values.get("command"), values.get("program"))
            return
        interpreter = _word(values.get("shell"))
        if interpreter and not _SHELLS.fullmatch(interpreter) and "run" in values:
            return  # a step of GitHub Actions in Python, PowerShell …
        lines: list[MappedText] = []
        for key, node in values.items():
            if key == "source" and ("image" in values or "command" in values):
                if self._is_shell(values.get("command")):
                    self._shell(node)
            elif isinstance(node, yaml.ScalarNode) and key in _SHELL_KEYS:
                if key in ("before_script", "script"):
                    lines.extend(self._texts([node]))
                else:
                    self._shell(node)
            elif isinstance(node, yaml.SequenceNode) and key in _LINE_KEYS:
                texts = self._texts(node.value)
                if key in ("before_script", "script"):
                    lines.extend(texts)  # one shell reads both
                else:
                    self._script(texts)
        self._script(lines)
        self._arguments(values)

    def _sweep(self, command: yaml.Node | None, program: yaml.Node | None) -> None:
        words = []
        if command is not None and not isinstance(command, yaml.SequenceNode):
            return
        for element in () if command is None else command.value:
            text = self.file.scalar(element)
            if text is None or command is None or self.file.is_template(element):
                return
            words.append(Word(text.text, text.span, text, slot=self._slot(element, command)))
        if recording_under(told_in(" ".join(word.pattern for word in words))) is Recording.NOTHING:
            return
        name = None if program is None else self.file.scalar(program)
        named = None if name is None else Word(name.text, name.span, name)
        span = Span(0, 0) if command is None else self._span(command)
        known = {(one.span, one.program and one.program.pattern) for one in self.sweeps}
        if command is None or (span, named and named.pattern) not in known:  # an alias, else
            self.sweeps.append(SweepCommand(tuple(words), span, program=named))

    def _span(self, node: yaml.Node) -> Span:
        return Span(node.start_mark.index, self._end(node.end_mark.index))

    def _is_shell(self, command: yaml.Node | None) -> bool:
        first = command.value[0] if isinstance(command, yaml.SequenceNode) and command.value else command
        return first is None or _SHELLS.fullmatch(_word(first)) is not None

    def _shell(self, node: yaml.Node) -> None:
        self._script(self._texts([node]))

    def _texts(self, nodes: list[yaml.Node]) -> list[MappedText]:
        found: list[MappedText] = []
        for node in nodes:
            if isinstance(node, yaml.SequenceNode):
                found.extend(self._texts(node.value))
            else:
                text = self.file.scalar(node)
                if text is not None:
                    found.append(self._as_host_gives(text))
        return found

    def _script(self, lines: list[MappedText]) -> None:
        if lines:
            pieces = [piece for line in lines for piece in (MappedText.nowhere("\n"), line)][1:]
            self.parts.append(ShellPart(MappedText.joined(pieces), self.variables))

    def _as_host_gives(self, text: MappedText) -> MappedText:
        """Replace what compose fills in; ``$$`` is the dollar sign that the shell gets."""
        if not self.is_compose:
            return text
        return substituted(text, _COMPOSE, lambda match: "$" if match[0] == "$$" else None)

    def _arguments(self, values: dict[str, yaml.Node]) -> None:
        nodes = [values[key] for key in _ARGUMENT_KEYS if isinstance(values.get(key), yaml.SequenceNode)]
        if any(isinstance(values.get(key), yaml.ScalarNode) for key in ("entrypoint", "command")):
            nodes = [node for node in nodes if node is values.get("command")]  # `args` belongs to a text
        arguments: list[Argument] = []
        for node in nodes:
            for element in node.value:
                text = self.file.scalar(element)
                if text is None:
                    return
                arguments.append(self._argument(text, element, node))
        if arguments:
            span = Span(nodes[0].start_mark.index, max(node.end_mark.index for node in nodes))
            self.parts.append(Arguments(tuple(arguments), Span(span.start, self._end(span.end)), self.variables))

    def _end(self, offset: int) -> int:
        """Return the end of the last line that a block list, which reaches to the next key, has text on."""
        return len(self.text[:offset].rstrip(BLANKS))

    def _argument(self, text: MappedText, element: yaml.ScalarNode, node: yaml.Node) -> Argument:
        if self.is_compose:
            text = substituted(
                text, _COMPOSE, lambda match: "$" if match[0] == "$$" else f"${{{match[1] or match[2]}}}"
            )
        else:
            text = substituted(text, _PODS_VARIABLE, lambda match: f"${{{re.sub('[.-]', '_', match[1])}}}")
        return Argument(text, self._slot(element, node), self.file.is_template(element))

    def _slot(self, element: yaml.ScalarNode, node: yaml.Node) -> OptionSlot | None:
        if not node.start_mark.index <= element.start_mark.index < node.end_mark.index:
            return None  # an alias: behind its anchor is another place
        quote = element.style if element.style in ("'", '"') else ""
        end = element.end_mark.index
        if isinstance(node, yaml.SequenceNode) and node.flow_style:
            end = len(self.text[:end].rstrip(BLANKS))
            return OptionSlot(end, f", {quote}", quote)
        if element.style in ("|", ">"):
            return None
        start = element.start_mark.index
        before = self.text[start - element.start_mark.column : start]
        following = BREAK.search(self.text, len(self.text[:end].rstrip(BLANKS)))
        line_end = len(self.text) if following is None else following.start()
        newline = "\r\n" if following is not None and following[0] == "\r\n" else "\n"
        if before.strip(" \t-") or "-" not in before:
            return None
        # `- - a` would begin a list of its own.
        return OptionSlot(line_end, f"{newline}{' ' * before.rindex('-')}- {quote}", quote)


def _values(node: yaml.Node) -> dict[str, yaml.Node]:
    """Return a mapping's values by their keys; the first of two with one key."""
    found: dict[str, yaml.Node] = {}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                found.setdefault(key.value, value)
    return found


def _word(node: yaml.Node | None) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""


def _is_sweep(values: dict[str, yaml.Node]) -> bool:
    """Whether a mapping is the configuration of a W&B sweep."""
    return "parameters" in values and "method" in values
