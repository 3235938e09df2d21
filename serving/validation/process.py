"""Processes that load a model, and may crash or hang without harm."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from serving.errors import DamagedModel

_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}


def prepare(module: str) -> subprocess.Popen[str]:
    """Start `python -m module`, which gets ready and waits for its request.

    Args:
      module: that calls `receive`.

    Returns:
      The process, for `ask`; it ends with its parent.
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


def ask(process: subprocess.Popen[str], request: str) -> None:
    """Send a process that was prepared its request.

    Args:
      process: that `prepare` started.
      request: what it receives.
    """
    assert process.stdin is not None
    # A process that ended before it read the request says why by its exit code.
    with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
        pipe.write(request)
    process.stdin = None  # `communicate` would write to it


def start(module: str, request: str) -> subprocess.Popen[str]:
    """Start `python -m module` with a request; return the process, for `finish`."""
    process = prepare(module)
    ask(process, request)
    return process


def receive() -> str:
    """Return the request to this process, which shall load a model; get ready meanwhile."""
    for unused in ("keras", "googleapiclient"):
        # TensorFlow imports them if it can; that takes longer than all the rest.
        sys.modules[unused] = None  # type: ignore[assignment]
    import tensorflow  # noqa: F401 (the request may come seconds later)

    return sys.stdin.read()


def limit(seconds: float) -> None:
    """End this process after so many seconds.

    Even when a call hangs in C++, and when the process that started it was killed.
    """
    signal.setitimer(signal.ITIMER_REAL, seconds)


def finish(process: subprocess.Popen[str], model: Path, timeout: float) -> str:
    """Wait for a process that loads a model.

    Args:
      process: that `start` started.
      model: for the error.
      timeout: seconds that the process gave itself.

    Returns:
      What it printed; nothing when it found nothing wrong.

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
    """Return the error that says why a model cannot be served."""
    return DamagedModel(
        model, f"the model cannot be served: {problem}", "correct the model, and export it again"
    )


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no message"
