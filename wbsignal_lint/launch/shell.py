"""Shell text → simple commands and assignments, each with the place it stands in. Knows syntax, and no value.

This is the only file that sees tree-sitter's tree; everything behind it works on the words it cuts out.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field, replace

import tree_sitter_bash
from tree_sitter import Language, Node, Parser

from wbsignal_lint.launch.mapped import MappedText
from wbsignal_lint.launch.shell_text import (
    Alternative,
    Assignment,
    Block,
    Chain,
    Job,
    Pipeline,
    Redirect,
    ShellCommand,
    ShellText,
)

__all__ = ["parse_shell"]

_MAX_DEPTH = 150
_MAX_CONDITION = 400
"""Characters of a condition that are kept; nobody decides longer ones."""
"""Blocks nested deeper than this count as one: nobody writes them, and looking up through them would cost."""


@dataclass
class _Place:
    """What the walk knows about where a node stands."""

    block: Block
    pipeline: Pipeline | None = None
    stage: int = 0
    job: Job | None = None
    in_condition: bool = False
    redirects: list[Redirect] = field(default_factory=list)
    outer_redirects: list[Redirect] = field(default_factory=list)
    """Those of the groups around it."""
    redirected: Node | None = None
    """The node of the command with its redirections."""
    extra_words: list[MappedText] = field(default_factory=list)

    def statement(self, block: Block | None = None) -> _Place:
        """Return the place of a statement inside: still in this pipeline, its own redirections."""
        return replace(self, block=block or self.block, redirected=None, extra_words=[])


@functools.cache
def _parser() -> Parser:
    return Parser(Language(tree_sitter_bash.language()))


# tree-sitter counts bytes. With every other character replaced by an ASCII letter, bytes are characters; none of the
# replaced ones means anything to the shell. NUL would end the text early.
_NOT_ASCII = re.compile(r"[^\x01-\x7f]")

# `agent <sweep-id>` in a template: bash would take it for two redirections, and the grammar takes the next line's first
# word for the file. As a word it is what its author means.
_PLACEHOLDER = re.compile(r"(?<![<>&\d])<[A-Za-z](?:[\w.:|-]*>(?=\s|\Z)|[\w.:|/ -]*>(?=[ \t]*(?:#.*)?$))", re.MULTILINE)

_READERS = {"read", "mapfile", "readarray", "getopts", "unset", "printf"}
_CONTINUED = re.compile(r"(?:\\\n)*")
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_LOOPS = {"while_statement", "for_statement", "c_style_for_statement"}
_JOB_FORMS = {"command": "command", "pipeline": "pipeline", "subshell": "subshell", "redirected_statement": "command"}
_REDIRECTIONS = {"file_redirect", "heredoc_redirect", "herestring_redirect"}


def parse_shell(source: MappedText) -> ShellText:
    """Read shell text; what is no shell is skipped. Never raises, whatever the text."""
    # A carriage return before the newline belongs to the line ending, but bash's grammar takes it for a character.
    source = source.without(match.start() for match in re.finditer(r"\r(?=\n)", source.text))
    result = ShellText(source, Block("script"))
    text = _PLACEHOLDER.sub(lambda match: "x" * len(match[0]), source.text)
    tree = _parser().parse(_NOT_ASCII.sub("x", text).encode("ascii"))
    _Walk(result).run(tree.root_node)
    result.commands.sort(key=lambda command: command.position)
    result.assignments.sort(key=lambda assignment: assignment.position)
    return result


class _Walk:
    """Goes over the tree with a stack of its own: input may be nested deeper than Python recurses."""

    def __init__(self, result: ShellText) -> None:
        self.result = result
        self.stack: list[tuple[Node, _Place]] = []

    def run(self, root: Node) -> None:
        self.stack.append((root, _Place(self.result.root)))
        while self.stack:
            node, place = self.stack.pop()
            getattr(self, f"_on_{node.type}", self._other)(node, place)

    def _text(self, node: Node) -> MappedText:
        return self.result.source[node.start_byte : node.end_byte]

    def _words(self, nodes: list[Node]) -> list[MappedText]:
        """Return the words that nodes stand for; the grammar takes a word continued in the next line for two."""
        ranges: list[tuple[int, int]] = []
        for node in nodes:
            if ranges and _CONTINUED.fullmatch(self.result.source.text, ranges[-1][1], node.start_byte):
                ranges[-1] = (ranges[-1][0], node.end_byte)
            else:
                ranges.append((node.start_byte, node.end_byte))
        return [self.result.source[start:end] for start, end in ranges]

    def _plain(self, node: Node) -> str:
        return self.result.source.text[node.start_byte : node.end_byte]

    def _inside(self, place: _Place, kind: str, chain: Chain | None = None, name: str | None = None) -> Block:
        outer = place.block
        if outer.depth >= _MAX_DEPTH:
            return outer
        if chain is not None:
            chain.branches += 1
        return Block(kind, outer, chain, name, outer.depth + 1)

    # Statements

    def _other(self, node: Node, place: _Place) -> None:
        """Visit the children; a ``&`` puts the statement before it into the background."""
        children = node.children
        condition_ends = -1
        if node.type in ("while_statement", "elif_clause"):
            condition_ends = next((at for at, child in enumerate(children) if child.type in ("then", "do_group")), -1)
        for index in range(len(children) - 1, -1, -1):
            inner = place.statement()
            inner.in_condition |= index < condition_ends
            self._start_job(children, index, inner)
            self.stack.append((children[index], inner))

    def _start_job(self, siblings: list[Node], index: int, place: _Place) -> None:
        """Note that a statement with ``&`` behind it is a background job."""
        if index + 1 < len(siblings) and siblings[index + 1].type == "&":
            node = siblings[index]
            place.job = Job(self._text(node).span, self._form(node), place.job, self._is_single(node))

    @staticmethod
    def _is_single(node: Node) -> bool:
        while node.type in ("redirected_statement", "subshell"):
            parts = [part for part in node.children if part.is_named and part.type not in _REDIRECTIONS | {"comment"}]
            if len(parts) != 1:
                return False
            node = parts[0]
        return node.type == "command"

    @staticmethod
    def _form(node: Node) -> str:
        while node.type == "redirected_statement":
            body = next((child for child in node.children if child.type not in _REDIRECTIONS), None)
            if body is None:
                break
            node = body
        first = node
        while first.type in ("pipeline", "redirected_statement"):
            first = first.children[0]
        return "group" if first.type == "list" else _JOB_FORMS.get(node.type, "group")

    def _on_comment(self, node: Node, place: _Place) -> None:
        pass

    def _on_special_variable_name(self, node: Node, place: _Place) -> None:
        if self._plain(node) == "?":
            self.result.status_reads.append(node.start_byte)

    _on_raw_string = _on_ansi_c_string = _on_heredoc_content = _on_string_content = _on_word = _on_number = _on_comment
    _on_variable_name = _on_comment

    def _on_list(self, node: Node, place: _Place) -> None:
        """``a && b``, ``a || b``: b may not run."""
        operator: Node | None = None
        for child in node.children:
            if child.type in ("&&", "||"):
                operator = child
                self._note_branch(child, node.start_byte, node.end_byte)
            else:
                block = self._behind(place, node, operator) if operator is not None else place.block
                self.stack.append((child, place.statement(block)))

    def _behind(self, place: _Place, node: Node, operator: Node) -> Block:
        """Return the block of what stands behind ``&&`` or ``||``."""
        block = self._inside(place, "branch")
        block.condition = self._short(node.start_byte, operator.start_byte)
        block.on_failure = operator.type == "||"
        return block

    def _note_branch(self, operator: Node, start: int, end: int) -> None:
        """Note that what follows an ``&&`` or ``||`` runs by the status of what stands before it."""
        branch = Alternative((start, operator.start_byte), self._text(operator).span, (operator.end_byte, end))
        (self.result.alternatives if operator.type == "||" else self.result.successors).append(branch)

    def _on_if_statement(self, node: Node, place: _Place) -> None:
        chain = Chain()
        in_body = False
        body: Block | None = None
        children = node.children
        pending: list[tuple[Node, _Place]] = []
        for index, child in enumerate(children):
            if child.type == "then":
                in_body = True
                body = self._inside(place, "branch", chain)
                body.condition = self._condition(node)
            elif child.type in ("elif_clause", "else_clause"):
                chain.is_exhaustive |= child.type == "else_clause"
                branch = self._inside(place, "branch", chain)
                branch.condition = self._condition(child)
                pending.append((child, place.statement(branch)))
            else:
                inner = place.statement(body if in_body else place.block)
                inner.in_condition |= not in_body
                self._start_job(children, index, inner)
                pending.append((child, inner))
        self.stack.extend(reversed(pending))

    def _condition(self, node: Node) -> MappedText | None:
        """Return what stands between ``if`` and ``then``, or ``while`` and ``do``."""
        first = node.children[0]
        end = next((child for child in node.children if child.type in ("then", "do_group")), None)
        return None if end is None else self._short(first.end_byte, end.start_byte)

    def _short(self, start: int, end: int) -> MappedText | None:
        return self.result.source[start:end] if end - start <= _MAX_CONDITION else None

    def _on_case_statement(self, node: Node, place: _Place) -> None:
        chain = Chain()
        for child in reversed(node.children):
            if child.type == "case_item":
                first = child.children[0] if child.children else None
                chain.is_exhaustive |= first is not None and self._plain(first) == "*"
                self.stack.append((child, place.statement(self._inside(place, "branch", chain))))
            else:
                self.stack.append((child, place.statement()))

    def _on_for_statement(self, node: Node, place: _Place) -> None:
        name = next((self._plain(child) for child in node.children if child.type == "variable_name"), None)
        loop = self._inside(place, "loop", name=name)
        words: list[Node] = []
        after_in = False
        for child in node.children:
            if child.type == "in":
                after_in = True
            elif child.type in ("do_group", "compound_statement"):
                self.stack.append((child, place.statement(loop)))
                after_in = False
            elif after_in and child.type not in (";", "\n"):
                words.append(child)
                self.stack.append((child, place.statement()))
        if name is not None:
            kind = "choice" if words else "unknown"
            choices = tuple(self._words(words))
            self.result.assignments.append(Assignment(name, node.start_byte, loop, kind, choices, job=place.job))

    def _on_c_style_for_statement(self, node: Node, place: _Place) -> None:
        self._other(node, place.statement(self._inside(place, "loop")))

    def _on_while_statement(self, node: Node, place: _Place) -> None:
        loop = self._inside(place, "loop")
        loop.condition = self._condition(node)
        loop.on_failure = node.children[0].type == "until"
        self._other(node, place.statement(loop))

    def _on_function_definition(self, node: Node, place: _Place) -> None:
        name = next((self._plain(child) for child in node.children if child.type == "word"), None)
        inner = _Place(self._inside(place, "function", name=name))
        for child in reversed(node.children):
            self.stack.append((child, inner))

    def _on_subshell(self, node: Node, place: _Place) -> None:
        self._other(node, place.statement(self._inside(place, "subshell")))

    def _on_command_substitution(self, node: Node, place: _Place) -> None:
        self._other(node, _Place(self._inside(place, "substitution")))

    _on_process_substitution = _on_command_substitution

    def _on_pipeline(self, node: Node, place: _Place) -> None:
        text = self._text(node)
        pipeline = Pipeline(span=text.span if text.is_contiguous else None)
        first = node
        while first.type == "pipeline":  # a | b | c is a pipeline in a pipeline
            first = first.children[0]
        redirects: list[Node] = []
        while first.type == "redirected_statement" and first.children[0].type == "list":
            redirects[:0] = first.children[1:]
            first = first.children[0]
        if first.type != "list":
            self._pipe(node, place, pipeline, 0)
            return
        # The grammar takes `a && b 2>&1 | c` for `{ a && b; } 2>&1 | c`; the shell, for `a && { b 2>&1 | c; }`.
        *before, start = first.children
        operator: Node | None = None
        for child in before:
            if child.type in ("&&", "||"):
                operator = child
                self._note_branch(child, first.start_byte, node.end_byte)
            else:
                block = self._behind(place, first, operator) if operator is not None else place.block
                self.stack.append((child, replace(place.statement(block), redirects=list(place.redirects))))
        if pipeline.span is not None:
            pipeline.span = self._text(start).span._replace(end=pipeline.span.end)
        block = self._inside(place, "branch") if operator is None else self._behind(place, first, operator)
        self._pipe(node, place.statement(block), pipeline, 0, (start, redirects))

    def _pipe(
        self,
        node: Node,
        place: _Place,
        pipeline: Pipeline,
        first: int,
        start: tuple[Node, list[Node]] | None = None,
    ) -> None:
        """Visit the commands of a pipeline, the first of them being its ``first`` stage.

        ``start`` is what the first one really is where the grammar has more in it, with its redirections.
        """
        stages: list[Node] = []
        nested = [node]
        while nested:  # a | b | c is a pipeline in a pipeline
            part = nested.pop()
            if part.type == "pipeline":
                nested.extend(reversed(part.children))
            elif part.type in ("|", "|&"):
                pipeline.pipes.append(self._text(part).span)
            elif part.type != "comment":
                stages.append(part)
        pipeline.stages = max(pipeline.stages, first + len(stages))
        for index, part in enumerate(stages, first):
            redirects = list(place.redirects) if part is stages[-1] else []
            block = self._inside(place, "stage")
            if index == first and start is not None:
                part, own = start
                redirects.extend(self._redirect(redirect) for redirect in own)
                self.stack.extend((redirect, _Place(place.block)) for redirect in own)
            self.stack.append((part, _Place(block, pipeline, index, place.job, place.in_condition, redirects)))

    def _on_redirected_statement(self, node: Node, place: _Place) -> None:
        inner = place.statement()
        inner.redirects = list(place.redirects)
        inner.redirected = place.redirected or node
        body: Node | None = None
        following: list[tuple[Node, _Place]] = []
        for child in node.children:
            if child.type not in _REDIRECTIONS:
                body = child if body is None else body
                continue
            following.append((child, _Place(place.block)))
            if child.type == "heredoc_redirect":
                following.extend(self._behind_heredoc(child, inner, place))
            inner.redirects.append(self._redirect(child))
        self.stack.extend(reversed(following))
        if body is not None:
            if body.type in _LOOPS:  # a document behind `done` is what the loop reads, not what its commands run
                inner.redirects = []
            elif body.type in ("subshell", "compound_statement"):  # nor are its other redirections theirs
                inner.outer_redirects = [
                    *place.outer_redirects,
                    *(redirect for redirect in inner.redirects if redirect.body is None),
                ]
                inner.redirects = [redirect for redirect in inner.redirects if redirect.body is not None]
            self.stack.append((body, inner))

    def _behind_heredoc(self, node: Node, inner: _Place, place: _Place) -> list[tuple[Node, _Place]]:
        """Sort what the grammar hangs below ``<<EOF``: the rest of the line, up to the body."""
        following: list[tuple[Node, _Place]] = []
        conditional = False
        for index, child in enumerate(node.children):
            if child.type == "file_redirect":
                inner.redirects.append(self._redirect(child))
            elif child.type == "pipeline":
                pipeline = inner.pipeline or Pipeline()
                if inner.pipeline is None:
                    pipeline.stages = 1
                    inner.pipeline = pipeline
                # What stands before the first `|` is the command that reads the document.
                self._pipe(child, place, pipeline, inner.stage + 1)
            elif child.type in ("&&", "||"):
                conditional = True
            elif child.type in ("&", ";", "<<", "<<-", "heredoc_start", "heredoc_body", "heredoc_end"):
                if child.type == "&":
                    inner.job = Job(self._text(node).span, "command", place.job)
            elif conditional:
                block = self._inside(place, "branch")
                following.append((child, _Place(block)))
                conditional = False
            elif node.field_name_for_child(index) == "argument":
                inner.extra_words.append(self._text(child))
                following.append((child, _Place(place.block)))
        return following

    def _on_heredoc_redirect(self, node: Node, place: _Place) -> None:
        """Visit what runs while the document is made: ``$( … )`` in its body."""
        for child in reversed(node.children):
            if child.type == "heredoc_body":
                self.stack.append((child, _Place(place.block)))

    def _redirect(self, node: Node) -> Redirect:
        body: MappedText | None = None
        target: MappedText | None = None
        operator = ""
        expands = True
        for child in node.children:
            if child.type == "heredoc_body":
                body = self._text(child)
            elif child.type == "heredoc_start":
                expands = not set(self._plain(child)) & set("'\"\\")
            elif child.type in ("file_descriptor", "heredoc_end"):
                continue
            elif not child.is_named and not operator:
                operator = child.type
            elif node.type != "heredoc_redirect" and target is None:
                target = self._text(child)
        if node.type == "herestring_redirect":
            return Redirect("<<<", body=target)
        return Redirect(operator, target, body, expands, self._text(node).span)

    # Commands and assignments

    def _on_command(self, node: Node, place: _Place) -> None:
        parts: list[Node] = []
        redirects = list(place.redirects)
        for child in node.children:
            if child.type in _REDIRECTIONS:
                redirects.append(self._redirect(child))
            elif child.type not in ("variable_assignment", "comment") and child.end_byte > child.start_byte:
                parts.append(child)
        words = self._words(parts)
        words.extend(place.extra_words)
        pipeline = place.pipeline or Pipeline()
        command = ShellCommand(
            words,
            self._text(node),
            node.start_byte,
            place.block,
            pipeline,
            place.stage,
            place.job,
            place.in_condition,
            redirects,
            self._text(place.redirected or node),
            place.outer_redirects,
        )
        if words:
            pipeline.commands.append(command)
            self.result.commands.append(command)
            self._note_readers(command)
        inner = _Place(place.block)
        for child in reversed(node.children):
            # An assignment in front of a command holds for that command alone; only what it runs matters.
            self.stack.extend(
                (part, inner) for part in (child.children if child.type == "variable_assignment" else [child])
            )

    def _note_readers(self, command: ShellCommand) -> None:
        """Note the variables that a builtin fills with what the file does not tell."""
        program = command.words[0].text
        if program == "set" and len(command.words) > 1 and command.words[1].text == "--":
            self.result.assignments.append(
                Assignment("@", command.position, command.block, "array", tuple(command.words[2:]))
            )
        if program not in _READERS:
            return
        words = [word.text for word in command.words[1:]]
        if program == "printf":
            words = words[1:2] if words[:1] == ["-v"] else []
        for word in words:
            if _NAME.fullmatch(word):
                self.result.assignments.append(Assignment(word, command.position, command.block, "unknown"))

    def _on_declaration_command(self, node: Node, place: _Place) -> None:
        for child in reversed(node.children):
            self.stack.append((child, _Place(place.block, job=place.job)))

    def _on_variable_assignment(self, node: Node, place: _Place) -> None:
        name: str | None = None
        appends = False
        value: Node | None = None
        element = False
        for child in node.children:
            if name is None:
                element = child.type == "subscript"
                found = _NAME.match(self._plain(child))
                name = found[0] if found else ""
            elif child.type in ("=", "+="):
                appends = child.type == "+="
            else:
                value = child
        if name and (element or value is None or value.type != "array"):
            text = () if value is None else (self._text(value),)
            kind = "unknown" if element else "scalar"
            self._assign(name, node, place, kind, text, appends and not element)
        elif name and value is not None:
            elements = self._words([child for child in value.children if child.is_named and child.type != "comment"])
            self._assign(name, node, place, "array", tuple(elements), appends)
        if value is not None:
            self.stack.append((value, _Place(place.block)))

    def _assign(
        self, name: str, node: Node, place: _Place, kind: str, source: tuple[MappedText, ...], appends: bool
    ) -> None:
        self.result.assignments.append(Assignment(name, node.end_byte, place.block, kind, source, appends, place.job))
