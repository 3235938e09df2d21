"""Which process has locked a SQLite database."""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path

# SQLite locks these bytes of the file: pending, reserved and shared.
_FIRST_LOCK_BYTE, _LOCK_BYTES = 0x40000000, 512

# struct flock of 64-bit Linux: type, whence, start, length, process.
_FLOCK = "hhqqi4x"


def is_locked(error: BaseException) -> bool:
    """Return whether an error states that a SQLite database is locked.

    Args:
      error: error of ML Metadata.
    """
    return "database is locked" in str(error)


def holder(database: Path) -> str:
    """Return the process that locks a SQLite database, with its command; "" when it is unknown.

    Args:
      database: file of the database.
    """
    query = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, _FIRST_LOCK_BYTE, _LOCK_BYTES, 0)
    try:
        with database.open("rb+") as file:
            answer = fcntl.fcntl(file, fcntl.F_GETLK, query)
    except OSError:
        return ""
    kind, _, _, _, process = struct.unpack(_FLOCK, answer)
    # The process of another machine or container has no number here.
    if kind == fcntl.F_UNLCK or process <= 0:
        return ""
    try:
        arguments = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return f"process {process}"
    command = b" ".join(arguments).decode(errors="replace").strip()
    return f"process {process} ({command[:80]})" if command else f"process {process}"
