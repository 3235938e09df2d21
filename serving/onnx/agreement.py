"""Whether ONNX Runtime answers as TensorFlow does."""

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
# One row, an odd number of rows, and what is left at the end.
_SMALL = (1, 7)
_TIMED = 200


@dataclass(frozen=True)
class Agreement:
    """How far the answers are from each other.

    Args:
      rows: that were compared.
      difference: the largest, of any output.
      tensorflow_us: microseconds of a call with one row, the median.
      onnx_us: of the same call of ONNX Runtime.
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
    """Send the same rows to both.

    Args:
      folder: the SavedModel's.
      signature: that was converted.
      model: the ONNX model.
      rows: an array by input.
      tolerance: that no value may differ by more than.

    Returns:
      How far the answers are from each other.

    Raises:
      Disagrees: further than the tolerance, or in shape.
    """
    loaded = tf.saved_model.load(str(folder))
    function = loaded.signatures[signature]
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    outputs = [output.name for output in session.get_outputs()]

    def by_tensorflow(feed: Mapping[str, Any]) -> dict[str, Any]:
        found = function(**{name: tf.constant(value) for name, value in feed.items()})
        return {name: found[name].numpy() for name in outputs}

    def by_onnx(feed: Mapping[str, Any]) -> dict[str, Any]:
        return dict(zip(outputs, session.run(outputs, dict(feed))))

    largest = 0.0
    for feed in _batches(rows):
        expected, got = by_tensorflow(feed), by_onnx(feed)
        for name in outputs:
            largest = max(largest, _difference(name, expected[name], got[name]))
    if largest > tolerance:
        raise Disagrees(
            f"{folder}: ONNX Runtime answers up to {largest:.2g} other than TensorFlow, at most "
            f"{tolerance:g} expected",
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


def _difference(name: str, expected: Any, got: Any) -> float:
    """Return the largest difference; infinity where only one is a number."""
    if expected.shape != got.shape:
        raise Disagrees(
            f"{name}: ONNX Runtime answers with shape {list(got.shape)}, TensorFlow with "
            f"{list(expected.shape)}",
            "serve the SavedModel",
        )
    if expected.dtype.kind not in "iuf":
        return 0.0 if np.array_equal(expected, got) else float("inf")
    if np.array_equal(expected, got, equal_nan=True):
        return 0.0
    difference = np.abs(expected.astype(np.float64) - got.astype(np.float64))
    return float(np.nan_to_num(difference, nan=np.inf).max())


def _median_us(call: Callable[[Mapping[str, Any]], Any], feed: Mapping[str, Any]) -> float:
    taken = []
    for _ in range(_TIMED):
        began = time.perf_counter()
        call(feed)
        taken.append((time.perf_counter() - began) * 1e6)
    return statistics.median(taken)
