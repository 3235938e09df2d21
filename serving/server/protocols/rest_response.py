"""Bodies of TensorFlow Serving's REST responses: arrays to JSON."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from serving.server.errors import invalid

# TensorFlow Serving encodes a text output as base64 when its name has this suffix.
_BYTES_SUFFIX = "_bytes"


def predictions(outputs: Mapping[str, Any], by_row: bool) -> bytes:
    """Return the body of an answer to `:predict`.

    Args:
      outputs: array by output.
      by_row: whether to write `predictions`, with one entry per row, instead of `outputs`.

    Raises:
      ServingError: an output cannot be divided into rows.
    """
    if not by_row:
        if len(outputs) == 1:
            [(name, value)] = outputs.items()
            return f'{{"outputs": {_text(name, value)}}}'.encode()
        fields = ", ".join(f"{json.dumps(k)}: {_text(k, v)}" for k, v in sorted(outputs.items()))
        return f'{{"outputs": {{{fields}}}}}'.encode()
    sizes = set()
    for name, value in sorted(outputs.items()):
        if value.ndim == 0:
            raise invalid(f"Tensor name: {name} has no shape information ")
        sizes.add(value.shape[0])
        if len(sizes) > 1:
            raise invalid(f"Tensor name: {name} has inconsistent batch size: {value.shape[0]}")
    if len(outputs) == 1:
        [(name, value)] = outputs.items()
        return f'{{"predictions": {_text(name, value)}}}'.encode()
    rows = [
        ", ".join(f"{json.dumps(k)}: {_text(k, v[row])}" for k, v in sorted(outputs.items()))
        for row in range(sizes.pop())
    ]
    return f'{{"predictions": [{", ".join(f"{{{row}}}" for row in rows)}]}}'.encode()


def results(content: Any) -> bytes:
    """Return the body of an answer to `:classify` or `:regress`.

    Args:
      content: ClassificationResult or RegressionResult.
    """
    if hasattr(content, "regressions"):
        values = ", ".join(
            number(np.float32(regression.value)) for regression in content.regressions
        )
        return f'{{"results": [{values}]}}'.encode()
    rows = []
    for row in content.classifications:
        pairs = (f"[{json.dumps(c.label)}, {number(np.float32(c.score))}]" for c in row.classes)
        rows.append(f"[{', '.join(pairs)}]")
    return f'{{"results": [{", ".join(rows)}]}}'.encode()


def _text(name: str, value: Any) -> str:
    array = np.asarray(value)
    if array.ndim:
        return f"[{', '.join(_text(name, item) for item in array)}]"
    if array.dtype.kind == "f":
        return number(array[()])
    if array.dtype.kind == "b":
        return "true" if array else "false"
    if array.dtype.kind in "iu":
        return str(int(array))
    text: Any = array[()]
    raw = text if isinstance(text, bytes) else str(text).encode()
    if name.endswith(_BYTES_SUFFIX):
        return json.dumps({"b64": base64.b64encode(raw).decode()})
    return json.dumps(raw.decode(errors="replace"))


def number(value: Any) -> str:
    """Format a float as TensorFlow Serving does: with six digits if exact, else with all digits.

    Args:
      value: NumPy float.
    """
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "-Infinity" if value < 0 else "Infinity"
    text = f"{value:.6g}"
    if type(value)(text) != value:
        text = f"{value:.{9 if value.dtype == np.float32 else 17}g}"
    return text if any(sign in text for sign in ".e") else f"{text}.0"
