"""Ctrl-C: end the process even if native code drops the interruption or changes it.

Native code that calls back into Python may print a KeyboardInterrupt and continue, or raise another
error instead. So an interruption is noted when it arrives, and raised again if it was dropped.
"""

from __future__ import annotations

import signal
import sys
from contextlib import suppress

TYPE_CHECKING = False  # typing takes milliseconds to import
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

# By then, the native code has returned to Python.
_AGAIN_SECONDS = 0.1

_arrived = False


def watch() -> None:
    """Note an interruption and raise KeyboardInterrupt, where Python raises it now."""
    # A shell lets background processes ignore Ctrl-C.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        _handle(_interrupt)
        sys.excepthook = _print_others
        sys.unraisablehook = _raise_again


def arrived() -> bool:
    """Return whether an interruption arrived since `watch`."""
    return _arrived


def ignore() -> None:
    """Ignore further interruptions, so that the message about the first one is whole."""
    _handle(signal.SIG_IGN)


def end_quietly() -> None:
    """Let an interruption end a process that exits already; Python would print a traceback."""
    if signal.getsignal(signal.SIGINT) in (_interrupt, signal.default_int_handler):
        _handle(signal.SIG_DFL)


def _interrupt(number: int, frame: Any) -> None:
    global _arrived
    _arrived = True
    import warnings

    warnings.simplefilter("ignore")  # native code warns of what it could not finish
    raise KeyboardInterrupt


def _handle(handler: Any) -> None:
    with suppress(ValueError):  # only the main thread may set it
        signal.signal(signal.SIGINT, handler)


def _print_others(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Print an error that native code dropped, unless it is an interruption."""
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)


def _raise_again(unraisable: sys.UnraisableHookArgs) -> None:
    """Interrupt the main thread again when native code dropped the interruption."""
    if not issubclass(unraisable.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)
        return
    import _thread
    import threading

    timer = threading.Timer(_AGAIN_SECONDS, _thread.interrupt_main)
    timer.daemon = True
    timer.start()
