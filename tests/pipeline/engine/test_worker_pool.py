"""Python workers are started where only this machine reaches them."""

from __future__ import annotations

import signal
import subprocess
import sys

import grpc
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc


def _pool(port: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline.engine.worker_pool", "--port", port],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_a_pool_listens_on_loopback_and_ends_with_its_workers() -> None:
    with _pool("0") as pool:
        assert pool.stdout is not None
        host, _, port = pool.stdout.readline().split()[-1].rpartition(":")
        assert host == "127.0.0.1"
        with grpc.insecure_channel(f"{host}:{port}") as channel:
            stub = beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolStub(channel)
            request = beam_fn_api_pb2.StartWorkerRequest(worker_id="1")
            request.control_endpoint.url = "127.0.0.1:1"
            assert stub.StartWorker(request, timeout=30).error == ""
        second = _pool(port)
        _, errors = second.communicate(timeout=60)
        assert second.returncode == 2
        assert f"Stopped: cannot listen on 127.0.0.1:{port}; is it in use?" in errors
        pool.send_signal(signal.SIGTERM)
        assert pool.wait(timeout=60) == 0
