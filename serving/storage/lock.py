"""A lock between processes, held through a file."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_POLL_SECONDS = 0.02


class LockHeld(Exception):
    """Another process holds the lock.

    Args:
      file: lock file.
      holder: process id that the file states; "" when it states none.
    """

    def __init__(self, file: Path, holder: str) -> None:
        super().__init__(f"{file}: process {holder or 'unknown'} holds the lock")
        self.file = file
        self.holder = holder


@contextmanager
def exclusive(file: Path, wait: float = 0.0, keep: bool = False) -> Iterator[None]:
    """Hold a lock while the block runs; the system releases it when the process ends.

    Args:
      file: lock file; created if missing.
      wait: seconds to wait for another process; default 0.
      keep: leave the file in its folder afterwards; it states the process id of the last holder.
        Default: remove it.

    Raises:
      LockHeld: another process still holds the lock.
      OSError: the lock file cannot be created or written.
    """
    deadline = time.monotonic() + wait
    while (handle := _try(file)) is None:
        if time.monotonic() > deadline:
            raise LockHeld(file, _holder(file))
        time.sleep(_POLL_SECONDS)
    try:
        if keep:
            os.ftruncate(handle, 0)
            os.write(handle, str(os.getpid()).encode())
        yield
    finally:
        try:
            # While the lock is held: a process that waits for this file sees that it was removed,
            # and creates a new one.
            if not keep:
                file.unlink(missing_ok=True)
        finally:
            os.close(handle)


def _try(file: Path) -> int | None:
    """Lock the file; return None when another process holds it or has just removed it."""
    handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(handle), file.stat()):
            return handle
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(handle)
        raise
    os.close(handle)
    return None


def _holder(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""
