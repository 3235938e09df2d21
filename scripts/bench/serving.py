"""Measure the model server beside typical handwritten servers."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from scripts.bench import load
from serving.client.transport import EncodedRequest
from serving.ports import free_port

FASTAPI, REST, EAGER, GRPC = "FastAPI", "Taxiway, REST", "gRPC, eager", "Taxiway, gRPC"
BATCHES = (1, 32)
CONCURRENCY = 32

_SIGNATURE = "serving_tensors"
_JSON = {"content-type": "application/json"}
_GRPC = {"content-type": "application/grpc", "te": "trailers"}
_SECONDS, _WARM = 5, 300
_READY_SECONDS = 120.0


@dataclass(frozen=True)
class Serving:
    """The measurements of all servers.

    Args:
      loads: throughput and latency by contender and rows per request.
      in_process_us: microseconds of a call of the signature without a server, by rows.
      ready_seconds: seconds from the start of the command to the first answer.
    """

    loads: Mapping[tuple[str, int], load.Load]
    in_process_us: Mapping[int, float]
    ready_seconds: float


def measure(folder: Path, repeat: int = 3) -> Serving:
    """Measure all servers with one model, one after the other.

    Args:
      folder: folder of a published version, with warm-up requests.
      repeat: number of rounds; the result is their median. Default 3.

    Returns:
      The measurements.

    Raises:
      RuntimeError: a server does not start, or a request fails.
    """
    from serving.server.servables.servable import Servable

    rows = _rows(folder)
    servable = Servable(folder)
    in_process = {batch: _in_process(servable, _batch(rows, batch)) for batch in BATCHES}
    servable.close()
    ready: list[float] = []
    loads: dict[tuple[str, int], list[load.Load]] = {}
    for _ in range(repeat):
        for names, command, ports in _contenders(folder):
            print(f"serving: {', '.join(names)}", file=sys.stderr, flush=True)
            with _running(command, ports) as seconds:
                if REST in names:
                    ready.append(seconds)
                for name, port in zip(names, ports):
                    for batch in BATCHES:
                        wire = _request(name, port, folder.parent.name, rows, batch)
                        result = load.drive(wire, CONCURRENCY, _SECONDS)
                        loads.setdefault((name, batch), []).append(result)
    medians = {key: load.median(results) for key, results in loads.items()}
    return Serving(medians, in_process, sorted(ready)[len(ready) // 2])


def _contenders(folder: Path) -> Iterator[tuple[list[str], list[str], list[int]]]:
    """Yield the names, the command and the ports of every server."""
    ports = [free_port() for _ in range(4)]
    python = [sys.executable, "-m"]
    yield (
        [FASTAPI],
        [*python, "scripts.bench.contenders.fastapi", str(folder), str(ports[0])],
        ports[:1],
    )
    yield (
        [EAGER],
        [*python, "scripts.bench.contenders.eager_grpc", str(folder), str(ports[1])],
        ports[1:2],
    )
    taxiway = str(Path(sys.executable).with_name("taxiway"))
    base = folder.parent
    yield (
        [REST, GRPC],
        [
            taxiway, "serve", f"--model_name={base.name}", f"--model_base_path={base}",
            f"--rest_api_port={ports[2]}", f"--port={ports[3]}",
        ],
        ports[2:],
    )  # fmt: skip


@contextmanager
def _running(command: list[str], ports: list[int]) -> Iterator[float]:
    """Run a server; yield the seconds until all of its ports accept connections."""
    began = time.monotonic()
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    )
    try:
        for port in ports:
            while not _listens(port):
                if process.poll() is not None or time.monotonic() - began > _READY_SECONDS:
                    raise RuntimeError(f"{' '.join(command)} does not serve")
                time.sleep(0.02)
        yield time.monotonic() - began
    finally:
        process.terminate()
        process.wait()


def _request(
    name: str, port: int, model: str, rows: Mapping[str, Any], batch: int
) -> EncodedRequest:
    """Return a request to a contender, after it was answered with one score for every row."""
    arrays = _batch(rows, batch)
    if name in (EAGER, GRPC):
        body, scores = _request_grpc(port, model, arrays)
        _check(scores, batch, name)
        url = f"http://127.0.0.1:{port}/tensorflow.serving.PredictionService/Predict"
        return EncodedRequest(url, _GRPC, body, http2=True)
    columns = {key: [_plain(value) for value in array] for key, array in arrays.items()}
    if name == FASTAPI:
        url, body = f"http://127.0.0.1:{port}/predict", json.dumps(_nulls(columns)).encode()
    else:
        url = f"http://127.0.0.1:{port}/v1/models/{model}:predict"
        body = json.dumps({"signature_name": _SIGNATURE, "inputs": columns}).encode()
    answer = _post(url, body)
    _check(len(answer.get("predictions") or answer["outputs"]), batch, name)
    return EncodedRequest(url, _JSON, body, http2=False)


def _request_grpc(port: int, model: str, arrays: Mapping[str, Any]) -> tuple[bytes, int]:
    """Send one request; return its encoded bytes and the number of scores."""
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, _SIGNATURE
    for key, value in arrays.items():
        request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    content = request.SerializeToString()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        answer = stub.Predict(request, timeout=_READY_SECONDS, wait_for_ready=True)
    scores = tf.make_ndarray(answer.outputs["scores"])
    return b"\0" + struct.pack(">I", len(content)) + content, len(scores)


def _post(url: str, body: bytes) -> Any:
    request = urllib.request.Request(url, body, headers=_JSON)
    with urllib.request.urlopen(request, timeout=_READY_SECONDS) as answer:
        return json.load(answer)


def _check(scores: int, rows: int, name: str) -> None:
    if scores != rows:
        raise RuntimeError(f"{name} answered {scores} scores for {rows} rows")


def _rows(folder: Path) -> dict[str, Any]:
    """Return the real rows among a version's warm-up requests, by column."""
    import tensorflow as tf

    from serving.validation import inputs

    requests = [feed for name, feed in inputs.warmup(tf, folder) if name == _SIGNATURE]
    return {key: np.concatenate([request[key] for request in requests]) for key in requests[0]}


def _batch(rows: Mapping[str, Any], batch: int) -> dict[str, Any]:
    return {key: np.resize(value, batch) for key, value in rows.items()}


def _plain(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value.item()


def _nulls(columns: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Replace NaN by null, because JSON has no NaN."""
    return {
        key: [None if value != value else value for value in column]
        for key, column in columns.items()
    }


def _in_process(servable: Any, arrays: Mapping[str, Any]) -> float:
    for _ in range(_WARM):
        servable.run(_SIGNATURE, arrays)
    began = time.perf_counter()
    for _ in range(_WARM):
        servable.run(_SIGNATURE, arrays)
    return (time.perf_counter() - began) / _WARM * 1e6


def _listens(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0
