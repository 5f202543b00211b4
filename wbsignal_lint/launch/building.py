"""What the Dockerfile of the project says of a container whose image is built from it by another file."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import replace

from wbsignal_lint.diagnostics import Span
from wbsignal_lint.launch.containers import ContainerStart, Image, ImageFiles
from wbsignal_lint.launch.facts import Word
from wbsignal_lint.launch.hosts.dockerfile import images_of
from wbsignal_lint.launch.mapped import MappedText

__all__ = ["with_its_image"]


def with_its_image(start: ContainerStart, text_of: Callable[[str], str | None] | None) -> ContainerStart:
    """Add to what a file starts in a container what the Dockerfile of its image says: the words in front, the files.

    Args:
        start: as the file says it.
        text_of: returns the text of a file of the project.
    """
    build = start.build
    if build is None:
        return start
    text = None if text_of is None else text_of(build.dockerfile)
    images = () if text is None else images_of(text)
    named = [image for image in images if image.name == build.target] if build.target else images[-1:]
    if not named:
        return replace(start, unknown_entrypoint=build.dockerfile if start.is_command else None)
    image = named[0]
    words, from_image = start.words, 0
    if start.is_command:
        before = _before(image, has_command=bool(start.words))
        words = (*_moved(before, build.span), *(start.words if image.takes_command else ()))
        from_image = len(before)
    copies = tuple((target, _in_context(build.context, source)) for target, source in image.files.copies or ())
    return replace(
        start,
        words=words,
        from_image=from_image,
        files=ImageFiles(copies, image.files.workdir),
        image=image.base,
        unknown_entrypoint=image.unknown_entrypoint if start.is_command else None,
        stop=replace(start.stop, signal=start.stop.signal or image.stop_signal),
    )


def _before(image: Image, *, has_command: bool) -> tuple[Word, ...]:
    """Return what the image itself gives: its entrypoint, and its command unless there is another one."""
    return image.entrypoint if has_command else image.words


def _moved(words: tuple[Word, ...], place: Span) -> tuple[Word, ...]:
    """Let words of another file stand where that file is named."""
    return tuple(
        replace(
            word,
            span=place,
            literal=MappedText(word.pattern, [place.start] * len(word.pattern), [place.end] * len(word.pattern)),
            slot=None,
            insertion_point=None,
        )
        for word in words
    )


def _in_context(context: str, source: str) -> str:
    path = posixpath.normpath(posixpath.join(context, source))
    return f"{path}/" if source.endswith("/") else path
