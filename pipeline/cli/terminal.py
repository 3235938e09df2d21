"""Keep what libraries print off the terminal."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from pipeline.errors import UsageError


def new_log(workspace: Path, name: str) -> Path:
    """Create a log file in a workspace.

    Args:
      workspace: the folder of all state; created when missing.
      name: of the file, without suffix.

    Returns:
      The file.

    Raises:
      UsageError: the workspace cannot be written.
    """
    file = workspace / "logs" / f"{name}.log"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    except OSError as error:
        raise UsageError(
            f"{workspace}: the workspace cannot be written: {error.strerror}.",
            "choose another with --workspace",
        ) from error
    return file


@contextmanager
def library_output_to(log_file: Path) -> Iterator[TextIO]:
    """Send everything that is written to stdout and stderr to a log file.

    It works on the process's file descriptors, because TensorFlow's native code writes to them.

    Args:
      log_file: created, with its folder; appended to when it exists.

    Yields:
      The real standard output, for what the user is meant to see.
    """
    log_file.parent.mkdir(parents=True, exist_ok=True)
    log = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    sys.stdout.flush()
    sys.stderr.flush()
    kept_out, kept_err = os.dup(1), os.dup(2)
    try:
        with os.fdopen(os.dup(kept_out), "w", encoding="utf-8", buffering=1) as terminal:
            os.dup2(log, 1)
            os.dup2(log, 2)
            try:
                yield terminal
            finally:
                try:
                    sys.stdout.flush()
                    sys.stderr.flush()
                finally:  # also when the log's disk is full
                    os.dup2(kept_out, 1)
                    os.dup2(kept_err, 2)
    finally:
        os.close(kept_out)
        os.close(kept_err)
        # TensorFlow's objects complain once more while Python takes itself apart.
        atexit.register(os.dup2, log, 2)
