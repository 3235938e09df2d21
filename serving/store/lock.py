"""One publisher at a time in a folder."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from serving.errors import StoreBusy

NAME = ".publishing.lock"

_POLL_SECONDS = 0.02


@contextmanager
def exclusive(base: Path, wait: float) -> Iterator[None]:
    """Hold a folder while the block runs; the system lets go when the process ends.

    Args:
      base: TF Serving's model base path.
      wait: seconds to wait for another publisher.

    Raises:
      StoreBusy: another publisher still holds the folder.
      OSError: the lock file cannot be made.
    """
    file = base / NAME
    deadline = time.monotonic() + wait
    while (handle := _try(file)) is None:
        if time.monotonic() > deadline:
            raise StoreBusy(
                base,
                f"another publisher has held {NAME} for {wait:g} s",
                "wait for it to end, and publish again",
            )
        time.sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        try:
            # While the lock is held: who waits for this file sees that it is gone, and begins anew.
            file.unlink()
        except FileNotFoundError:
            pass
        finally:
            os.close(handle)


def _try(file: Path) -> int | None:
    """Lock the file; None when another process has it, or has just removed it."""
    handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
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
