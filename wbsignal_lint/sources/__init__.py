"""From paths on the command line to decoded text, and back to the disk."""

from __future__ import annotations

from wbsignal_lint.sources.decoding import Decoded, UndecodableSource, decode
from wbsignal_lint.sources.finding import Source, find_sources, shown_path, stdin_source
from wbsignal_lint.sources.kinds import Kind, kind_of
from wbsignal_lint.sources.writing import write_atomically

__all__ = [
    "Decoded",
    "Kind",
    "Source",
    "UndecodableSource",
    "decode",
    "find_sources",
    "kind_of",
    "shown_path",
    "stdin_source",
    "write_atomically",
]
