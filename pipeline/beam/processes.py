"""Processes that do not outlive the one that starts them."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

# A program of its own: what Python does between fork and exec can hang beside TensorFlow. Old
# releases of util-linux have no `setpriv --pdeathsig`.
_PR_SET_PDEATHSIG = 1
_WRAPPER = (
    "import ctypes, os, sys; "
    f"ctypes.CDLL(None).prctl({_PR_SET_PDEATHSIG}, {int(signal.SIGKILL)}); "
    "os.execvp(sys.argv[1], sys.argv[1:])"
)


def ended_with_this_process(command: Sequence[str]) -> list[str]:
    """Return a command that the kernel ends when this process is killed.

    Args:
      command: a program, looked for on the PATH, and its arguments.
    """
    return [sys.executable, "-I", "-S", "-c", _WRAPPER, *command]
