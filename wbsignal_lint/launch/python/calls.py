"""Calls of launching Python: what methods of texts, lists and files do, and what is launched on the way."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from wbsignal_lint.diagnostics import Span
from wbsignal_lint.launch.documents import is_job_script, shebang_is_shell
from wbsignal_lint.launch.facts import OptionSlot
from wbsignal_lint.launch.hosts.parts import Argument, Arguments, Hosted, ShellPart
from wbsignal_lint.launch.mapped import MappedText
from wbsignal_lint.launch.python.expressions import each_of
from wbsignal_lint.launch.python.interpreter import Interpreter
from wbsignal_lint.launch.python.launchers import Launcher, Reads, launcher_of
from wbsignal_lint.launch.python.literals import Source
from wbsignal_lint.launch.python.texts import dedented, formatted, joined, replaced, stripped
from wbsignal_lint.launch.python.values import (
    UNKNOWN,
    Const,
    Element,
    File,
    Function,
    Hole,
    Instance,
    Items,
    Method,
    Named,
    OneOf,
    Table,
    Text,
    Value,
    alternatives,
    combined,
    concatenated,
    merged_lists,
    split_words,
)
from wbsignal_lint.launch.running import is_script_name
from wbsignal_lint.launch.wrappers import SCRIPT_READERS

__all__ = ["Calls"]


def _names(names: str) -> frozenset[str]:
    return frozenset(names.split())


_SAME = _names(
    "os.path.expanduser os.path.expandvars os.path.abspath os.path.realpath os.path.normpath os.fspath str repr "
    "pathlib.Path pathlib.PosixPath pathlib.PurePath Path shutil.which shlex.quote pipes.quote list tuple sorted "
    "string.Template os.fsencode reversed iter"
)
"""Functions whose result is their first argument, as far as a command is concerned."""
_SAME_METHODS = _names(
    "encode decode as_posix resolve absolute expanduser lower casefold substitute safe_substitute copy __str__ "
    "expandtabs"
)
_EACH = _names("map imap imap_unordered starmap map_async starmap_async")
_SUBMITTED = _names(
    "submit apply apply_async run_in_executor to_thread call_later call_soon run_sync run_sync_in_worker_thread "
    "Process Thread Timer delayed add_job spawn start_soon create_task partial register"
)
"""Calls that run a function they are given, by their last names."""
_FILES = frozenset(
    {"open", "io.open", "codecs.open", "tempfile.NamedTemporaryFile", "tempfile.TemporaryFile", "os.fdopen"}
)
_RUNS_FILES = SCRIPT_READERS | {"chmod"}


class Calls(Interpreter):
    """Evaluates calls, and collects what is launched."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.parts: list[ShellPart | Arguments] = []
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

    # Calls

    def call(self, node: ast.Call) -> Value:
        """Evaluate a call: its function, its arguments, and what it launches."""
        functions = alternatives(self.value(node.func))
        arguments = list(self.elements(node.args, closing=")"))
        keywords = {keyword.arg: self.value(keyword.value) for keyword in node.keywords if keyword.arg is not None}
        for keyword in node.keywords:
            if keyword.arg is None:
                self.value(keyword.value)
        return combined([self._call(function, node, arguments, keywords) for function in functions])

    def _call(self, function: Value, node: ast.Call, arguments: list[Element], keywords: dict[str, Value]) -> Value:
        if isinstance(function, Function):
            return self.enter(function, [UNKNOWN if one.is_list else one.value for one in arguments], dict(keywords))
        if isinstance(function, Instance):
            init = function.attributes.get("__init__")
            if isinstance(init, Function):
                bound = Function(init.node, init.scopes, (function,), init.owner)
                self.enter(bound, [UNKNOWN if one.is_list else one.value for one in arguments], dict(keywords))
            return function
        if isinstance(function, Method):
            return self._method(function, node, arguments, keywords)
        self._handed_over(node, arguments, keywords)
        if isinstance(function, Named):
            return self._named(function.path, node, arguments, keywords)
        return UNKNOWN

    def _named(self, path: str, node: ast.Call, arguments: list[Element], keywords: dict[str, Value]) -> Value:
        first = arguments[0] if arguments else None
        launcher = launcher_of(path)
        if launcher is not None:
            self.launch(launcher, node, arguments, keywords)
            return Named(f"{path}()")
        if path in _FILES:
            return self._opened(path, node, arguments, keywords)
        if path == "print":
            self._printed(arguments, keywords, node)
        elif path == "sh.Command" and first is not None and first.text.value.rpartition("/")[2] == "wandb":
            return Named("sh.Command()")
        elif path == "shlex.split" and first is not None:
            return combined(
                [split_words(one, quotes=True) for one in alternatives(first.value) if isinstance(one, Text)]
            )
        elif path in ("shlex.join", "subprocess.list2cmdline") and first is not None:
            return self._joined(Text((MappedText.nowhere(" "),)), first.value, node)
        elif path in ("textwrap.dedent", "inspect.cleandoc") and first is not None:
            return combined([dedented(one) if isinstance(one, Text) else one for one in alternatives(first.value)])
        elif path == "os.path.join" and arguments:
            return self._path_of(arguments, node)
        elif path == "os.chmod" and first is not None:
            self._run.add(first.text.value.removeprefix("./"))
        elif path in _SAME and first is not None and not first.is_list:
            return first.value
        elif path == "dict":
            return Table(keywords)
        elif (path == "functools.partial" and first is not None) or path in (
            "enumerate",
            "tqdm",
            "tqdm.tqdm",
            "zip",
            "range",
        ):
            return UNKNOWN
        return Named(f"{path}()")

    def _path_of(self, arguments: Sequence[Element], node: ast.Call) -> Value:
        values: list[Value] = []
        for argument in arguments:
            if values:
                values.append(Text((MappedText.nowhere("/"),)))
            values.append(argument.value)
        return concatenated(values, [self.hole(node)] * len(values))

    # Methods of texts, lists and files

    def _method(self, method: Method, node: ast.Call, arguments: list[Element], keywords: dict[str, Value]) -> Value:
        base, name = method.base, method.name
        if isinstance(base, Text):
            return self._of_text(base, name, node, arguments, keywords)
        if isinstance(base, Items):
            return self._of_list(base, method, arguments)
        if isinstance(base, File):
            return self._of_file(base, name, arguments, node)
        if isinstance(base, Table):
            key = arguments[0].text.value if arguments else ""
            if name in ("get", "pop") and key in base.entries:
                return base.entries[key]
            if name == "values":
                return Items(tuple(Element(value) for value in base.entries.values()))
            if name == "items":
                return Items(
                    tuple(
                        Element(Items((Element(Text((MappedText.nowhere(entry),))), Element(value))))
                        for entry, value in base.entries.items()
                    )
                )
        return UNKNOWN

    def _of_text(
        self, text: Text, name: str, node: ast.Call, arguments: list[Element], keywords: dict[str, Value]
    ) -> Value:
        unknown = self.hole(node)
        first = arguments[0] if arguments else None
        if name == "format":
            named = {
                keyword.arg: (keywords[keyword.arg], self.hole(keyword.value))
                for keyword in node.keywords
                if keyword.arg is not None
            }
            holes = [argument.hole or unknown for argument in arguments]
            return formatted(
                text, [(one.value, hole) for one, hole in zip(arguments, holes, strict=True)], named, unknown
            )
        if name == "join" and first is not None:
            return self._joined(text, first.value, node)
        if name == "split" and first is None:
            return split_words(text, quotes=False)
        if name == "split" and first is not None and first.text.value == " ":
            return split_words(text, quotes=False)
        if name == "splitlines":
            return Items((Element(text),))
        if name in ("strip", "lstrip", "rstrip"):
            characters = None if first is None else first.text.value
            return stripped(text, characters, left=name != "rstrip", right=name != "lstrip")
        if name == "replace" and len(arguments) > 1 and arguments[0].text.is_known:
            return replaced(text, arguments[0].text.value, (arguments[1].value, arguments[1].hole or unknown))
        if name == "write_text" and (first is not None or "data" in keywords):
            file = self._file(text, node)
            self._write(file, keywords.get("data") if first is None else first.value, unknown)
            return UNKNOWN
        if name == "open":
            mode = first.text.value if first is not None else ""
            return self._file(text, node) if mode[:1] in ("w", "a", "x") else UNKNOWN
        if name == "chmod":
            self._run.add(text.value.removeprefix("./"))
        if name == "joinpath":
            return self._path_of([Element(text), *arguments], node)
        return text if name in _SAME_METHODS else UNKNOWN

    def _joined(self, separator: Text, value: Value, node: ast.Call) -> Value:
        results: list[Value] = []
        for one in alternatives(value):
            if isinstance(one, Items):
                for element in one.elements:
                    self._keep_slot(element)
                results.append(joined(separator, one, self.hole(node)))
            else:
                hole = self.hole(node)  # any number of words
                results.append(one if isinstance(one, Text) else Text((Hole(f"{hole.name}_args", hole.span),)))
        return combined(results)

    def _keep_slot(self, element: Element) -> None:
        """Keep where a list takes a further element: what it is joined to may be a text."""
        text = element.value
        if element.slot is None or element.is_named or not isinstance(text, Text) or not text.parts:
            return
        last = text.parts[-1]
        if isinstance(last, MappedText) and last.insertion_point is not None and not any(map(str.isspace, text.value)):
            self.slots[last.insertion_point] = element.slot

    def _of_list(self, items: Items, method: Method, arguments: list[Element]) -> Value:
        added = arguments[-1] if arguments else None
        if added is None or method.name not in ("append", "extend", "insert"):
            return items if method.name in _SAME_METHODS else UNKNOWN
        # A call is no list: what stands behind its argument is no element.
        one = Element(added.value, None, added.is_list, added.hole, added.is_named)
        if method.name == "append":
            grown: Value = Items((*items.elements, one))
        elif method.name == "insert":
            position = arguments[0].value
            index = position.value if isinstance(position, Const) else None
            if not isinstance(index, int):
                index = len(items.elements)
            grown = Items((*items.elements[:index], one, *items.elements[index:]))
        else:
            grown = combined(
                [
                    Items((*items.elements, *more.elements))
                    if isinstance(more, Items)
                    else Items((*items.elements, Element(UNKNOWN, is_list=True)))
                    for more in alternatives(added.value)
                ]
            )
        if method.place is not None:
            self._grow(method.place, items, grown)
        return UNKNOWN

    def _grow(self, place: str, before: Items, grown: Value) -> None:
        """Put a grown list in the place of the one it was made from, which may be one of several."""
        name, _, attribute = place.partition(".")
        held = self.lookup(name)
        if attribute and isinstance(held, Instance):
            held = held.attributes.get(attribute)
        if isinstance(held, OneOf):
            grown = combined([grown if one is before else one for one in held.values])
        self.rebind(place, grown)

    # Files

    def _opened(self, path: str, node: ast.Call, arguments: list[Element], keywords: dict[str, Value]) -> Value:
        if path.startswith("tempfile."):
            suffix = keywords.get("suffix")
            parts: tuple[MappedText | Hole, ...] = (Hole(f"file_{len(self._files)}", self.source.span(node)),)
            return self._file(Text((*parts, *(suffix.parts if isinstance(suffix, Text) else ()))), node)
        mode = keywords.get("mode") if len(arguments) < 2 else arguments[1].value
        if not isinstance(mode, Text) or mode.value[:1] not in ("w", "a", "x"):
            return UNKNOWN
        return self._file(arguments[0].text if arguments else Text(()), node)

    def _file(self, path: Text, node: ast.Call) -> File:
        """Return the file at a path: the same for everything that is written to it under one name."""
        name = path.value
        known = next((file for file in self._files if name and file.path.value == name), None)
        if known is not None and known.span == self.source.span(node):
            return known
        file = File(path, self.source.span(node))
        self._files.append(file)
        return file

    def _of_file(self, file: File, name: str, arguments: list[Element], node: ast.Call) -> Value:
        first = arguments[0] if arguments else None
        if name == "write" and first is not None:
            self._write(file, first.value, first.hole or self.hole(node))
        elif name == "writelines" and first is not None:
            for lines in alternatives(first.value):
                for element in lines.elements if isinstance(lines, Items) else ():
                    self._write(file, element.value, element.hole or self.hole(node))
        return UNKNOWN

    def _write(self, file: File, value: Value | None, hole: Hole) -> None:
        if isinstance(value, Items):  # "\n".join(…) of what is not known
            value = UNKNOWN
        texts = [one for one in alternatives(value or UNKNOWN) if isinstance(one, Text)]
        if not texts:
            file.pieces.append(hole)
        for index, text in enumerate(texts):
            if index:
                file.pieces.append(MappedText.nowhere("\n"))
            file.pieces.extend(text.parts)

    def _printed(self, arguments: list[Element], keywords: dict[str, Value], node: ast.Call) -> None:
        """``print(…, file=job)``."""
        file = keywords.get("file")
        if not isinstance(file, File):
            return
        for index, argument in enumerate(arguments):
            if index:
                file.pieces.append(MappedText.nowhere(" "))
            self._write(file, argument.value, argument.hole or self.hole(node))
        file.pieces.append(MappedText.nowhere("\n"))

    # Launching

    def _handed_over(self, node: ast.Call, arguments: list[Element], keywords: dict[str, Value]) -> None:
        """``executor.submit(subprocess.run, command)``, ``Process(target=os.system, args=(command,))``."""
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        target = keywords.get("target")
        if target is not None:
            given = keywords.get("args")
            inner = list(given.elements) if isinstance(given, Items) else [Element(UNKNOWN, is_list=True)]
            self._start(target, node, inner if given is not None else [], {})
            return
        if name not in _SUBMITTED and name not in _EACH:
            return
        index = next(
            (
                index
                for index, one in enumerate(arguments)
                if isinstance(one.value, Function)
                or (isinstance(one.value, Named) and launcher_of(one.value.path) is not None)
            ),
            None,
        )
        if index is None:
            return
        rest = arguments[index + 1 :]
        options = {key: value for key, value in keywords.items() if key not in ("timeout", "chunksize")}
        if name in ("apply", "apply_async"):
            given = rest[0].value if rest else keywords.get("args")
            rest = list(given.elements) if isinstance(given, Items) else []
        if name not in _EACH:
            self._start(arguments[index].value, node, rest, options)
            return
        for one in alternatives(each_of(rest[0].value) if rest else UNKNOWN):
            if "starmap" in name and isinstance(one, Items):
                self._start(arguments[index].value, node, list(one.elements), {})
            else:
                self._start(arguments[index].value, node, [Element(one, hole=self.hole(node))], {})

    def _start(self, target: Value, node: ast.Call, arguments: list[Element], keywords: dict[str, Value]) -> None:
        if isinstance(target, Function):
            self.enter(target, [one.value for one in arguments], keywords)
        elif isinstance(target, Named):
            launcher = launcher_of(target.path)
            if launcher is not None:
                self.launch(launcher, node, arguments, keywords)

    def launch(self, launcher: Launcher, node: ast.Call, arguments: list[Element], keywords: dict[str, Value]) -> None:
        """Note what a launching call runs, in every way its command can turn out."""
        span = self.source.span(node)
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

    def _whole(self, node: ast.expr, text: str) -> MappedText:
        span = self.source.span(node)
        return MappedText(text, [span.start] * len(text), [span.end] * len(text))

    def _note_shell(self, value: Value) -> None:
        for one in alternatives(value):
            if isinstance(one, Text) and one.parts:
                self._note_run([word.text.value for word in split_words(one, quotes=True).elements])
                self.parts.append(ShellPart(one.mapped))

    def _note_run(self, words: Sequence[str]) -> None:
        """Note which of the words of a command can name a file that it runs."""
        runs_files = any(word.rpartition("/")[2] in _RUNS_FILES for word in words)
        found = words if runs_files else [word for word in words if word is words[0] or word.startswith("./")]
        self._run.update(word.removeprefix("./") for word in found)

    def _note(self, elements: Sequence[Element], span: Span, keywords: dict[str, Value]) -> None:
        """Note a command as a list, and what it reads on its standard input if it runs that."""
        texts = [element.text for element in elements]
        for element in elements:
            self._keep_slot(element)
        self._note_run([text.value for text in texts])
        arguments = tuple(
            Argument(text.mapped, element.slot, element.is_list)
            if not element.is_list
            else Argument(Hole("more", span).text, None, True)
            for element, text in zip(elements, texts, strict=True)
        )
        if not arguments:
            return
        self.parts.append(Arguments(arguments, span))
        given = keywords.get("input")
        program = texts[0].value.rpartition("/")[2]
        if given is not None and program in SCRIPT_READERS:
            self._note_shell(given)
