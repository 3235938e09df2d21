"""Worker processes that load a model, and may crash or hang without harm to their parent."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from serving.errors import DamagedModel

_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}


def start(module: str) -> subprocess.Popen[str]:
    """Start `python -m module`, which imports TensorFlow and waits for its request.

    Args:
      module: dotted name of a module that calls `recv`.

    Returns:
      The process, for `send`. It ends with its parent.
    """
    return subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=Path(__file__).parents[2],
        env=os.environ | _QUIET,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def send(process: subprocess.Popen[str], request: str) -> None:
    """Send a request to a process that `start` returned.

    Args:
      process: process that waits for its request.
      request: text that the process reads with `recv`.
    """
    assert process.stdin is not None
    # The exit code of a process that ended before it read the request states the reason.
    with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
        pipe.write(request)
    process.stdin = None  # `communicate` would write to it


def recv() -> str:
    """Import TensorFlow in this worker process, then wait for the request.

    Returns:
      The text that the parent passed to `send`.
    """
    for unused in ("keras", "googleapiclient"):
        # TensorFlow imports them if it can, which takes longer than everything else.
        sys.modules[unused] = None  # type: ignore[assignment]
    import tensorflow  # noqa: F401 (the request may come seconds later)

    return sys.stdin.read()


def limit(seconds: float) -> None:
    """End this process after some time, even when a call hangs in C++ or the parent was killed.

    Args:
      seconds: time until the end.
    """
    signal.setitimer(signal.ITIMER_REAL, seconds)


def wait(process: subprocess.Popen[str], model: Path, timeout: float) -> str:
    """Wait for a worker process to end.

    Args:
      process: process that got its request.
      model: folder of the model, for the error.
      timeout: seconds that the process passed to `limit`.

    Returns:
      The process's output; "" when it reported no problem.

    Raises:
      DamagedModel: the process crashed or hung.
    """
    out, err = process.communicate()
    if process.returncode == 0 or (process.returncode == 1 and out):
        return out
    if process.returncode == -signal.SIGALRM:
        problem = f"not loaded and called within {timeout:g} s"
    else:
        problem = f"its process ended with {process.returncode}: {_last_line(err)}"
    raise damaged(model, problem)


def damaged(model: Path, problem: str) -> DamagedModel:
    """Return the error for a model that cannot be served.

    Args:
      model: folder of the model.
      problem: reason.
    """
    return DamagedModel(
        model, f"the model cannot be served: {problem}", "fix the model, and export it again"
    )


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no message"
