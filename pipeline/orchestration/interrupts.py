"""An interruption is never lost."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any


@contextmanager
def remembered() -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Treat Ctrl-C, a polite kill and a terminal that closes alike, and remember them.

    Native code drops a KeyboardInterrupt that is raised while it calls back into Python, or makes
    another error of it, and TensorFlow calls back often.

    Yields:
      A context that ends with KeyboardInterrupt when one came, whatever became of it.
    """
    came = False

    def interrupt(signum: int, frame: Any) -> None:
        nonlocal came
        came = True
        raise KeyboardInterrupt

    @contextmanager
    def kept() -> Iterator[None]:
        try:
            yield
        finally:
            if came:
                raise KeyboardInterrupt

    # Only the main thread may say what a signal does.
    in_main = threading.current_thread() is threading.main_thread()
    signals = [signal.SIGINT, signal.SIGTERM] if in_main else []
    if in_main and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # not under nohup
        signals.append(signal.SIGHUP)
    before = {each: signal.signal(each, interrupt) for each in signals}
    try:
        yield kept
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
