"""One run at a time in a workspace."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import UsageError, WorkspaceBusy


@contextmanager
def exclusive(file: Path) -> Iterator[None]:
    """Hold a workspace while the block runs; the system lets go when the process ends.

    Args:
      file: the workspace's lock file; created when missing.

    Raises:
      WorkspaceBusy: another process holds it.
      UsageError: the workspace cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = file.open("a+", encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{file.parent}: the workspace cannot be written: {error.strerror}.",
            "choose another with --workspace",
        ) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            holder = handle.read().strip() or "unknown"
            raise WorkspaceBusy(
                f"{file.parent}: another run (process {holder}) is using this workspace.",
                "wait for it to end, or choose another workspace with --workspace",
            ) from None
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield
