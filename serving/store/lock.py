"""One publisher at a time in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from serving.errors import StoreBusy
from serving.storage import lock

NAME = ".publishing.lock"


@contextmanager
def exclusive(base: Path, wait: float) -> Iterator[None]:
    """Hold a folder's lock while the block runs; the system releases it when the process ends.

    Args:
      base: folder to lock: a model base path for its versions, its parent for models.config.
      wait: seconds to wait for another publisher.

    Raises:
      StoreBusy: another publisher still holds the lock.
      OSError: the lock file cannot be created.
    """
    with ExitStack() as held:
        try:
            held.enter_context(lock.exclusive(base / NAME, wait))
        except lock.LockHeld:
            raise StoreBusy(
                base,
                f"another publisher has held {NAME} for {wait:g} s",
                "wait for it to end, and retry",
            ) from None
        yield
