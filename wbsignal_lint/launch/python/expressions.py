"""Expressions of launching Python → what they are worth, as far as the file tells."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from wbsignal_lint.diagnostics import Span
from wbsignal_lint.launch.facts import OptionSlot
from wbsignal_lint.launch.mapped import MappedText
from wbsignal_lint.launch.python.combining import combined, concatenated
from wbsignal_lint.launch.python.literals import Field, Source
from wbsignal_lint.launch.python.texts import filled
from wbsignal_lint.launch.python.values import (
    NOTHING,
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

__all__ = ["Expressions", "last_name"]

_REST_OF_LINE = re.compile(r"[ \t]*(?P<comma>,)?[ \t]*(?:#[^\r\n]*)?(?=\r|\n|$)")
_NEXT = re.compile(r"(?:[\s]|\\\r?\n|#[^\r\n]*)*(?P<char>.)?")
_TRANSPARENT = frozenset(
    {"str", "int", "repr", "format", "Path", "quote", "strip", "lower", "rstrip", "lstrip", "encode"}
)
"""Calls whose result is called as their argument is."""


def last_name(node: ast.expr) -> str:
    """Return what people would call the value of an expression: ``sweep_id`` for ``str(args.sweep_id)``."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript):
        key = node.slice
        return key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else last_name(node.value)
    if isinstance(node, ast.Call):
        inner = [last_name(argument) for argument in node.args]
        name = last_name(node.func)
        if isinstance(node.func, ast.Attribute) and not inner:
            inner = [last_name(node.func.value)]
        return "_".join(inner) if name in _TRANSPARENT else "_".join((name, *inner))
    if isinstance(node, (ast.Starred, ast.Await)):
        return last_name(node.value)
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) and len(node.value) < 40 else ""
    return "value"


class Expressions:
    """Evaluates expressions in the scopes of the place that is being read."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.scopes: tuple[dict[str, Value], ...] = ({},)

    def call(self, node: ast.Call) -> Value:
        """Evaluate a call; the interpreter defines it."""
        raise NotImplementedError

    def bind(self, target: ast.expr, value: Value) -> None:
        """Bind a target; the interpreter defines it."""
        raise NotImplementedError

    # Names

    def lookup(self, name: str) -> Value | None:
        """Return what a name is worth here; ``None``: the file does not say."""
        for scope in reversed(self.scopes):
            if name in scope:
                return scope[name]
        return None

    def hole(self, node: ast.expr, span: Span | None = None) -> Hole:
        """Return what stands for an expression whose value is not known."""
        return Hole(last_name(node)[:60], span or self.source.span(node))

    # Values

    def value(self, node: ast.expr) -> Value:
        """Evaluate an expression; whatever runs in it is noted on the way."""
        method = getattr(self, f"_on_{type(node).__name__}", None)
        if method is not None:
            result: Value = method(node)
            return result
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.value(child)
        return UNKNOWN

    def _on_Constant(self, node: ast.Constant) -> Value:
        if isinstance(node.value, str):
            return Text(tuple(part for part in self.source.parts(node) if isinstance(part, MappedText)))
        return UNKNOWN if isinstance(node.value, bytes) else Const(node.value)

    def _on_JoinedStr(self, node: ast.JoinedStr) -> Value:
        values: list[Value] = []
        holes: list[Hole] = []
        for part in self.source.parts(node):
            if isinstance(part, Field):
                inner = part.expression.value if isinstance(part.expression, ast.FormattedValue) else part.expression
                values.append(self.value(inner))
                holes.append(Hole(last_name(inner)[:60], part.span, True))
            else:
                values.append(Text((part,)))
                holes.append(Hole("", part.span))
        return concatenated(values, holes)

    def _on_Name(self, node: ast.Name) -> Value:
        found = self.lookup(node.id)
        return Named(node.id) if found is None else found

    def _on_Attribute(self, node: ast.Attribute) -> Value:
        return combined([self.attribute(base, node.attr, node.value) for base in alternatives(self.value(node.value))])

    def attribute(self, base: Value, name: str, node: ast.expr) -> Value:
        """Return ``base.name``."""
        if isinstance(base, Named):
            if base.path == "sys" and name == "executable":
                return Text((MappedText.nowhere("python"),))
            return Named(f"{base.path}.{name}", base.origin)
        if isinstance(base, Instance):
            found = base.attributes.get(name, UNKNOWN)
            if isinstance(found, Function) and found.owner is not None and not found.bound:
                return Function(found.node, found.scopes, (base,), found.owner)
            return found
        if isinstance(base, (Text, Items, Table, File)):
            return Method(base, name, node.id if isinstance(node, ast.Name) else self._attribute_place(node))
        return UNKNOWN

    @staticmethod
    def _attribute_place(node: ast.expr) -> str | None:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            return f"{node.value.id}.{node.attr}"
        return None

    def _on_Subscript(self, node: ast.Subscript) -> Value:
        base = self.value(node.value)
        key = self.value(node.slice)
        if isinstance(base, Table) and isinstance(key, Text):
            return base.entries.get(key.value, UNKNOWN)
        if isinstance(base, Items) and not any(element.is_list for element in base.elements):
            return self._picked(base, node.slice, key)
        return UNKNOWN

    def _picked(self, items: Items, node: ast.expr, key: Value) -> Value:
        """Return ``items[1]`` or ``items[1:]``."""
        count = len(items.elements)
        if isinstance(key, Const) and isinstance(key.value, int) and -count <= key.value < count:
            return items.elements[key.value].value
        if not isinstance(node, ast.Slice) or node.step is not None:
            return UNKNOWN
        bounds: list[int | None] = []
        for bound in (node.lower, node.upper):
            number = None if bound is None else self.value(bound)
            index = number.value if isinstance(number, Const) else None
            if number is not None and not isinstance(index, int):
                return UNKNOWN
            bounds.append(index if isinstance(index, int) else None)
        return Items(items.elements[bounds[0] : bounds[1]])

    def _on_Slice(self, node: ast.Slice) -> Value:
        return UNKNOWN

    def _on_List(self, node: ast.List | ast.Tuple | ast.Set) -> Value:
        return Items(tuple(self.elements(node.elts, closing="]" if isinstance(node, ast.List) else ")}")))

    _on_Tuple = _on_Set = _on_List

    def elements(self, nodes: Sequence[ast.expr], closing: str) -> Iterator[Element]:
        """Yield what is written in a list, or as the arguments of a call.

        :param closing: the brackets that can stand behind the last of them.
        """
        quote = next((found for found in map(self.source.quote, nodes) if found in ("'", '"')), '"')
        for index, node in enumerate(nodes):
            if isinstance(node, ast.Starred):
                inner = self.value(node.value)
                if isinstance(inner, Items):
                    yield from inner.elements
                else:
                    yield Element(UNKNOWN, is_list=True)
                continue
            own = self.source.quote(node)
            last = index == len(nodes) - 1
            slot = self._slot(node, own if own in ("'", '"') else quote, "," + closing if last else ",")
            yield Element(self.value(node), slot, hole=self.hole(node), is_named=own is None)

    def _slot(self, node: ast.expr, quote: str, followers: str) -> OptionSlot | None:
        """Return where a list takes another element behind this one, in the list's own layout."""
        text = self.source.text
        start, end = self.source.span(node)
        following = _NEXT.match(text, end)
        if following is None or following["char"] is None or following["char"] not in followers:
            return None  # in brackets of its own
        line_start = max(text.rfind("\n", 0, start), text.rfind("\r", 0, start)) + 1
        indent = text[line_start:start]
        rest = _REST_OF_LINE.match(text, end)
        if indent.strip() or rest is None:
            return OptionSlot(end, f", {quote}", quote)
        newline = "\r\n" if text.startswith("\r\n", rest.end()) else "\n"
        if rest["comma"]:
            return OptionSlot(rest.end(), f"{newline}{indent}{quote}", f"{quote},")
        return OptionSlot(end, f",{newline}{indent}{quote}", quote)

    def _on_Dict(self, node: ast.Dict) -> Value:
        entries: dict[str, Value] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            name = None if key is None else self.value(key)
            worth = self.value(value)
            if isinstance(name, Text):
                entries[name.value] = worth
            elif key is None and isinstance(worth, Table):
                entries.update(worth.entries)
        return Table(entries)

    def _on_BinOp(self, node: ast.BinOp) -> Value:
        left, right = self.value(node.left), self.value(node.right)
        if isinstance(left, Const) and isinstance(right, Const):
            return _calculated(node.op, left.value, right.value)
        if isinstance(node.op, ast.Add):
            return self.sum(left, right, node.left, node.right)
        if isinstance(node.op, ast.Mod) and isinstance(left, Text):
            return self._percent(left, node.right, right)
        if isinstance(node.op, ast.BitOr) and isinstance(right, Table):
            return Table({**(left.entries if isinstance(left, Table) else {}), **right.entries})
        if isinstance(node.op, ast.Div):
            return self._path(left, right, node)
        return UNKNOWN

    def sum(self, left: Value, right: Value, left_node: ast.expr, right_node: ast.expr) -> Value:
        """Return ``left + right``, of texts or of lists."""
        if isinstance(left, OneOf) and any(isinstance(one, Items) for one in left.values):
            return combined([self.sum(one, right, left_node, right_node) for one in left.values])
        if isinstance(right, OneOf) and any(isinstance(one, Items) for one in right.values):
            return combined([self.sum(left, one, left_node, right_node) for one in right.values])
        if isinstance(left, Items) or isinstance(right, Items):
            star = (Element(UNKNOWN, is_list=True),)
            return Items(
                (
                    *(left.elements if isinstance(left, Items) else star),
                    *(right.elements if isinstance(right, Items) else star),
                )
            )
        if any(isinstance(one, Text) for side in (left, right) for one in alternatives(side)):
            return concatenated((left, right), (self.hole(left_node), self.hole(right_node)))
        return UNKNOWN

    def _percent(self, text: Text, node: ast.expr, value: Value) -> Value:
        unknown = self.hole(node)
        if isinstance(value, Table):
            keywords = {name: (worth, Hole(name, unknown.span)) for name, worth in value.entries.items()}
            return filled(text, (), keywords, unknown)
        if isinstance(node, ast.Tuple):
            pairs = [(self.value(element), self.hole(element)) for element in node.elts]
            return filled(text, pairs, {}, unknown)
        return filled(text, [(value, unknown)], {}, unknown)

    def _path(self, left: Value, right: Value, node: ast.BinOp) -> Value:
        if not isinstance(left, Text) and not isinstance(right, Text):
            return UNKNOWN
        slash = Text((MappedText.nowhere("/"),))
        return concatenated((left, slash, right), (self.hole(node.left), self.hole(node), self.hole(node.right)))

    def _on_BoolOp(self, node: ast.BoolOp) -> Value:
        return combined([self.value(value) for value in node.values])

    def _on_IfExp(self, node: ast.IfExp) -> Value:
        truth = self.truth(node.test)
        if truth is not None:
            return self.value(node.body if truth else node.orelse)
        return combined([self.value(node.body), self.value(node.orelse)])

    def truth(self, node: ast.expr) -> bool | None:
        """Return whether a condition holds; ``None`` if that depends."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = self.truth(node.operand)
            return None if inner is None else not inner
        value = self.value(node)
        if isinstance(value, Const) and isinstance(node, (ast.Constant, ast.Name)):
            return bool(value.value)
        return None

    def _on_NamedExpr(self, node: ast.NamedExpr) -> Value:
        value = self.value(node.value)
        self.bind(node.target, value)
        return value

    def _on_Await(self, node: ast.Await) -> Value:
        return self.value(node.value)

    def _on_Starred(self, node: ast.Starred) -> Value:
        return self.value(node.value)

    def _on_Call(self, node: ast.Call) -> Value:
        return self.call(node)

    def _on_ListComp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Value:
        each = node.generators[0]
        if len(node.generators) == 1 and not each.ifs and _writes_anew(node.elt, each.target):
            lists = [one for one in alternatives(self.value(each.iter)) if isinstance(one, Items)]
            if lists:
                return combined(
                    [
                        Items(tuple(self._written_anew(one, each.target, node.elt) for one in items.elements))
                        for items in lists
                    ]
                )
        element = self._comprehended(node.generators, node.elt)
        return Items((Element(element), Element(UNKNOWN, is_list=True)))

    _on_SetComp = _on_GeneratorExp = _on_ListComp

    def _on_DictComp(self, node: ast.DictComp) -> Value:
        self._comprehended(node.generators, node.value)
        return UNKNOWN

    def _written_anew(self, element: Element, target: ast.expr, expression: ast.expr) -> Element:
        """Return what ``str(part)`` makes of an element; it stays where it is written."""
        if element.is_list:
            return element
        outer = self.scopes
        self.scopes = (*outer, {})
        try:
            self.bind(target, element.value)
            return replace(element, value=self.value(expression))
        finally:
            self.scopes = outer

    def _comprehended(self, generators: Sequence[ast.comprehension], element: ast.expr) -> Value:
        outer = self.scopes
        self.scopes = (*outer, {})
        try:
            for generator in generators:
                self.bind_each(generator.target, self.value(generator.iter))
                for condition in generator.ifs:
                    self.value(condition)
            return self.value(element)
        finally:
            self.scopes = outer

    def bind_each(self, target: ast.expr, iterated: Value) -> None:
        """Bind the target of a loop to what it can be."""
        self.bind(target, each_of(iterated))


def _writes_anew(expression: ast.expr, target: ast.expr) -> bool:
    """Whether an expression is each element itself, as text: ``part``, ``str(part)``, ``part.replace("{id}", run)``."""
    if isinstance(expression, ast.JoinedStr) and len(expression.values) == 1:
        field = expression.values[0]
        expression = field.value if isinstance(field, ast.FormattedValue) else expression
    while isinstance(expression, ast.Call):
        called = expression.func
        if isinstance(called, ast.Attribute) and called.attr in ("replace", "format", "strip"):
            expression = called.value
        elif isinstance(called, ast.Name) and called.id == "str" and len(expression.args) == 1:
            expression = expression.args[0]
        else:
            return False
    return isinstance(expression, ast.Name) and isinstance(target, ast.Name) and expression.id == target.id


def _calculated(operator: ast.operator, left: object, right: object) -> Value:
    """Return what comes of two numbers, as in ``HOURS * 3600``."""
    if not isinstance(left, (int, float)) or not isinstance(right, (int, float)) or max(abs(left), abs(right)) > 1e9:
        return UNKNOWN
    if isinstance(operator, ast.Mult):
        return Const(left * right)
    if isinstance(operator, ast.Add):
        return Const(left + right)
    return Const(left - right) if isinstance(operator, ast.Sub) else UNKNOWN


def each_of(iterated: Value) -> Value:
    """Return what an element of a value can be."""
    values: list[Value] = []
    for one in alternatives(iterated):
        if isinstance(one, Items):
            values.extend(element.value for element in one.elements if not element.is_list)
        elif isinstance(one, Table):
            values.extend(Text((MappedText.nowhere(key),)) for key in one.entries)
        else:
            values.append(UNKNOWN)
    result = combined(values)
    return UNKNOWN if result is NOTHING else result
