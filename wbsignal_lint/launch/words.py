"""Words of shell → the arguments they come to: quoting, expansion, splitting.

Every character of an argument keeps its place in the file, through quotes and variables, so that a word that stands in
``CMD="wandb agent $ID"`` is found and mended there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from wbsignal_lint.diagnostics import Span
from wbsignal_lint.launch.facts import UNKNOWN_PART, Unknown, Word
from wbsignal_lint.launch.mapped import MappedText
from wbsignal_lint.launch.shell_text import Assignment, Block
from wbsignal_lint.launch.signals import name_of
from wbsignal_lint.launch.variables import Choices, Environment

__all__ = ["Expander", "unquoted_document"]

_MAX_DEPTH = 12
"""How many variables deep a value is followed; also what ends ``A=$B; B=$A``."""
_MAX_BRACKETS = 100
"""How deep brackets may nest in one word; deeper ones are taken to reach to its end."""
_MAX_LENGTH = 20_000
"""Characters of one value; variables that double themselves would otherwise grow for ever."""

_NAME = re.compile(r"[A-Za-z_]\w*|[0-9@*#?$!-]", re.ASCII)
_BRACED = re.compile(r"(?P<name>[A-Za-z_]\w*|[0-9]+|[@*])(?P<index>\[[^]]*\])?(?P<rest>.*)", re.ASCII | re.DOTALL)
_WHOLE_LIST = re.compile(r'"?\$(?:\{(?P<name>[A-Za-z_]\w*)\[[@*]\]\}|(?P<all>[@*])|\{[@*]\})"?', re.ASCII)
_DEFAULT = re.compile(r":?[-=]")
_BLANK = " \t\n"
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"', "a": "\a", "e": "\x1b"}


@dataclass(frozen=True)
class _Atom:
    """One character of a value, an unknown part, or (``char == ""``, no unknown) the gap between two words."""

    char: str
    source: MappedText
    separable: bool = False
    expanded: bool = False
    """Came out of a variable."""
    held: bool = False
    """… inside quotes, so that nothing inserted there would be a word of its own."""
    unknown: Unknown | None = None


_GAP = _Atom("", MappedText.nowhere(""))


class Expander:
    """Expands words as they would be at one place of the script, in one round of choices."""

    def __init__(self, environment: Environment, position: int, block: Block, choices: Choices, depth: int = 0) -> None:
        self.environment = environment
        self.position = position
        self.block = block
        self.choices = choices
        self.depth = depth

    def words(self, sources: Sequence[MappedText]) -> list[Word]:
        """Return the arguments that words as written come to."""
        return [word for source in sources for word in self.word(source)]

    def word(self, source: MappedText) -> list[Word]:
        """Return the arguments that one word as written comes to."""
        whole = _WHOLE_LIST.fullmatch(source.text)
        if whole is not None:
            return self._list(whole["name"] or "@", source)
        atoms = self._atoms(source)
        words: list[Word] = []
        part: list[_Atom] = []
        for atom in (*atoms, _GAP):
            if atom is not _GAP:
                part.append(atom)
            elif part:
                words.append(_as_word(part, source))
                part = []
        if not words and not atoms and any(quote in source.text for quote in "'\""):
            words.append(Word("", source.span, source[:0], (), source.insertion_point))
        return words

    def _list(self, name: str, source: MappedText) -> list[Word]:
        """Expand ``"${NAME[@]}"`` or ``"$@"``."""
        value = self._value(name)
        if value is None or any(assignment.kind == "choice" for _, assignment in value):
            unknown = Unknown(source, is_elastic=True, is_list=True)
            return [Word(UNKNOWN_PART, source.span, source, (unknown,), source.insertion_point)]
        elements: list[Word] = []
        for expander, assignment in value:
            if assignment.kind == "array":
                elements.extend(expander.elements(assignment))
            elif assignment.source:  # nothing stands behind `NAME=`
                elements.append(_as_word(expander.assigned(assignment), assignment.source[0]))
        if '"' not in source.text:
            elements = [part for element in elements for part in _split(element)]
        return [
            Word(one.pattern, source.span, one.literal, one.unknowns, one.insertion_point, source.span)
            for one in elements
        ]

    def _value(self, name: str) -> list[tuple[Expander, Assignment]] | None:
        """Return the assignments that make up the variable's value in this round; ``None``: not known."""
        if self.depth >= _MAX_DEPTH or not self.choices.may_look_up():
            return None
        environment, values = self.environment.lookup(name, self.position, self.block)
        if not values:
            return None
        reached = values[self.choices.pick((id(environment), name, tuple(values)), len(values))]
        if not reached or any(assignment.kind == "unknown" for assignment in reached):
            return None
        return [
            (Expander(environment, one.position - 1, one.block, self.choices, self.depth + 1), one) for one in reached
        ]

    def _scalar(self, name: str, source: MappedText, *, quoted: bool) -> list[_Atom]:
        """Expand ``$NAME``."""
        value = self._value(name)
        if value is None:
            return [_unknown(source, is_elastic=not quoted, is_list=name in "@*")]
        if value[0][1].kind == "array":
            value = value[:1]  # $NAME is ${NAME[0]}, whatever is appended to the array
        atoms: list[_Atom] = []
        for expander, assignment in value:
            atoms.extend(expander.assigned(assignment))
            if len(atoms) > _MAX_LENGTH:
                return [_unknown(source, is_elastic=not quoted)]
        result: list[_Atom] = []
        for atom in atoms:
            if atom.unknown is not None:
                inner = Unknown(atom.unknown.source, is_elastic=not quoted, is_list=atom.unknown.is_list)
                result.append(_Atom("", atom.source, expanded=True, held=quoted, unknown=inner))
            elif not quoted and atom.char in _BLANK:
                result.append(_GAP)
            else:
                result.append(_Atom(atom.char, atom.source, atom.separable, expanded=True, held=quoted))
        return result

    def assigned(self, assignment: Assignment) -> list[_Atom]:
        """Return the characters of an assignment's value."""
        key = (assignment, "characters")
        if key not in self.choices.memory:
            self.choices.memory[key] = self._assigned(assignment)
        return cast("list[_Atom]", self.choices.memory[key])

    def elements(self, assignment: Assignment) -> list[Word]:
        """Return the words of an array's assignment."""
        key = (assignment, "words")
        if key not in self.choices.memory:
            self.choices.memory[key] = self.words(assignment.source)
        return cast("list[Word]", self.choices.memory[key])

    def _assigned(self, assignment: Assignment) -> list[_Atom]:
        if assignment.kind == "choice":
            words = self.words(assignment.source)
            if not words or any(word.is_list for word in words):
                return [_unknown(assignment.source[0], is_elastic=True)]
            telling = [word for word in words if _tells(word.pattern)]
            others = [word for word in words if word not in telling]
            words = telling + others[:1]
            if len(words) > self.choices.ROUNDS:
                return [_unknown(assignment.source[0], is_elastic=True)]
            chosen = words[self.choices.pick((id(assignment), "choice"), len(words))]
            return _atoms_of(chosen)
        if assignment.kind == "array":
            words = self.words(assignment.source[:1])
            return _atoms_of(words[0]) if words else []
        return [
            atom if atom is not _GAP else _Atom(" ", MappedText.nowhere(" "))
            for source in assignment.source
            for atom in self._atoms(source, splits=False)
        ]

    def _atoms(self, source: MappedText, *, splits: bool = True) -> list[_Atom]:
        """Take a word apart; ``splits``: unquoted expansions fall into several words."""
        text = source.text
        if text.startswith(("<(", ">(")):
            return [_unknown(source, is_elastic=False)]
        atoms: list[_Atom] = []
        index = 0
        quoted = False
        while index < len(text):
            char = text[index]
            following = text[index + 1 : index + 2]
            if char == "\\" and following:
                if quoted and following not in '$`"\\\n':
                    atoms.append(_Atom(char, source[index : index + 1], True))
                    index += 1
                    continue
                if following != "\n":
                    atoms.append(_Atom(following, source[index : index + 2], quoted))
                index += 2
            elif char == '"':
                quoted = not quoted
                index += 1
            elif char == "'" and not quoted:
                end = text.find("'", index + 1)
                end = len(text) if end < 0 else end
                atoms.extend(_Atom(text[at], source[at : at + 1], True) for at in range(index + 1, end))
                index = end + 1
            elif char == "$" and following == "'" and not quoted:
                index = self._ansi(source, index + 2, atoms)
            elif char == "$" and following == '"' and not quoted:
                index += 1
            elif char == "$" or char == "`":
                expansion_end = _expansion_end(text, index)
                if expansion_end is None:
                    atoms.append(_Atom(char, source[index : index + 1], quoted))
                    index += 1
                else:
                    atoms.extend(self._expansion(source[index:expansion_end], quoted=quoted or not splits))
                    index = expansion_end
            else:
                atoms.append(_Atom(char, source[index : index + 1], quoted))
                index += 1
        return atoms

    @staticmethod
    def _ansi(source: MappedText, index: int, atoms: list[_Atom]) -> int:
        """Read the inside of ``$'…'``; return the index behind it."""
        text = source.text
        while index < len(text) and text[index] != "'":
            width = 2 if text[index] == "\\" and index + 1 < len(text) else 1
            char = _ESCAPES.get(text[index + 1], text[index + 1]) if width == 2 else text[index]
            atoms.append(_Atom(char, source[index : index + width], True))
            index += width
        return index + 1

    def _expansion(self, source: MappedText, *, quoted: bool) -> list[_Atom]:
        text = source.text
        if text.startswith("${") and text.endswith("}"):
            return self._braced(source, quoted=quoted)
        if text.startswith(("$(", "`")):
            return [_unknown(source, is_elastic=not quoted and not text.startswith("$(("))]
        return self._scalar(text[1:], source, quoted=quoted)

    def _braced(self, source: MappedText, *, quoted: bool) -> list[_Atom]:
        """Expand ``${…}``; of the operators only the defaults are followed."""
        match = _BRACED.fullmatch(source.text[2:-1])
        if match is None:
            return [_unknown(source, is_elastic=not quoted)]
        name, index, rest = match["name"], match["index"], match["rest"]
        if index is not None:
            if index == "[0]" and not rest:
                return self._scalar(name, source, quoted=quoted)
            return [_unknown(source, is_elastic=not quoted, is_list=index in ("[@]", "[*]"))]
        if not rest:
            return self._scalar(name, source, quoted=quoted)
        default = _DEFAULT.match(rest)
        if rest.startswith((":?", "?")):
            return self._scalar(name, source, quoted=quoted)
        if rest.startswith((":+", "+")):
            return self._alternative(source, 2 + match.start("rest") + rest.index("+") + 1, quoted=quoted)
        if default is None:
            return [_unknown(source, is_elastic=not quoted, is_list=name in "@*")]
        if self.environment.assigns(name) and self._value(name) is not None:
            return self._scalar(name, source, quoted=quoted)
        start = 2 + match.start("rest") + default.end()
        value = [atom for atom in self._atoms(source[start:-1], splits=False) if atom is not _GAP]
        first = value[0] if value else None
        if first is None or first.unknown is not None or first.char == "-":
            # An empty default, or options, are there for the caller to set others: unknown.
            return [_unknown(source, is_elastic=not quoted, is_list=first is not None and first.char == "-")]
        return self._substituted(value, quoted=quoted)

    def _alternative(self, source: MappedText, start: int, *, quoted: bool) -> list[_Atom]:
        """Expand ``${NAME:+value}``: the value or nothing."""
        if self.choices.pick((source.span, "alternative"), 2) == 0:
            return []
        return self._substituted(self._atoms(source[start:-1]), quoted=quoted)

    @staticmethod
    def _substituted(value: list[_Atom], *, quoted: bool) -> list[_Atom]:
        """Put the word of ``${NAME:-word}`` in place of the expansion."""
        return [
            _GAP
            if atom is _GAP or (not quoted and atom.unknown is None and atom.char in _BLANK)
            else _Atom(atom.char, atom.source, expanded=True, held=quoted, unknown=atom.unknown)
            for atom in value
        ]


def _tells(pattern: str) -> bool:
    """Whether it matters that a loop's variable has this value."""
    return (
        "wandb" in pattern
        or pattern.startswith(("-", UNKNOWN_PART))
        or (not pattern.isdigit() and name_of(pattern) is not None)
    )


def _unknown(source: MappedText, *, is_elastic: bool, is_list: bool = False) -> _Atom:
    return _Atom("", source, unknown=Unknown(source, is_elastic, is_list))


def _atoms_of(word: Word) -> list[_Atom]:
    """Turn an argument back into characters, to put it into another one."""
    atoms: list[_Atom] = []
    unknowns = iter(word.unknowns)
    position = 0
    for char in word.pattern:
        if char == UNKNOWN_PART and word.unknowns:
            unknown = next(unknowns, None)
            if unknown is None:
                break
            atoms.append(_Atom("", unknown.source, unknown=unknown))
            position += len(unknown.source)
        else:
            source = word.literal[position : position + 1]
            separable = source.separable is None or all(source.separable)
            atoms.append(_Atom(char, source, separable))
            position += 1
    return atoms


def _split(word: Word) -> list[Word]:
    """Split an argument at its blanks, as an unquoted expansion is."""
    if not any(blank in word.pattern for blank in _BLANK):
        return [word] if word.pattern else []
    parts: list[Word] = []
    part: list[_Atom] = []
    for atom in (*_atoms_of(word), _GAP):
        if atom is not _GAP and (atom.unknown is not None or atom.char not in _BLANK):
            part.append(replace(atom, expanded=True))
        elif part:
            parts.append(_as_word(part, word.literal))
            part = []
    return parts


def _as_word(atoms: list[_Atom], source: MappedText) -> Word:
    literal = MappedText.joined(_as_text(atom) for atom in atoms)
    if source.home is not None:
        literal = literal.at_home(source.home)
    pattern = "".join(UNKNOWN_PART if atom.unknown is not None else atom.char for atom in atoms)
    unknowns = tuple(atom.unknown for atom in atoms if atom.unknown is not None)
    expansion: Span | None = None
    if not any(atom.expanded for atom in atoms):
        insertion = source.insertion_point
    else:
        expansion = source.span
        mendable = all(atom.expanded and not atom.held and not atom.unknown for atom in atoms) and literal.is_contiguous
        insertion = literal.insertion_point if mendable else None
    return Word(pattern, source.span, literal, unknowns, insertion, expansion)


def _as_text(atom: _Atom) -> MappedText:
    """Return what an atom reads as in a text that is read as shell once more (``bash -c "…"``)."""
    if atom.unknown is not None:
        return atom.source
    if len(atom.char) == len(atom.source) == 1:
        source = atom.source
        separable = atom.separable and (source.separable is None or source.separable[0])
        return MappedText(source.text, source.starts, source.ends, [separable])
    span = atom.source.span
    return MappedText(atom.char, [span.start], [span.end], [atom.separable])


def unquoted_document(body: MappedText) -> MappedText:
    """Return a here-document as its reader gets it, where ``$`` is not quoted: escapes taken off, variables left."""
    text = body.text
    unwanted: list[int] = []
    index = 0
    while index < len(text) - 1:
        if text[index] == "\\" and text[index + 1] in "$`\\\n":
            unwanted.append(index)
            if text[index + 1] == "\n":
                unwanted.append(index + 1)
            index += 2
        else:
            index += 1
    return body.without(unwanted) if unwanted else body


def _expansion_end(text: str, index: int) -> int | None:
    """Return the index behind the ``$…`` or backquoted expansion at ``index``; ``None``: a plain dollar sign."""
    if text[index] == "`":
        end = index + 1
        while end < len(text) and text[end] != "`":
            end += 2 if text[end] == "\\" else 1
        return min(end + 1, len(text))
    following = text[index + 1 : index + 2]
    if following in ("(", "{") and following:
        return _closing(text, index + 1)
    match = _NAME.match(text, index + 1)
    return None if match is None else match.end()


def _closing(text: str, index: int) -> int:
    """Return the index behind the bracket that closes the one at ``index``, quotes and nested brackets skipped."""
    pairs = {"(": ")", "{": "}"}
    expected = [pairs[text[index]]]
    index += 1
    in_double = False
    while index < len(text) and expected:
        char = text[index]
        if char == "\\":
            index += 1
        elif char == '"':
            in_double = not in_double
        elif char == "'" and not in_double:
            end = text.find("'", index + 1)
            index = len(text) if end < 0 else end
        elif char == expected[-1]:
            expected.pop()
        elif char in pairs and (char == "(" or text[index - 1] == "$"):
            expected.append(pairs[char])
            if len(expected) > _MAX_BRACKETS:
                return len(text)
        index += 1
    return min(index, len(text))
