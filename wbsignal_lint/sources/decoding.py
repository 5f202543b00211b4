"""Bytes to text and back without losing any: encoding, byte order mark and line endings stay as they were."""

from __future__ import annotations

import codecs
import io
import re
import tokenize
from dataclasses import dataclass

from wbsignal_lint.sources.kinds import Kind
from wbsignal_lint.sources.notebook import DamagedNotebook, NotBack, Notebook

__all__ = ["Decoded", "UndecodableSource", "decode"]

_COOKIE = re.compile(rb"[ \t\f]*#.*?coding[:=]")


class UndecodableSource(Exception):
    """The bytes are no text in the encoding that the file has; row and column count from 1."""

    def __init__(self, message: str, row: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.row = row
        self.column = column


@dataclass(frozen=True)
class Decoded:
    """The text of a source, and what is needed to turn it into bytes again."""

    text: str
    """Without byte order mark; line endings as in the file."""
    encoding: str
    bom: bytes = b""
    notebook: Notebook | None = None
    """The notebook whose code cells the text is."""

    def encode(self, text: str) -> bytes:
        """Return ``text`` as bytes in this source's encoding, with its byte order mark.

        Raises:
            UnicodeError: the encoding has no byte for one of the characters, or the cells can't be told apart any more.
        """
        if self.notebook is not None:
            try:
                text = self.notebook.with_text(text)
            except NotBack as error:
                raise UnicodeError(str(error)) from None
        return self.bom + text.encode(self.encoding)


def decode(data: bytes, kind: Kind) -> Decoded:
    """Decode a source.

    Python: by byte order mark and coding cookie (PEP 263), UTF-8 without them. Shell and its hosts: UTF-8, and Latin-1
    for what is not UTF-8, because a shell takes any bytes and Latin-1 gives each byte back as it was. Of a notebook the
    text is that of its code cells (`wbsignal_lint.cells`).

    Raises:
        UndecodableSource: an unknown encoding, bytes that are not text in it, or a NUL byte.
    """
    nul = data.find(b"\0")
    if nul >= 0:
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise UndecodableSource("is UTF-16, which neither Python nor a shell reads: save it as UTF-8", 1, 1)
        raise UndecodableSource("holds a NUL byte: not a text file", *_place(data, nul))
    bom = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    body = data[len(bom) :]
    if kind is Kind.NOTEBOOK:
        return _decoded_notebook(body, bom)
    if kind is not Kind.PYTHON:
        try:
            return Decoded(body.decode("utf-8"), "utf-8", bom)
        except UnicodeDecodeError:
            return Decoded(body.decode("latin-1"), "latin-1", bom)
    encoding = _python_encoding(data)
    try:
        return Decoded(body.decode(encoding), encoding, bom)
    except UnicodeDecodeError as error:
        raise _undecodable(body, error) from None
    except (LookupError, UnicodeError, ValueError) as error:
        # Codecs such as rot13 exist but turn no bytes into text.
        raise UndecodableSource(f"can't be decoded as {encoding}: {error}", 1, 1) from None


def _decoded_notebook(body: bytes, bom: bytes) -> Decoded:
    try:
        notebook = Notebook(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _undecodable(body, error) from None
    except DamagedNotebook as error:
        raise UndecodableSource(error.message, error.row, error.column) from None
    return Decoded(notebook.text, "utf-8", bom, notebook)


def _python_encoding(data: bytes) -> str:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError as error:
        row = _cookie_row(data)
        if "unknown encoding" in str(error):
            raise UndecodableSource(str(error), row, 1) from None
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as undecodable:
            # detect_encoding only says "invalid or missing encoding declaration", and not where.
            raise _undecodable(data, undecodable) from None
        message = "encoding problem: the byte order mark says utf-8, the coding cookie says something else"
        raise UndecodableSource(message, row, 1) from None
    return "utf-8" if encoding == "utf-8-sig" else encoding


def _cookie_row(data: bytes) -> int:
    """Return the row of the coding cookie, which is the first or the second (PEP 263)."""
    return 1 if _COOKIE.match(data.removeprefix(codecs.BOM_UTF8)) else 2


def _undecodable(data: bytes, error: UnicodeDecodeError) -> UndecodableSource:
    message = f"not valid {error.encoding}: can't decode byte {data[error.start]:#04x} ({error.reason})"
    return UndecodableSource(message, *_place(data, error.start))


def _place(data: bytes, offset: int) -> tuple[int, int]:
    """Return the 1-based row and column of a byte offset, for text that may not be decodable."""
    before = data[:offset].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    last_line = before.rpartition(b"\n")[2]
    return before.count(b"\n") + 1, len(last_line.decode("utf-8", "replace")) + 1
