"""Ctrl-C ends a command with one line and exit code 130, whatever the process imports by then."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

_COMMAND = Path(sys.executable).with_name("taxiway")

# Python runs a module of this name at its start. It sends a real signal at the given import,
# because the time until that import differs from machine to machine.
_SITE = """
import os, signal, sys

first, number = os.environ["INTERRUPT_AT"].split()
left = None

def interrupt(event, args):
    global left
    if event != "import":
        return
    if left is None and args[0] == first:
        left = int(number)
    if left is not None:
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGINT)

sys.addaudithook(interrupt)
signal.signal(signal.SIGINT, signal.default_int_handler)
"""


def _interrupted(
    folder: Path, module: str, number: int, *args: str
) -> subprocess.CompletedProcess[str]:
    """Run a command, and interrupt it at an import, counted from that of a module."""
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text(_SITE)
    environment = os.environ | {
        "PYTHONPATH": str(folder / "site"),
        "INTERRUPT_AT": f"{module} {number}",
    }
    return subprocess.run(
        [_COMMAND, *args], env=environment, cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("number", [1, 2, 5, 10, 20, 40, 80, 120])
def test_an_interruption_of_the_start_is_one_line(tmp_path: Path, number: int) -> None:
    done = _interrupted(tmp_path, "pipeline.cli.interruption", number, "registry", "list")
    assert (done.returncode, done.stdout) == (128 + signal.SIGINT, "")
    assert done.stderr.lstrip("\n") == "Interrupted. Continue with:  taxiway registry list\n"


@pytest.mark.parametrize("number", [1, 100, 400])
def test_an_interruption_that_native_code_drops_is_raised_again(
    tmp_path: Path, number: int
) -> None:
    """pyarrow's native code imports pandas, prints what that raises, and continues."""
    done = _interrupted(tmp_path, "pandas", number, "doctor")
    assert done.returncode == 128 + signal.SIGINT
    assert done.stderr.lstrip("\n") == "Interrupted. Continue with:  taxiway doctor\n"


def test_an_interruption_of_the_start_is_json_when_asked(tmp_path: Path) -> None:
    done = _interrupted(tmp_path, "pipeline.cli.app", 10, "registry", "list", "--json")
    assert (done.returncode, done.stderr.strip()) == (130, "")
    assert json.loads(done.stdout) == {
        "error": "Interrupted.",
        "next": "taxiway registry list --json",
        "exit_code": 130,
    }


def test_a_process_in_the_background_ignores_ctrl_c_as_its_shell_asked(tmp_path: Path) -> None:
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "from pipeline.settings import loading\n"
        "stock = loading.load_plain\n"
        "def interrupted(*args):\n"
        "    signal.raise_signal(signal.SIGINT)\n"
        "    return stock(*args)\n"
        "loading.load_plain = interrupted\n"
        "from pipeline import cli; cli.main(['settings'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and "Interrupted" not in done.stderr
