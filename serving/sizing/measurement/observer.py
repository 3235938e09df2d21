"""What a sizing tells whoever watches it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol


class Observer(Protocol):
    """Someone who watches."""

    def started(self, name: str) -> None:
        """Hear that a step began."""

    def finished(self, name: str, seconds: float, decision: str) -> None:
        """Hear what came of a step."""

    def failed(self, name: str, seconds: float) -> None:
        """Hear that a step did not come to its end."""


@contextmanager
def step(observer: Observer, name: str) -> Iterator[Callable[[str], None]]:
    """Tell an observer of a step.

    Args:
      observer: who watches.
      name: of the step.

    Yields:
      What takes the decision of the step, in a few words.
    """
    began, said = time.monotonic(), [""]
    observer.started(name)
    try:
        yield said.append
    except BaseException:
        observer.failed(name, time.monotonic() - began)
        raise
    observer.finished(name, time.monotonic() - began, said[-1])
