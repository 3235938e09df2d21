"""Keep the output of libraries off the terminal."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from pipeline.errors import UsageError


def silence_libraries() -> None:
    """Silence TensorFlow and Google's libraries; call it before they are imported.

    Their errors are raised all the same, and Taxiway reports them.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning, module="google")


def new_log(workspace: Path, name: str) -> Path:
    """Create a log file in a workspace.

    Args:
      workspace: the folder of all state; created when missing.
      name: the file's name without suffix.

    Returns:
      The path of the file.

    Raises:
      UsageError: the workspace cannot be written.
    """
    file = workspace / "logs" / f"{name}.log"
    try:
        # The workspace may be a link to a folder that does not exist yet.
        file.parent.resolve().mkdir(parents=True, exist_ok=True)
        file.touch()
    except OSError as error:
        raise UsageError(
            f"{workspace}: the workspace cannot be written: {error.strerror}.",
            "choose another folder with --workspace",
        ) from error
    return file


@contextmanager
def library_output_to(log_file: Path) -> Iterator[TextIO]:
    """Send everything that is written to stdout and stderr to a log file.

    It redirects the process's file descriptors because TensorFlow's native code writes to them.

    Args:
      log_file: the file to append to; created, with its folder, when missing.

    Yields:
      The real standard output, for messages to the user.
    """
    log_file.parent.resolve().mkdir(parents=True, exist_ok=True)
    log = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    sys.stdout.flush()
    sys.stderr.flush()
    saved_out, saved_err = os.dup(1), os.dup(2)
    try:
        with os.fdopen(os.dup(saved_out), "w", encoding="utf-8", buffering=1) as terminal:
            os.dup2(log, 1)
            os.dup2(log, 2)
            try:
                yield terminal
            finally:
                try:
                    sys.stdout.flush()
                    sys.stderr.flush()
                finally:  # also when the disk of the log is full
                    os.dup2(saved_out, 1)
                    os.dup2(saved_err, 2)
    finally:
        os.close(saved_out)
        os.close(saved_err)
        # TensorFlow's objects print complaints while the interpreter exits.
        atexit.register(os.dup2, log, 2)
