"""A worker pool listens on loopback, and ends its workers with itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import grpc
import pytest
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc


def _pool(port: str, *args: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline.beam.worker_pool", "--port", port, *args],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | environment,
    )  # fmt: skip


# A worker runs this before Beam: it prints more than a pipe holds, and then writes its process id.
_TALKATIVE = """
import os, pathlib, sys, time
if sys.orig_argv[1] == "-c":
    print("x" * 200_000, flush=True)
    pathlib.Path(os.environ["CONTINUED"]).write_text(str(os.getpid()))
    time.sleep(600)
"""


def _start_worker(port: str) -> str:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolStub(channel)
        request = beam_fn_api_pb2.StartWorkerRequest(worker_id="1")
        request.control_endpoint.url = "127.0.0.1:1"
        return str(stub.StartWorker(request, timeout=30).error)


def test_a_pool_listens_on_loopback_only() -> None:
    with _pool("0") as pool:
        assert pool.stdout is not None
        host, _, port = pool.stdout.readline().split()[-1].rpartition(":")
        assert host == "127.0.0.1"
        second = _pool(port)
        _, errors = second.communicate(timeout=60)
        assert second.returncode == 2
        assert f"Stopped: cannot listen on 127.0.0.1:{port}; is it in use?" in errors
        pool.send_signal(signal.SIGTERM)
        assert pool.wait(timeout=60) == 0


def test_a_worker_may_print_and_ends_with_its_pool(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(_TALKATIVE)
    continued = tmp_path / "continued"
    # The pool has started already, so only the worker imports this file from the project's folder.
    with _pool("0", "--code", str(tmp_path), CONTINUED=str(continued)) as pool:
        assert pool.stdout is not None
        port = pool.stdout.readline().strip().rpartition(":")[2]
        assert _start_worker(port) == ""
        assert pool.stdout.readline() == "x" * 200_000 + "\n"
        while not continued.exists() or not continued.read_text():
            time.sleep(0.05)
        pool.send_signal(signal.SIGTERM)
        assert pool.wait(timeout=60) == 0
    with pytest.raises(ProcessLookupError):
        os.kill(int(continued.read_text()), 0)
