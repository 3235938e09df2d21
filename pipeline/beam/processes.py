"""Start processes that end with the process that started them."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

# Python code between fork and exec can hang beside TensorFlow, so a separate program sets the
# signal. Old releases of util-linux have no `setpriv --pdeathsig`.
_PR_SET_PDEATHSIG = 1
_WRAPPER = (
    "import ctypes, os, sys; "
    f"ctypes.CDLL(None).prctl({_PR_SET_PDEATHSIG}, {int(signal.SIGKILL)}); "
    "os.execvp(sys.argv[1], sys.argv[1:])"
)


def ended_with_this_process(command: Sequence[str]) -> list[str]:
    """Return a command that the kernel ends when this process is killed.

    Args:
      command: program, searched for on the PATH, and its arguments.
    """
    return [sys.executable, "-I", "-S", "-c", _WRAPPER, *command]
