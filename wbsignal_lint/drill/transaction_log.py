"""Reads the transaction log (``run-*.wandb``) that the wandb client writes for every run.

The file is a LevelDB-style log: seven bytes of file header, then blocks of 32 KiB filled with fragments. A fragment has
a header of seven bytes (CRC-32 of type and data, length, type) and a record is one whole fragment, or a first one, any
number of middle ones and a last one; a block's tail too short for a fragment header is padding. Each record is one
serialized `wandb_internal.Record`, which wandb's own protobuf classes decode.

The log can be read while the client still writes it: a record that is not there in full is left for the next reading.
"""

from __future__ import annotations

import math
import struct
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wandb.proto import wandb_internal_pb2

__all__ = ["LogRecord", "NotATransactionLog", "RunRecord", "TransactionLog", "read_run"]

BLOCK_SIZE = 32 * 1024
FILE_HEADER = struct.Struct("<4sHB")
FILE_MAGIC = (b":W&B", 0xBEE1, 0)
FRAGMENT_HEADER = struct.Struct("<IHB")


class NotATransactionLog(ValueError):
    """The file does not begin with the header of a transaction log."""


class FragmentType(IntEnum):
    """The part of a record that a fragment holds."""

    FULL = 1
    FIRST = 2
    MIDDLE = 3
    LAST = 4


@dataclass(frozen=True)
class LogRecord:
    """One record of a transaction log."""

    kind: str
    """The name of the record's type, as in wandb's protobuf schema: ``run``, ``history``, ``preempting``, ``exit`` …"""
    message: wandb_internal_pb2.Record
    seen_at: float
    """When it was read, in seconds of `time.monotonic`; of use only where the log is followed while it is written."""

    @property
    def exit_code(self) -> int | None:
        """The exit code that an ``exit`` record reports; ``None`` for every other kind."""
        return int(self.message.exit.exit_code) if self.kind == "exit" else None


class TransactionLog:
    """A transaction log that is read piece by piece, as far as it has been written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.records: list[LogRecord] = []
        """All records read so far, in the order in which they were written."""
        self.damaged = 0
        """How many times the log had to be read on from the next block, because a checksum or a length was wrong."""
        self._offset = 0
        self._begun: bytearray | None = None  # the fragments so far of a record that goes on

    def read(self) -> list[LogRecord]:
        """Read what was added since the last time.

        Returns:
            The new records; an unfinished one at the end of the file is left for the next time.

        Raises:
            OSError: the file cannot be read.
            NotATransactionLog: it is something else.
            ModuleNotFoundError: wandb is not installed.
        """
        block_start = self._offset - self._offset % BLOCK_SIZE
        with self.path.open("rb") as file:
            file.seek(block_start)
            data = file.read()
        now = time.monotonic()
        new = [self._decode(payload, now) for payload in self._payloads(data, block_start)]
        self.records += new
        return new

    def _decode(self, payload: bytes, now: float) -> LogRecord:
        from wandb.proto import wandb_internal_pb2  # heavy, and only in the extra `drill`

        message = wandb_internal_pb2.Record()
        message.ParseFromString(payload)
        return LogRecord(message.WhichOneof("record_type") or "", message, now)

    def _payloads(self, data: bytes, start: int) -> Iterator[bytes]:
        """Yield the records in ``data``, which lies at offset ``start`` of the file, a multiple of the block size."""
        if self._offset == 0:
            if len(data) < FILE_HEADER.size:
                return
            if FILE_HEADER.unpack_from(data) != FILE_MAGIC:
                raise NotATransactionLog(f"{self.path} is not a wandb transaction log")
            self._offset = FILE_HEADER.size
        end = start + len(data)
        while True:
            next_block = self._offset - self._offset % BLOCK_SIZE + BLOCK_SIZE
            if next_block - self._offset < FRAGMENT_HEADER.size:
                self._offset = next_block
                continue
            body = self._offset + FRAGMENT_HEADER.size
            if body > end:
                return
            checksum, length, kind = FRAGMENT_HEADER.unpack_from(data, self._offset - start)
            content = data[body - start : body - start + length]
            intact = (
                body + length <= next_block
                and len(content) == length
                and kind in FragmentType.__members__.values()
                and zlib.crc32(content, zlib.crc32(bytes([kind]))) == checksum
            )
            if not intact:
                if end < next_block:
                    return  # the block is still being written, or was cut off: wait for the rest of it
                self.damaged += 1
                self._begun = None
                self._offset = next_block
                continue
            self._offset = body + length
            if kind in (FragmentType.FULL, FragmentType.FIRST):
                self._begun = bytearray()
            if self._begun is None:
                continue  # the rest of a record whose beginning was damaged
            self._begun += content
            if kind in (FragmentType.FULL, FragmentType.LAST):
                yield bytes(self._begun)
                self._begun = None


@dataclass(frozen=True)
class RunRecord:
    """What the transaction log of one run says about how the run ended."""

    run_id: str
    records: tuple[LogRecord, ...] = field(repr=False)

    @property
    def marked(self) -> bool:
        """Whether ``mark_preempting()`` was recorded."""
        return any(record.kind == "preempting" for record in self.records)

    @property
    def exit_codes(self) -> tuple[int, ...]:
        """The exit codes recorded, in order; W&B goes by the last one."""
        return tuple(code for record in self.records if (code := record.exit_code) is not None)

    @property
    def recorded(self) -> int | None:
        """The exit code that W&B goes by, or ``None`` if none was recorded."""
        return self.exit_codes[-1] if self.exit_codes else None

    @property
    def logged(self) -> int:
        """How many history records there are, one for each committed ``run.log``."""
        return sum(record.kind == "history" for record in self.records)

    @property
    def sequence(self) -> str:
        """The records that decide the run's state, in order: ``P X(143)``; ``-`` when there are none."""
        marks = ("P" if record.kind == "preempting" else f"X({record.exit_code})" for record in self.deciding)
        return " ".join(marks) or "-"

    @property
    def deciding(self) -> tuple[LogRecord, ...]:
        """The preempting and exit records, in order."""
        return tuple(record for record in self.records if record.kind in ("preempting", "exit"))

    @property
    def started_at(self) -> float:
        """When the client started the run, in seconds of the epoch; infinity for a log that does not say."""
        times = (record.message.run.start_time for record in self.records if record.kind == "run")
        return next((time.seconds + time.nanos / 1e9 for time in times), math.inf)

    @classmethod
    def of(cls, log: TransactionLog) -> RunRecord:
        """Summarise what has been read of a log."""
        ids = (record.message.run.run_id for record in log.records if record.kind == "run")
        return cls(next(ids, log.path.stem.removeprefix("run-")), tuple(log.records))


def read_run(path: Path) -> RunRecord:
    """Read a transaction log from its beginning to its last whole record.

    Raises:
        OSError, NotATransactionLog, ModuleNotFoundError: as `TransactionLog.read`.
    """
    log = TransactionLog(path)
    log.read()
    return RunRecord.of(log)
