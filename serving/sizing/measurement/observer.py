"""The progress of a sizing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol


class Observer(Protocol):
    """A receiver of the progress."""

    def started(self, name: str) -> None:
        """Receive the start of a step.

        Args:
          name: name of the step.
        """

    def finished(self, name: str, seconds: float, decision: str) -> None:
        """Receive the result of a step.

        Args:
          name: name of the step.
          seconds: duration of the step.
          decision: result of the step, as a short text.
        """

    def failed(self, name: str, seconds: float) -> None:
        """Receive the failure of a step.

        Args:
          name: name of the step.
          seconds: duration of the step.
        """


@contextmanager
def step(observer: Observer, name: str) -> Iterator[Callable[[str], None]]:
    """Report a step to an observer.

    Args:
      observer: receiver of the progress.
      name: name of the step.

    Yields:
      A function that takes the result of the step, as a short text.
    """
    began, decisions = time.monotonic(), [""]
    observer.started(name)
    try:
        yield decisions.append
    except BaseException:
        observer.failed(name, time.monotonic() - began)
        raise
    observer.finished(name, time.monotonic() - began, decisions[-1])
