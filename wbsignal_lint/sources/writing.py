"""Replace a file's content so that a power cut leaves the old file or the new one, never half of it."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

__all__ = ["write_atomically"]


def write_atomically(path: Path, data: bytes, *, expected: bytes) -> None:
    """Write ``data`` to ``path`` through a temporary file beside it; mode, owner and a symbolic link stay.

    Args:
        path: the file, or a link to it; the link stays a link.
        data: the new content.
        expected: the content that ``data`` was made from.

    Raises:
        OSError: the file can't be written, or no longer holds ``expected``; it is left as it is.
    """
    target = Path(os.path.realpath(path))
    status = target.stat()
    if not os.access(target, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        # Renaming would get round the write protection of the file; whoever set it meant it.
        raise PermissionError("it is write-protected")
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
                with contextlib.suppress(PermissionError):
                    os.fchown(descriptor, status.st_uid, status.st_gid)
            os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
            file.flush()
            os.fsync(descriptor)
        if target.read_bytes() != expected:
            raise OSError("it was changed by somebody else meanwhile")
        os.replace(name, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
