"""Deferred interruptions: one that native code swallowed is raised again."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any


@contextmanager
def deferred_interrupts() -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Handle SIGINT, SIGTERM and SIGHUP alike, and re-raise an interruption that was swallowed.

    Native code drops a KeyboardInterrupt that is raised while it calls back into Python, or turns
    it into another error, and TensorFlow calls back often.

    Yields:
      A context manager that ends with KeyboardInterrupt when a signal has arrived.
    """
    interrupted = False

    def interrupt(signum: int, frame: Any) -> None:
        nonlocal interrupted
        interrupted = True
        raise KeyboardInterrupt

    @contextmanager
    def reraise() -> Iterator[None]:
        try:
            yield
        finally:
            if interrupted:
                raise KeyboardInterrupt

    # Python allows only the main thread to set signal handlers.
    in_main = threading.current_thread() is threading.main_thread()
    signals = [signal.SIGINT, signal.SIGTERM] if in_main else []
    if in_main and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # not under nohup
        signals.append(signal.SIGHUP)
    previous = {number: signal.signal(number, interrupt) for number in signals}
    try:
        yield reraise
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
