"""Load a SavedModel as TF Serving would, and call it, before anybody else does.

`python -m serving.verify` reads a request from standard input, prints what is wrong with the model,
and ends with 1 if anything is.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from serving import files
from serving.errors import DamagedModel
from serving.manifest import model_id
from serving.trial import REQUIRED, Signature, Signatures, check

TIMEOUT_SECONDS = 300.0

_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}


class _Request(BaseModel):
    folder: Path
    expected: dict[str, Signature]
    timeout: float


@dataclass(frozen=True)
class _Trial:
    """A verification under way, of a folder with this content and request."""

    process: subprocess.Popen[str]
    model_id: str
    request: _Request


# What `begin` began.
_under_way: list[_Trial] = []


def begin(folder: Path, expected: Signatures = REQUIRED, timeout: float = TIMEOUT_SECONDS) -> None:
    """Begin to verify a model beside what goes on until it is published.

    `in_fresh_process` then takes the result for any folder with the same content.

    Args:
      folder: the SavedModel's.
      expected: signatures that it must have, and that must answer.
      timeout: seconds it may take.

    Raises:
      DamagedModel: there is no model.
    """
    request = _Request(folder=folder.resolve(), expected=dict(expected), timeout=timeout)
    for trial in _under_way:
        trial.process.kill()
        trial.process.communicate()
    _under_way[:] = [_Trial(_start(request), model_id(files.content(folder)), request)]


def _start(request: _Request) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "serving.verify"],
        cwd=Path(__file__).parent.parent,
        env=os.environ | _QUIET,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    # A process that ended before it read the request says why by its exit code.
    with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
        pipe.write(request.model_dump_json())
    process.stdin = None  # `communicate` would write to it
    return process


def in_fresh_process(
    folder: Path, expected: Signatures = REQUIRED, timeout: float = TIMEOUT_SECONDS
) -> None:
    """Verify a SavedModel in a process of its own, which may crash or hang without harm.

    Args:
      folder: the SavedModel's.
      expected: signatures that it must have, and that must answer.
      timeout: seconds it may take.

    Raises:
      DamagedModel: the model cannot be loaded or called, or an answer is not finite.
    """
    request = _Request(folder=folder.resolve(), expected=dict(expected), timeout=timeout)
    process = _begun(request) or _start(request)
    out, err = process.communicate()
    if process.returncode == 0:
        return
    if process.returncode == -signal.SIGALRM:
        problems = f"not loaded and called within {timeout:g} s"
    elif process.returncode == 1 and out:
        problems = "; ".join(out.splitlines())
    else:
        problems = f"its process ended with {process.returncode}: {_last_line(err)}"
    raise DamagedModel(
        folder, f"the model cannot be served: {problems}", "correct the model, and export it again"
    )


def _begun(request: _Request) -> subprocess.Popen[str] | None:
    """Return the process that already looks at the same content in the same way."""
    for trial in _under_way:
        same = trial.request.model_copy(update={"folder": request.folder}) == request
        if same and trial.model_id == model_id(files.content(request.folder)):
            _under_way.remove(trial)
            return trial.process
    return None


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no message"


def _main() -> int:
    for unused in ("keras", "googleapiclient"):
        # TensorFlow imports them if it can; that takes longer than all the rest.
        sys.modules[unused] = None  # type: ignore[assignment]
    request = _Request.model_validate_json(sys.stdin.read())
    # Ends this process even when a call hangs in C++, and when who started it was killed.
    signal.setitimer(signal.ITIMER_REAL, request.timeout)
    problems = check(request.folder, request.expected)
    for problem in problems:
        print(problem)
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(_main())
