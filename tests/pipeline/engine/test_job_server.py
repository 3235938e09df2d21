"""A job server's process: it answers before work is handed to it, and never outlives the run."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.engine.job_server import JobServer
from pipeline.errors import InfrastructureError
from tests.conftest import PROJECT

# Says which process it is and what it stages in, and then listens where a job server is told to.
_LISTENER = """
import os, pathlib, socket, sys
said = dict(word.removeprefix("--").split("=") for word in sys.argv[2:])
pathlib.Path(sys.argv[1]).write_text(f"{os.getpid()} {said['artifacts-dir']}")
with socket.create_server(("localhost", int(said["job-port"]))) as listening:
    while True:
        listening.accept()
"""


def _listener(folder: Path) -> list[str]:
    return [sys.executable, "-c", _LISTENER, str(folder / "said")]


def _said(folder: Path) -> tuple[int, Path]:
    process, staging = (folder / "said").read_text().split()
    return int(process), Path(staging)


def _runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # who has ended, and nobody has asked yet how


def test_it_answers_and_ends(tmp_path: Path) -> None:
    server = JobServer(_listener(tmp_path))
    process, staging = _said(tmp_path)
    assert server.runs and _runs(process) and staging.is_dir()
    server.end()
    assert not server.runs and not _runs(process) and not staging.exists()


def test_it_stages_where_the_settings_say(tmp_path: Path) -> None:
    server = JobServer(_listener(tmp_path), tmp_path / "staging")
    server.end()
    assert _said(tmp_path)[1] == tmp_path / "staging"


def test_one_that_ends_at_once_is_told_of() -> None:
    with pytest.raises(InfrastructureError, match="ended at once, with exit code 3"):
        JobServer([sys.executable, "-c", "raise SystemExit(3)"])


def test_it_ends_when_the_run_is_killed(tmp_path: Path) -> None:
    start = (
        "import sys, time; from pipeline.engine.job_server import JobServer; "
        "JobServer(sys.argv[1:]); print('ready', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", start, *_listener(tmp_path)],
        stdout=subprocess.PIPE, text=True, cwd=PROJECT,
    ) as run:  # fmt: skip
        assert run.stdout is not None
        assert run.stdout.readline() == "ready\n"
        process, _ = _said(tmp_path)
        run.send_signal(signal.SIGKILL)
    for _ in range(100):
        if not _runs(process):
            return
        time.sleep(0.1)
    raise AssertionError("it still runs")
