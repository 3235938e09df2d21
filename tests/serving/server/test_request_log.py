"""A sample of the requests is logged to detect skew, and no request waits for the log."""

from __future__ import annotations

import json
import os
import time
import urllib.request
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    predict_pb2,
    prediction_log_pb2,
    prediction_service_pb2_grpc,
)

from serving.ports import free_port
from serving.server import options
from serving.server.metrics import Metrics
from serving.server.request_log import RequestLog
from serving.server.server import ModelServer


def _logs(folder: Path) -> list[Any]:
    files = sorted(folder.glob("requests-*.tfrecord"))
    return [
        prediction_log_pb2.PredictionLog.FromString(record)
        for file in files
        for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator()
    ]


def test_requests_over_both_protocols_are_logged_with_their_answers(
    exported: dict[int, Path], tmp_path: Path
) -> None:
    rest_port = free_port()
    server = ModelServer(
        options.parse([
            "--model_name=m", f"--model_base_path={exported[1].parent}", "--port=0",
            f"--rest_api_port={rest_port}", f"--request_log_dir={tmp_path}",
            "--request_log_sampling_rate=1",
        ])
    )  # fmt: skip
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "m"
        request.inputs["x"].CopyFrom(tf.make_tensor_proto(np.float32([4])))
        stub.Predict(request, timeout=20)
        classify = classification_pb2.ClassificationRequest()
        classify.model_spec.name, classify.model_spec.signature_name = "m", "classify"
        classify.input.example_list.examples.add()
        stub.Classify(classify, timeout=20)
    body = json.dumps({"instances": [8]}).encode()
    url = f"http://127.0.0.1:{rest_port}/v1/models/m:predict"
    urllib.request.urlopen(urllib.request.Request(url, body), timeout=20).read()
    server.stop()
    over_grpc, classified, over_rest = _logs(tmp_path)
    for log, asked, answer in ((over_grpc, 4, 1), (over_rest, 8, 2)):
        assert log.log_metadata.model_spec.version.value == 2
        assert tf.make_ndarray(log.predict_log.request.inputs["x"]).tolist() == [asked]
        assert tf.make_ndarray(log.predict_log.response.outputs["y"]).tolist() == [answer]
    assert len(classified.classify_log.request.input.example_list.examples) == 1
    assert list(tmp_path.glob(".*")) == []


def _filled(log: RequestLog, count: int, size: int = 1) -> None:
    for number in range(count):
        record = prediction_log_pb2.PredictionLog()
        record.predict_log.request.model_spec.name = str(number) * size
        log.offer("m", lambda record=record: record)


def test_only_a_sample_is_logged(tmp_path: Path) -> None:
    log = RequestLog(tmp_path, 0.0, Metrics())
    _filled(log, 100)
    log.close()
    assert _logs(tmp_path) == []
    log = RequestLog(tmp_path, 0.5, Metrics())
    _filled(log, 1000)
    log.close()
    assert 400 < len(_logs(tmp_path)) < 600


def test_files_are_rotated_and_the_oldest_go(tmp_path: Path) -> None:
    log = RequestLog(tmp_path, 1.0, Metrics(), max_file_bytes=1, max_files=3)
    stale = tmp_path / ".unfinished-requests-of-a-killed-server.tfrecord"
    stale.touch()
    long_ago = time.time() - 3600
    os.utime(stale, (long_ago, long_ago))
    _filled(log, 10)
    log.close()
    names = [log.predict_log.request.model_spec.name for log in _logs(tmp_path)]
    assert sorted(names) == ["7", "8", "9"]
    assert list(tmp_path.glob(".*")) == []


def test_records_that_cannot_be_written_in_time_are_dropped_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = Metrics()
    folder = tmp_path / "logs"
    log = RequestLog(folder, 1.0, metrics)
    folder.rmdir()  # as if the disk went away
    _filled(log, 3000)
    text = metrics.text().decode()
    [line] = [
        line for line in text.splitlines()
        if line.startswith(":tensorflow:serving:request_log_count") and "EXHAUSTED" in line
    ]  # fmt: skip
    assert float(line.split()[-1]) >= 3000 - 1024 - 2
    folder.mkdir()
    log.close()
    assert "requests are not logged" in caplog.text
    assert len(_logs(folder)) > 0


def test_a_request_that_cannot_be_logged_is_answered_nevertheless(tmp_path: Path) -> None:
    metrics = Metrics()
    log = RequestLog(tmp_path, 1.0, metrics)

    def broken() -> Any:
        raise ValueError("no such tensor")

    log.offer("m", broken)
    log.close()
    assert 'status_code="INTERNAL"} 1.0' in metrics.text().decode()
