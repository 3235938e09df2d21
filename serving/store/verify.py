"""Verification of a SavedModel: load it as TensorFlow Serving does, and call it.

`python -m serving.store.verify` reads a request from standard input and prints one problem of the
model per line. Its exit code is 1 if there are any.
"""

from __future__ import annotations

import sys
from pathlib import Path

from serving.frozen import FrozenModel
from serving.store import model_files
from serving.store.manifest import model_id
from serving.validation import worker_process
from serving.validation.model_check import REQUIRED, Signature, Signatures, check

TIMEOUT_SECONDS = 300.0

# Ids of models that this process has verified.
_good: set[str] = set()


class _Request(FrozenModel):
    folder: Path
    expected: dict[str, Signature]
    timeout: float


def remember(good_model_id: str) -> None:
    """Skip the verification of a model from now on, because it has passed a stricter one.

    Args:
      good_model_id: `manifest.model_id` of the files that were loaded.
    """
    _good.add(good_model_id)


def in_worker_process(
    folder: Path, expected: Signatures = REQUIRED, timeout: float = TIMEOUT_SECONDS
) -> None:
    """Verify a SavedModel in a separate process, which may crash or hang without harm.

    Args:
      folder: folder of the SavedModel.
      expected: signatures that the model must have and that must answer; default:
        `serving_default`.
      timeout: seconds that the verification may take; default 300.

    Raises:
      DamagedModel: the model cannot be loaded or called, or an answer is not finite.
    """
    if expected is REQUIRED and model_id(model_files.hash_files(folder)) in _good:
        return
    request = _Request(folder=folder.resolve(), expected=dict(expected), timeout=timeout)
    process = worker_process.start("serving.store.verify")
    worker_process.send(process, request.model_dump_json())
    problems = worker_process.wait(process, folder, timeout)
    if problems:
        raise worker_process.damaged(folder, "; ".join(problems.splitlines()))


def _main() -> int:
    request = _Request.model_validate_json(worker_process.recv())
    worker_process.limit(request.timeout)
    problems = check(request.folder, request.expected)
    for problem in problems:
        print(problem)
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(_main())
