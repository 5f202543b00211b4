"""What a Python file launches: its commands, and the job files that it writes and has run."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Sequence

from wbsignal_lint.diagnostics import Span
from wbsignal_lint.launch.documents import is_job_script, shebang_is_shell
from wbsignal_lint.launch.facts import OptionSlot
from wbsignal_lint.launch.hosts.parts import Argument, Arguments, Hosted, ShellPart
from wbsignal_lint.launch.mapped import MappedText
from wbsignal_lint.launch.python.combining import merged_lists, split_words
from wbsignal_lint.launch.python.interpreter import Interpreter
from wbsignal_lint.launch.python.launchers import Launcher, Reads
from wbsignal_lint.launch.python.literals import Source
from wbsignal_lint.launch.python.values import (
    UNKNOWN,
    Const,
    Element,
    File,
    Hole,
    Items,
    Table,
    Text,
    Value,
    alternatives,
)
from wbsignal_lint.launch.recording import MODE_VARIABLES, Variables
from wbsignal_lint.launch.running import is_script_name
from wbsignal_lint.launch.wrappers import SCRIPT_READERS

__all__ = ["Launching"]

_RUNS_FILES = SCRIPT_READERS | {"chmod"}


class Launching(Interpreter):
    """Collects what is launched."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.parts: list[ShellPart | Arguments] = []
        self._variables: Variables = {}
        """What is in the environment of what is launched."""
        self.slots: dict[int, OptionSlot] = {}
        """Where elements of lists, which may be joined to a text, take a further one, by the offset they end at."""
        self._files: list[File] = []
        self._run: set[str] = set()
        """The files that are run, submitted or made executable."""

    def hosted(self) -> Hosted:
        """Return all that the file launches, job files it writes included."""
        documents: list[ShellPart | Arguments] = []
        for file in self._files:
            content = Text.of(file.pieces)
            if content.parts and self._is_run(file, content.value):
                documents.append(ShellPart(content.mapped))
        return Hosted((*self.parts, *documents))

    def _is_run(self, file: File, content: str) -> bool:
        if shebang_is_shell(content) is False:
            return False
        path = file.path.value
        return is_job_script(content) or is_script_name(path) or (bool(path) and path.removeprefix("./") in self._run)

    # Files

    def opened(self, path: str, node: ast.Call, arguments: list[Element], keywords: dict[str, Value]) -> Value:
        if path.startswith("tempfile."):
            suffix = keywords.get("suffix")
            parts: tuple[MappedText | Hole, ...] = (Hole(f"file_{len(self._files)}", self.source.span(node)),)
            return self.file_at(Text((*parts, *(suffix.parts if isinstance(suffix, Text) else ()))), node)
        mode = keywords.get("mode") if len(arguments) < 2 else arguments[1].value
        if not isinstance(mode, Text) or mode.value[:1] not in ("w", "a", "x"):
            return UNKNOWN
        return self.file_at(arguments[0].text if arguments else Text(()), node)

    def file_at(self, path: Text, node: ast.Call) -> File:
        """Return the file at a path: the same for everything that is written to it under one name."""
        name = path.value
        known = next((file for file in self._files if name and file.path.value == name), None)
        if known is not None and known.span == self.source.span(node):
            return known
        file = File(path, self.source.span(node))
        self._files.append(file)
        return file

    def of_file(self, file: File, name: str, arguments: list[Element], node: ast.Call) -> Value:
        first = arguments[0] if arguments else None
        if name == "write" and first is not None:
            self.write(file, first.value, first.hole or self.hole(node))
        elif name == "writelines" and first is not None:
            for lines in alternatives(first.value):
                for element in lines.elements if isinstance(lines, Items) else ():
                    self.write(file, element.value, element.hole or self.hole(node))
        return UNKNOWN

    def write(self, file: File, value: Value | None, hole: Hole) -> None:
        if isinstance(value, Items):  # "\n".join(…) of what is not known
            value = UNKNOWN
        texts = [one for one in alternatives(value or UNKNOWN) if isinstance(one, Text)]
        if not texts:
            file.pieces.append(hole)
        for index, text in enumerate(texts):
            if index:
                file.pieces.append(MappedText.nowhere("\n"))
            file.pieces.extend(text.parts)

    def printed(self, arguments: list[Element], keywords: dict[str, Value], node: ast.Call) -> None:
        """``print(…, file=job)``."""
        file = keywords.get("file")
        if not isinstance(file, File):
            return
        for index, argument in enumerate(arguments):
            if index:
                file.pieces.append(MappedText.nowhere(" "))
            self.write(file, argument.value, argument.hole or self.hole(node))
        file.pieces.append(MappedText.nowhere("\n"))

    def keep_slot(self, element: Element) -> None:
        """Keep where a list takes a further element: what it is joined to may be a text."""
        text = element.value
        if element.slot is None or element.is_named or not isinstance(text, Text) or not text.parts:
            return
        last = text.parts[-1]
        if isinstance(last, MappedText) and last.insertion_point is not None and not any(map(str.isspace, text.value)):
            self.slots[last.insertion_point] = element.slot

    # Commands

    def launch(self, launcher: Launcher, node: ast.Call, arguments: list[Element], keywords: dict[str, Value]) -> None:
        """Note what a launching call runs, in every way its command can turn out."""
        span = self.source.span(node)
        self._variables = self.environment_of(keywords)
        reads, position = launcher.reads, launcher.position
        if launcher.tail:
            arguments = arguments[: -launcher.tail]
        if reads is Reads.PROGRAM:
            self._note([Element(Text((self._whole(node.func, "wandb"),))), *arguments], span, keywords)
            return
        if reads is Reads.ARGUMENTS:
            self._note(arguments, span, keywords)
            return
        command = arguments[position] if position < len(arguments) else None
        value = keywords.get(launcher.keyword, UNKNOWN) if command is None else command.value
        if reads is Reads.PATH_AND_ARGUMENTS:
            if command is not None:
                self._note([command, *arguments[position + 2 :]], span, keywords)
            return
        if reads is Reads.PATH_AND_LIST:
            given = arguments[position + 1].value if position + 1 < len(arguments) else UNKNOWN
            for one in merged_lists(alternatives(given)):
                if isinstance(one, Items) and command is not None:
                    self._note([command, *one.elements[1:]], span, keywords)
            return
        shell = keywords.get("shell")
        in_shell = launcher.shell or (isinstance(shell, Const) and bool(shell.value))
        may_be_shell = shell is not None and not isinstance(shell, Const)
        for one in merged_lists(alternatives(value)):
            if isinstance(one, Items):
                if reads is Reads.SHELL or (in_shell and not launcher.shell):
                    # The first element is the script, the others are its parameters.
                    self._note_shell(one.elements[0].value if one.elements else UNKNOWN)
                else:
                    self._note(list(one.elements), span, keywords)
            elif isinstance(one, Text):
                if reads is Reads.WORDS:
                    more = arguments[position + 1].value if position + 1 < len(arguments) else Items()
                    rest = more.elements if isinstance(more, Items) else (Element(UNKNOWN, is_list=True),)
                    self._note([*split_words(one, quotes=True).elements, *rest], span, keywords)
                elif reads is Reads.SHELL or in_shell or may_be_shell:
                    self._note_shell(one)
                elif reads is Reads.EITHER:
                    self._note([Element(one)], span, keywords)

    def environment_of(self, keywords: dict[str, Value]) -> Variables:
        """Return what a launching call puts into the environment, as far as the wandb client asks for it."""
        given = keywords.get("env")
        entries = {**self.own_environment.entries, **(given.entries if isinstance(given, Table) else {})}
        values = ((name, entries.get(name)) for name in MODE_VARIABLES)
        return {name: value.value for name, value in values if isinstance(value, Text)}

    def _whole(self, node: ast.expr, text: str) -> MappedText:
        span = self.source.span(node)
        return MappedText(text, [span.start] * len(text), [span.end] * len(text))

    def _note_shell(self, value: Value) -> None:
        for one in alternatives(value):
            if isinstance(one, Text) and one.parts:
                self._note_run([word.text.value for word in split_words(one, quotes=True).elements])
                self.parts.append(ShellPart(one.mapped, self._variables))

    def _note_run(self, words: Sequence[str]) -> None:
        """Note which of the words of a command can name a file that it runs."""
        runs_files = any(word.rpartition("/")[2] in _RUNS_FILES for word in words)
        found = words if runs_files else [word for word in words if word is words[0] or word.startswith("./")]
        self._run.update(word.removeprefix("./") for word in found)

    def _note(self, elements: Sequence[Element], span: Span, keywords: dict[str, Value]) -> None:
        """Note a command as a list, and what it reads on its standard input if it runs that."""
        texts = [element.text for element in elements]
        for element in elements:
            self.keep_slot(element)
        self._note_run([text.value for text in texts])
        arguments = tuple(
            Argument(text.mapped, element.slot, element.is_list)
            if not element.is_list
            else Argument(Hole("more", span).text, None, True)
            for element, text in zip(elements, texts, strict=True)
        )
        if not arguments:
            return
        self.parts.append(Arguments(arguments, _place_of(arguments, span), self._variables))
        given = keywords.get("input")
        program = texts[0].value.rpartition("/")[2]
        if given is not None and program in SCRIPT_READERS:
            self._note_shell(given)


def _place_of(arguments: Sequence[Argument], call: Span) -> Span:
    """Return where a command stands: the call that runs it, or the list from elsewhere that has its first words."""
    for one, other in itertools.pairwise(arguments):
        start, end = one.text.span.start, other.text.span.end
        if other.text.text == "agent" and start < end and not call.start <= start < call.end:
            return Span(start, end)
    return call
