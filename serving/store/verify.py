"""Load a SavedModel as TF Serving would, and call it, before anybody else does.

`python -m serving.store.verify` reads a request from standard input, prints what is wrong with
the model, and ends with 1 if anything is.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import BaseModel

from serving.store import model_files
from serving.store.manifest import model_id
from serving.validation import worker_process
from serving.validation.model_check import REQUIRED, Signature, Signatures, check

TIMEOUT_SECONDS = 300.0

# Ids of models that this process knows to be good.
_good: set[str] = set()


class _Request(BaseModel):
    folder: Path
    expected: dict[str, Signature]
    timeout: float


def remember(good_model_id: str) -> None:
    """Spare a model the verification, because it has just passed a stricter one.

    Args:
      good_model_id: `manifest.model_id` of the files that were loaded.
    """
    _good.add(good_model_id)


def in_worker_process(
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
