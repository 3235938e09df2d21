"""Processes that are forked from one that has imported TensorFlow and TFX.

To import them takes 4 s, which is most of the time of a short command.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.process
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import coverage

# Python's fork server skips what it cannot import, so a test verifies that it can.
PRELOADED = ["tests.preloaded"]

_CONTEXT = multiprocessing.get_context("forkserver")


def start(
    entry: Callable[[list[str]], Any],
    args: list[str],
    environment: Mapping[str, str],
    cwd: Path,
    out: Path,
    err: Path,
) -> BaseProcess:
    """Start a function in a forked process, as the leader of a session.

    Args:
      entry: function of a module; what it returns is the exit code.
      args: its argument.
      environment: all environment variables of the process.
      cwd: working directory of the process.
      out: file that standard output is appended to.
      err: file that standard error is appended to; may be the same.

    Returns:
      The process; its `exitcode` is negative for a signal.
    """
    _CONTEXT.set_forkserver_preload(PRELOADED)
    process = _CONTEXT.Process(
        target=_run, args=(entry, args, dict(environment), str(cwd), str(out), str(err))
    )
    process.start()
    # Each later start asks all known children how they ended. Two threads that ask at once read
    # the exit code twice, and the second gets 255.
    multiprocessing.process._children.discard(process)  # type: ignore[attr-defined]
    return process


def taxiway(args: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command `taxiway` in a forked process.

    Args:
      args: words after the command's name.
      cwd: working directory of the process.

    Returns:
      The exit code and what was printed.
    """
    with tempfile.TemporaryDirectory(prefix="taxiway-fork-") as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = start(_taxiway, args, os.environ, cwd, out, err)
        process.join()
        assert process.exitcode is not None
        printed = [file.read_text("utf-8") if file.exists() else "" for file in (out, err)]
    return subprocess.CompletedProcess(["taxiway", *args], process.exitcode, *printed)


def _taxiway(args: list[str]) -> None:
    sys.argv = [str(Path(sys.executable).with_name("taxiway")), *args]
    from pipeline.cli import main

    main()


def _run(
    entry: Callable[[list[str]], Any],
    args: list[str],
    environment: dict[str, str],
    cwd: str,
    out: str,
    err: str,
) -> None:
    os.setsid()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    for stream, file in ((1, out), (2, err)):
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(descriptor, stream)
        os.close(descriptor)
    try:
        sys.exit(entry(args))
    finally:
        measured = coverage.Coverage.current()
        if measured is not None:  # multiprocessing ends without what saves it
            measured.stop()
            measured.save()
