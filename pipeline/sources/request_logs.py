"""Compute statistics of served requests, to compare training data with them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import tensorflow as tf
from tensorflow_data_validation import StatsOptions
from tensorflow_data_validation.statistics.stats_impl import generate_statistics_in_memory
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_serving.apis import prediction_log_pb2
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from models import requests, tfrecords
from pipeline.errors import DataRefused

_MAX_REQUESTS = 100_000


def fingerprint(folder: Path) -> str:
    """Return a hash of the names, sizes and times of a folder's files.

    Args:
      folder: folder of the logs.
    """
    digest = hashlib.sha256()
    for file in _files(folder):
        status = file.stat()
        digest.update(f"{file}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def statistics(folder: Path, schema: schema_pb2.Schema) -> Any:
    """Compute the statistics of the rows of logged requests.

    Args:
      folder: folder of TFRecords with TensorFlow Serving's PredictionLog, gzipped or not.
      schema: curated schema of the data.

    Returns:
      Statistics of the first 100,000 rows.

    Raises:
      DataRefused: there are no requests, or a file is not such a log.
    """
    rows: list[bytes] = []
    for file in _files(folder):
        try:
            for record in tfrecords.read([file]):
                rows += _examples(prediction_log_pb2.PredictionLog.FromString(record))
        except Exception as error:
            raise DataRefused(
                f"{file}: not a prediction log of TensorFlow Serving.", "fix source.serving_logs"
            ) from error
        if len(rows) >= _MAX_REQUESTS:
            break
    if not rows:
        raise DataRefused(f"{folder}: no logged requests there.", "fix source.serving_logs")
    batch: pa.RecordBatch = ExamplesToRecordBatchDecoder().DecodeBatch(rows[:_MAX_REQUESTS])
    return generate_statistics_in_memory(batch, StatsOptions(schema=schema))


def _files(folder: Path) -> list[Path]:
    """Return the files without the hidden ones, which are still being written."""
    return sorted(file for file in folder.rglob("[!.]*") if file.is_file())


def _examples(log: prediction_log_pb2.PredictionLog) -> Iterator[bytes]:
    """Yield the rows of a request as serialized tf.Examples."""
    kind = log.WhichOneof("log_type")
    if kind in ("classify_log", "regress_log"):
        examples = getattr(log, kind).request.input.example_list.examples
        yield from (example.SerializeToString() for example in examples)
    elif kind == "predict_log":
        request = log.predict_log.request
        inputs = request.inputs
        types = {name: tf.as_dtype(tensor.dtype).name for name, tensor in inputs.items()}
        name = requests.examples_input(request.model_spec.signature_name, types, ())
        if name is not None:
            yield from inputs[name].string_val
        else:
            yield from _rows({name: tf.make_ndarray(inputs[name]) for name in inputs})


def _rows(columns: dict[str, Any]) -> Iterator[bytes]:
    """Yield a tf.Example for every row of `serving_tensors`, where NaN and "" mean no value."""
    for row in zip(*(values.ravel() for values in columns.values())):
        example = tf.train.Example()
        for name, value in zip(columns, row):
            feature = example.features.feature[name]
            if isinstance(value, (bytes, str)):
                if value:
                    feature.bytes_list.value.append(tf.compat.as_bytes(value))
            elif columns[name].dtype.kind == "f":
                if value == value:
                    feature.float_list.value.append(value)
            else:
                feature.int64_list.value.append(value)
        yield example.SerializeToString()
