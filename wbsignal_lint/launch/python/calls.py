"""Calls of launching Python: what methods of texts, lists and files do, and what is launched on the way."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace

from wbsignal_lint.diagnostics import Span
from wbsignal_lint.launch.mapped import MappedText
from wbsignal_lint.launch.python.combining import combined, concatenated, split_words
from wbsignal_lint.launch.python.expressions import each_of
from wbsignal_lint.launch.python.interpreter import OWN_ENVIRONMENT
from wbsignal_lint.launch.python.launchers import Launcher, launcher_of
from wbsignal_lint.launch.python.launching import Launching
from wbsignal_lint.launch.python.literals import Source
from wbsignal_lint.launch.python.signalling import (
    STARTS_PROCESS,
    Signalled,
    Started,
    has_time_limit,
    is_checked,
    signalled_by,
)
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
)

__all__ = ["Calls"]


def _names(names: str) -> frozenset[str]:
    return frozenset(names.split())


_SAME = _names(
    "os.path.expanduser os.path.expandvars os.path.abspath os.path.realpath os.path.normpath os.fspath str repr "
    "pathlib.Path pathlib.PosixPath pathlib.PurePath Path shutil.which shlex.quote pipes.quote list tuple sorted "
    "string.Template os.fsencode reversed iter tqdm tqdm.tqdm tqdm.auto.tqdm"
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
_SETS_VARIABLES = _names("os.environ.update os.environ.setdefault os.environ.__setitem__ os.putenv")
_FILES = frozenset(
    {"open", "io.open", "codecs.open", "tempfile.NamedTemporaryFile", "tempfile.TemporaryFile", "os.fdopen"}
)


class Calls(Launching):
    """Evaluates calls, and collects what is launched."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.signalled: list[Signalled] = []
        """What is done to the processes, in the order in which it is done."""
        self.submitted: list[MappedText] = []
        """What submitit is told to have SLURM signal: the values of ``--signal``."""
        self.started: dict[Span, list[Started]] = {}
        """The processes that calls start, by the calls."""

    def call(self, node: ast.Call) -> Value:
        """Evaluate a call: its function, its arguments, and what it launches."""
        functions = alternatives(self.value(node.func))
        arguments = list(self.elements(node.args, closing=")"))
        keywords = {keyword.arg: self.value(keyword.value) for keyword in node.keywords if keyword.arg is not None}
        for keyword in node.keywords:
            if keyword.arg is None:
                more = self.value(keyword.value)
                keywords = {**keywords, **more.entries} if isinstance(more, Table) else {"shell": UNKNOWN, **keywords}
        return combined([self._call(function, node, arguments, keywords) for function in functions])

    def _call(self, function: Value, node: ast.Call, arguments: list[Element], keywords: dict[str, Value]) -> Value:
        if isinstance(function, Function):
            return self.enter(function, arguments, dict(keywords))
        if isinstance(function, Instance):
            init = function.attributes.get("__init__")
            if isinstance(init, Function):
                bound = Function(init.node, init.scopes, (function,), init.owner)
                self.enter(bound, arguments, dict(keywords))
            return function
        if isinstance(function, Method):
            return self._method(function, node, arguments, keywords)
        self._handed_over(node, arguments, keywords)
        if isinstance(function, Named):
            return self._named(function, node, arguments, keywords)
        return UNKNOWN

    def _named(self, function: Named, node: ast.Call, arguments: list[Element], keywords: dict[str, Value]) -> Value:
        path = function.path
        first = arguments[0] if arguments else None
        launcher = launcher_of(path)
        if launcher is not None:
            return self._started(launcher, path, node, arguments, keywords)
        signalled = None if self.cleans_up else signalled_by(self.source, node, function, arguments)
        if signalled is not None:
            self.signalled.append(replace(signalled, within=self.within))
        if path == "os.getpgid" and first is not None and isinstance(first.value, Named):
            return Named(f"{path}()", first.value.origin)
        if path.startswith("submitit.") and path.endswith("Executor().update_parameters"):
            self._note_submitted(keywords)
        if path in _FILES:
            return self.opened(path, node, arguments, keywords)
        if path == "print":
            self.printed(arguments, keywords, node)
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
        elif path in ("enumerate", "zip") and first is not None:
            number = (Element(UNKNOWN),) if path == "enumerate" else ()
            return _rows([*number, *arguments])
        elif path in _SETS_VARIABLES:
            self._set_variables(arguments, keywords)
        elif path == "dict":
            return Table(keywords)
        return Named(f"{path}()")

    def _set_variables(self, arguments: Sequence[Element], keywords: dict[str, Value]) -> None:
        """``os.environ.update(WANDB_MODE="disabled")``, ``os.putenv("WANDB_MODE", "disabled")``."""
        entries = dict(keywords)
        if len(arguments) == 1 and isinstance(arguments[0].value, Table):
            entries = {**arguments[0].value.entries, **entries}
        elif len(arguments) == 2:
            entries = {arguments[0].text.value: arguments[1].value}
        self.scopes[0][OWN_ENVIRONMENT] = Table({**self.own_environment.entries, **entries})

    def _started(
        self, launcher: Launcher, path: str, node: ast.Call, arguments: list[Element], keywords: dict[str, Value]
    ) -> Value:
        """Note what a call launches; return the process, if that is what the call gives."""
        before = len(self.parts)
        self.launch(launcher, node, arguments, keywords)
        origin = self.source.span(node)
        limit = next((keyword for keyword in node.keywords if keyword.arg == "timeout"), None)
        limited = limit is not None and has_time_limit(path, node, keywords.get("timeout"))
        started = Started(
            path,
            tuple(self.parts[before:]),
            self.source.span(limit) if limited and limit is not None else None,
            is_checked(path, keywords.get("check")),
        )
        self.started.setdefault(origin, []).append(started)
        return Named(f"{path}()", origin if path in STARTS_PROCESS else None)

    def _note_submitted(self, keywords: dict[str, Value]) -> None:
        for name in ("slurm_additional_parameters", "additional_parameters"):
            more = keywords.get(name)
            signal = more.entries.get("signal") if isinstance(more, Table) else None
            if isinstance(signal, Text) and signal.is_known and signal.parts:
                self.submitted.append(signal.mapped)

    def _path_of(self, arguments: Sequence[Element], node: ast.Call) -> Value:
        values: list[Value] = []
        for argument in arguments:
            if values:
                values.append(Text((MappedText.nowhere("/"),)))
            values.append(argument.value)
        return concatenated(values, [self.hole(node)] * len(values))

    # Methods of texts, lists and tables

    def _method(self, method: Method, node: ast.Call, arguments: list[Element], keywords: dict[str, Value]) -> Value:
        base, name = method.base, method.name
        if isinstance(base, Text):
            return self._of_text(base, name, node, arguments, keywords)
        if isinstance(base, Items):
            return self._of_list(base, method, arguments)
        if isinstance(base, File):
            return self.of_file(base, name, arguments, node)
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
            file = self.file_at(text, node)
            self.write(file, keywords.get("data") if first is None else first.value, unknown)
            return UNKNOWN
        if name == "open":
            mode = first.text.value if first is not None else ""
            return self.file_at(text, node) if mode[:1] in ("w", "a", "x") else UNKNOWN
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
                    self.keep_slot(element)
                results.append(joined(separator, one, self.hole(node)))
            else:
                hole = self.hole(node)  # any number of words
                results.append(one if isinstance(one, Text) else Text((Hole(f"{hole.name}_args", hole.span),)))
        return combined(results)

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

    # Functions that are handed over to be called

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
        outer, self.cleans_up = self.cleans_up, self.cleans_up or name == "register"  # with atexit
        self._call_later(name, node, arguments, keywords, index)
        self.cleans_up = outer

    def _call_later(
        self, name: str, node: ast.Call, arguments: list[Element], keywords: dict[str, Value], index: int
    ) -> None:
        """Run the function among the arguments of a call that runs it."""
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
            self.enter(target, arguments, keywords)
        elif isinstance(target, Named):
            launcher = launcher_of(target.path)
            if launcher is not None:
                self.launch(launcher, node, arguments, keywords)


def _rows(columns: Sequence[Element]) -> Value:
    """Return what ``zip`` and ``enumerate`` go through: what is not known of a column is not known of a row."""
    lists = [one.value.elements if isinstance(one.value, Items) else () for one in columns]
    rows = (
        Items(tuple(one[index] if index < len(one) else Element(UNKNOWN) for one in lists))
        for index in range(max(map(len, lists)))
    )
    return Items(tuple(map(Element, rows)))
