"""Statistics of logged requests of every kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_serving.apis import prediction_log_pb2

from pipeline.errors import DataRefused
from pipeline.sources import request_logs
from schema import columns
from tests.conftest import PROJECT

SCHEMA = columns.load(PROJECT / "schema" / "schema.pbtxt")
ROWS = [("EWR", 100, 50.5), ("JFK", 200, None)]


def _example(origin: str, distance: int, temp: float | None) -> tf.train.Example:
    example = tf.train.Example()
    example.features.feature["origin"].bytes_list.value.append(origin.encode())
    example.features.feature["distance"].int64_list.value.append(distance)
    if temp is not None:
        example.features.feature["temp"].float_list.value.append(temp)
    return example


def _predicted_examples(log: prediction_log_pb2.PredictionLog) -> None:
    serialized = [_example(*row).SerializeToString() for row in ROWS]
    log.predict_log.request.inputs["examples"].CopyFrom(tf.make_tensor_proto(serialized))


def _predicted_tensors(log: prediction_log_pb2.PredictionLog) -> None:
    origins, distances, temps = zip(*ROWS)
    tensors = {
        "origin": tf.constant(origins),
        "distance": tf.constant(distances, tf.int64),
        "temp": tf.constant([float("nan") if temp is None else temp for temp in temps]),
    }
    for name, values in tensors.items():
        log.predict_log.request.inputs[name].CopyFrom(tf.make_tensor_proto(values))


def _classified(log: prediction_log_pb2.PredictionLog) -> None:
    listed = log.classify_log.request.input.example_list.examples
    listed.extend(_example(*row) for row in ROWS)


def _regressed(log: prediction_log_pb2.PredictionLog) -> None:
    listed = log.regress_log.request.input.example_list.examples
    listed.extend(_example(*row) for row in ROWS)


def _write(file: Path, log: prediction_log_pb2.PredictionLog) -> None:
    options = tf.io.TFRecordOptions("GZIP" if file.suffix == ".gz" else "")
    with tf.io.TFRecordWriter(str(file), options) as out:
        out.write(log.SerializeToString())


def _common(statistics: Any, name: str) -> Any:
    [dataset] = statistics.datasets
    [feature] = [column for column in dataset.features if column.path.step[0] == name]
    return getattr(feature, feature.WhichOneof("stats")).common_stats


@pytest.mark.parametrize(
    "request_", [_predicted_examples, _predicted_tensors, _classified, _regressed]
)
@pytest.mark.parametrize("name", ["requests.tfrecord", "requests.tfrecord.gz"])
def test_the_rows_of_a_request_are_measured(tmp_path: Path, request_: Any, name: str) -> None:
    log = prediction_log_pb2.PredictionLog()
    request_(log)
    _write(tmp_path / name, log)
    measured = request_logs.statistics(tmp_path, SCHEMA)
    assert measured.datasets[0].num_examples == 2
    assert (_common(measured, "temp").num_non_missing, _common(measured, "temp").num_missing) == (
        1,
        1,
    )
    [origin] = [
        column for column in measured.datasets[0].features if column.path.step[0] == "origin"
    ]
    assert {bucket.label for bucket in origin.string_stats.rank_histogram.buckets} == {
        "EWR",
        "JFK",
    }


@pytest.mark.parametrize("content", [b"", b"no records at all", b"\0" * 40])
def test_a_file_that_is_not_a_log_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "requests").write_bytes(content)
    with pytest.raises(DataRefused, match=r"not a prediction log of|no logged requests"):
        request_logs.statistics(tmp_path, schema_pb2.Schema())


def test_new_logs_have_another_fingerprint(tmp_path: Path) -> None:
    before = request_logs.fingerprint(tmp_path)
    (tmp_path / "requests").write_bytes(b"x")
    assert request_logs.fingerprint(tmp_path) != before
