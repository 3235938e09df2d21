"""Comparison of ONNX Runtime's answers with TensorFlow's."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import tensorflow as tf

from serving.onnx.errors import Disagrees

TOLERANCE = 1e-5

_BATCH = 1024
# One row, and an odd number of rows.
_SMALL = (1, 7)
_TIMED = 200


@dataclass(frozen=True)
class Agreement:
    """The result of a comparison.

    Args:
      rows: number of rows that were compared.
      difference: largest difference of any value.
      tensorflow_us: median microseconds of a call of TensorFlow with one row.
      onnx_us: median microseconds of the same call of ONNX Runtime.
    """

    rows: int
    difference: float
    tensorflow_us: float
    onnx_us: float


def compare(
    folder: Path,
    signature: str,
    model: bytes,
    rows: Mapping[str, Any],
    tolerance: float = TOLERANCE,
) -> Agreement:
    """Compare the answers of TensorFlow and ONNX Runtime to the same rows.

    Args:
      folder: folder of the SavedModel.
      signature: name of the converted signature.
      model: serialized ONNX model.
      rows: array by input.
      tolerance: largest accepted difference of a value; default 1e-5.

    Returns:
      The result of the comparison.

    Raises:
      Disagrees: a value differs by more than the tolerance, or a shape differs.
    """
    loaded = tf.saved_model.load(str(folder))
    function = loaded.signatures[signature]
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    outputs = [output.name for output in session.get_outputs()]

    def by_tensorflow(feed: Mapping[str, Any]) -> dict[str, Any]:
        results = function(**{name: tf.constant(value) for name, value in feed.items()})
        return {name: results[name].numpy() for name in outputs}

    def by_onnx(feed: Mapping[str, Any]) -> dict[str, Any]:
        return dict(zip(outputs, session.run(outputs, dict(feed))))

    largest = 0.0
    for feed in _batches(rows):
        expected, actual = by_tensorflow(feed), by_onnx(feed)
        for name in outputs:
            largest = max(largest, _difference(name, expected[name], actual[name]))
    if largest > tolerance:
        raise Disagrees(
            f"{folder}: ONNX Runtime's answers differ from TensorFlow's by up to {largest:.2g}; "
            f"the maximum is {tolerance:g}",
            "serve the SavedModel",
        )
    one = {name: value[:1] for name, value in rows.items()}
    return Agreement(
        len(next(iter(rows.values()))), largest, _median_us(by_tensorflow, one),
        _median_us(by_onnx, one),
    )  # fmt: skip


def _batches(rows: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    count = len(next(iter(rows.values())))
    for size in _SMALL:
        yield {name: value[:size] for name, value in rows.items()}
    for start in range(0, count, _BATCH):
        yield {name: value[start : start + _BATCH] for name, value in rows.items()}


def _difference(name: str, expected: Any, actual: Any) -> float:
    """Return the largest difference; infinity where only one is a number."""
    if expected.shape != actual.shape:
        raise Disagrees(
            f"{name}: ONNX Runtime's answer has shape {list(actual.shape)}, TensorFlow's has "
            f"{list(expected.shape)}",
            "serve the SavedModel",
        )
    if expected.dtype.kind not in "iuf":
        return 0.0 if np.array_equal(expected, actual) else float("inf")
    if np.array_equal(expected, actual, equal_nan=True):
        return 0.0
    difference = np.abs(expected.astype(np.float64) - actual.astype(np.float64))
    return float(np.nan_to_num(difference, nan=np.inf).max())


def _median_us(call: Callable[[Mapping[str, Any]], Any], feed: Mapping[str, Any]) -> float:
    taken = []
    for _ in range(_TIMED):
        began = time.perf_counter()
        call(feed)
        taken.append((time.perf_counter() - began) * 1e6)
    return statistics.median(taken)
