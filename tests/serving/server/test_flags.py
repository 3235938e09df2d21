"""The effect of the server's flags."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from serving.ports import free_port
from serving.server import options
from serving.server.errors import ServingError
from serving.server.server import ModelServer
from serving.validation import warmup
from tests.serving.server.models import export


@contextmanager
def _serving(base: Path, *flags: str) -> Iterator[ModelServer]:
    args = ["--model_name=m", f"--model_base_path={base}", "--port=0", *flags]
    server = ModelServer(options.parse(args))
    try:
        yield server
    finally:
        server.stop()


def _predict(address: str) -> Any:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "m"
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(np.float32([2, 4])))
    with grpc.insecure_channel(address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        return stub.Predict(request, timeout=20).outputs["y"]


def test_a_unix_socket_answers_too(exported: dict[int, Path], tmp_path: Path) -> None:
    socket = tmp_path / "grpc.socket"
    with _serving(exported[1].parent, f"--grpc_socket_path={socket}") as server:
        for address in (f"unix:{socket}", f"127.0.0.1:{server.port}"):
            assert list(_predict(address).float_val) == [0.5, 1]


def test_numbers_come_as_raw_bytes_when_asked_for(exported: dict[int, Path]) -> None:
    with _serving(exported[1].parent, "--enable_serialization_as_tensor_content") as server:
        answer = _predict(f"127.0.0.1:{server.port}")
    assert (len(answer.float_val), answer.tensor_content) == (0, np.float32([0.5, 1]).tobytes())
    assert tf.make_ndarray(answer).tolist() == [0.5, 1]


@pytest.mark.parametrize(
    ("flags", "origin"), [((), None), (("--rest_api_enable_cors_support",), "*")]
)
def test_browsers_of_other_origins_are_answered_when_that_is_allowed(
    exported: dict[int, Path], flags: tuple[str, ...], origin: str | None
) -> None:
    port = free_port()
    with (
        _serving(exported[1].parent, f"--rest_api_port={port}", *flags),
        urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models/m", timeout=20) as answer,
    ):
        assert answer.headers["Access-Control-Allow-Origin"] == origin


def test_a_version_that_is_mended_is_loaded_at_the_next_try(tmp_path: Path) -> None:
    base = tmp_path / "m"
    model = export(base / "1")
    graph = model / "saved_model.pb"
    whole = graph.read_bytes()
    graph.write_bytes(whole[:100])
    flags = ("--load_retry_interval_micros=100000", "--file_system_poll_wait_seconds=1")
    with _serving(base, *flags) as server:
        address = f"127.0.0.1:{server.port}"
        with pytest.raises(grpc.RpcError, match="Servable not found"):
            _predict(address)
        graph.write_bytes(whole)
        for _ in range(200):
            try:
                assert list(_predict(address).float_val) == [1, 2]
                return
            except grpc.RpcError:
                time.sleep(0.05)
    raise AssertionError("it was not loaded")


def test_a_version_whose_warm_up_fails_does_not_serve(tmp_path: Path) -> None:
    base = tmp_path / "m"
    model = export(base / "1")
    warmup.write(model, [("fails", {"x": np.float32([1])})])
    once = "--max_num_load_retries=0"
    with pytest.raises(ServingError, match="not finite"), _serving(base, once):
        pass
    with _serving(base, once, "--enable_model_warmup=false") as server:
        assert list(_predict(f"127.0.0.1:{server.port}").float_val) == [1, 2]


def test_the_graph_with_the_tags_is_loaded(exported: dict[int, Path]) -> None:
    base = exported[1].parent
    with (
        pytest.raises(ServingError, match="Could not find meta graph def matching supplied tags"),
        _serving(base, "--saved_model_tags=gpu", "--max_num_load_retries=0"),
    ):
        pass
