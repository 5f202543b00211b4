"""Text that remembers where each of its characters stands in the file.

Shell is rarely alone: it stands in quotes (``bash -c '…'``), in here-documents, in the value of a variable, in a YAML
block or a notebook's JSON. What the shell gets to read there differs from what the file says (escapes, indentation,
line endings). A :class:`MappedText` is the text as it is read, with the span of every character in the file, so that
one reader serves all of them and every finding and edit lands in the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wbsignal_lint.diagnostics import Span

__all__ = ["MappedText"]

_NOWHERE = -1


class MappedText:
    """A text and, for each of its characters, the half-open range of file offsets it was made from.

    ``separable[i]`` tells whether a blank inserted into the file right behind character ``i`` is read as a blank: true
    inside quotes that are read as shell once more, false inside an unquoted word. ``None`` stands for true throughout.

    ``home`` is the part of the file that the text as a whole stands in, where some of its characters were put in from
    elsewhere (the value of a make variable); ``None`` where all stand in order.
    """

    __slots__ = ("ends", "home", "separable", "starts", "text")

    def __init__(
        self,
        text: str,
        starts: Sequence[int],
        ends: Sequence[int],
        separable: Sequence[bool] | None = None,
        home: Span | None = None,
    ) -> None:
        self.text = text
        self.starts = starts
        self.ends = ends
        self.separable = separable
        self.home = home

    @classmethod
    def of(cls, text: str, offset: int = 0) -> MappedText:
        """Map a text that stands in the file as it is, from character ``offset`` on."""
        return cls(text, range(offset, offset + len(text)), range(offset + 1, offset + len(text) + 1))

    @classmethod
    def nowhere(cls, text: str) -> MappedText:
        """Map a text that does not stand in the file, such as the blank that joins two arguments."""
        return cls(text, [_NOWHERE] * len(text), [_NOWHERE] * len(text), [False] * len(text))

    @classmethod
    def joined(cls, pieces: Iterable[MappedText]) -> MappedText:
        """Put texts one behind the other."""
        pieces = list(pieces)
        if len(pieces) == 1:
            return pieces[0]
        texts: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        separable: list[bool] = []
        for piece in pieces:
            texts.append(piece.text)
            starts.extend(piece.starts)
            ends.extend(piece.ends)
            separable.extend([True] * len(piece) if piece.separable is None else piece.separable)
        home: Span | None = None
        if any(piece.home is not None for piece in pieces):
            homes = [piece.home or piece.span for piece in pieces if piece.starts[:1] != [_NOWHERE]]
            home = Span(min(one.start for one in homes), max(one.end for one in homes))
        return cls("".join(texts), starts, ends, separable, home)

    def __len__(self) -> int:
        return len(self.text)

    def __getitem__(self, part: slice) -> MappedText:
        return MappedText(
            self.text[part],
            self.starts[part],
            self.ends[part],
            None if self.separable is None else self.separable[part],
            self.home,
        )

    def as_one(self, text: str) -> MappedText:
        """Return another text that stands for this one as a whole: each of its characters has the place of all."""
        span = self.span
        return MappedText(text, [span.start] * len(text), [span.end] * len(text))

    def without(self, unwanted: Iterable[int]) -> MappedText:
        """Return the text without the characters at these indices."""
        dropped = set(unwanted)
        kept = [index for index in range(len(self)) if index not in dropped]
        return MappedText(
            "".join(self.text[index] for index in kept),
            [self.starts[index] for index in kept],
            [self.ends[index] for index in kept],
            None if self.separable is None else [self.separable[index] for index in kept],
            self.home,
        )

    def at_home(self, home: Span) -> MappedText:
        """Return the same text with the part of the file that it stands in as a whole."""
        return MappedText(self.text, self.starts, self.ends, self.separable, home)

    @property
    def span(self) -> Span:
        """The range of the file from the first to the last character that stands in it; of its home, if it has one."""
        if self.home is not None:
            home = self.home
            places = [
                (start, end)
                for start, end in zip(self.starts, self.ends, strict=True)
                if home.start <= start and end <= home.end
            ]
            if places:
                return Span(min(start for start, _ in places), max(end for _, end in places))
        first = next((start for start in self.starts if start != _NOWHERE), 0)
        last = next((end for end in reversed(self.ends) if end != _NOWHERE), first)
        return Span(first, max(first, last))

    @property
    def is_contiguous(self) -> bool:
        """Whether the characters stand in the file one right behind the other."""
        return all(
            end == start != _NOWHERE for end, start in zip(self.ends[:-1], self.starts[1:], strict=True)
        ) and _NOWHERE not in (*self.starts[:1], *self.ends[-1:])

    @property
    def insertion_point(self) -> int | None:
        """The file offset behind the last character at which a blank and a further word can be inserted, if any."""
        if not self.text or self.ends[-1] == _NOWHERE or (self.separable is not None and not self.separable[-1]):
            return None
        return self.ends[-1]
