"""A run that was killed says so, and one that ends does not."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

_PROJECT = Path(__file__).parents[3]


def _end(statement: str, limit: str = "unlimited") -> subprocess.CompletedProcess[str]:
    code = f"import os\nfrom pipeline.cli.deaths import announced\nwith announced():\n  {statement}"
    command = ["bash", "-c", f'ulimit -v {limit}; exec "$@"', "-", sys.executable, "-c", code]
    return subprocess.run(command, cwd=_PROJECT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV])
def test_a_killed_process_is_announced(number: signal.Signals) -> None:
    done = _end(f"os.kill(os.getpid(), {int(number)})")
    assert done.returncode == -number
    assert done.stderr.startswith("Stopped: the run was killed, or a library aborted it; ")
    assert "Next   free memory, or set a smaller source.window" in done.stderr


def test_the_limit_of_the_shell_is_named() -> None:
    done = _end("os.abort()", limit="3000000")
    assert "Next   remove the limit of 3,000,000 kB (ulimit -v unlimited" in done.stderr


@pytest.mark.parametrize(
    ("statement", "code"), [("pass", 0), ("raise SystemExit(4)", 4), ("raise MemoryError", 1)]
)
def test_a_process_that_ends_by_itself_is_not_announced(statement: str, code: int) -> None:
    done = _end(statement)
    assert done.returncode == code
    assert "Stopped" not in done.stderr
