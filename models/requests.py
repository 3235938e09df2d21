"""Real rows as requests to each signature of the exported model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from models.features import Features, transformed

# Of arrays, by input or output.
Tensors = Mapping[str, npt.NDArray[Any]]

EXAMPLES = "examples"


def examples(rows: Sequence[bytes]) -> Tensors:
    """Return the input of signatures that take serialized examples: a tensor [rows]."""
    return {EXAMPLES: np.array(rows, dtype=object)}


def tensors(rows: Sequence[bytes], types: Mapping[str, str]) -> Tensors:
    """Return the inputs of `serving_tensors`: one raw tensor [rows] per feature.

    Args:
      rows: serialized examples.
      types: TensorFlow's name of a type, by input.

    Returns:
      An array by input; a number that is missing is NaN, a text that is missing is empty.

    Raises:
      ValueError: a whole number is missing that must be there.
    """
    from tensorflow.core.example import example_pb2  # TensorFlow takes seconds to import

    features = [example_pb2.Example.FromString(row).features.feature for row in rows]
    return {
        name: np.array([_value(row, name, dtype) for row in features], _NUMPY[dtype])
        for name, dtype in types.items()
    }


def matrix(columns: Tensors, features: Features) -> Tensors:
    """Return the input of `transformed`: a float32 matrix [rows, features].

    Args:
      columns: what `transform_features` returned.
      features: what the network learns from.
    """
    found = [columns[transformed(name)].reshape(-1) for name in features.inputs]
    return {"features": np.stack(found, axis=1).astype(np.float32)}


_NUMPY: Mapping[str, Any] = {"float32": np.float32, "int64": np.int64, "string": object}


def _value(row: Any, name: str, dtype: str) -> Any:
    kind = row[name].WhichOneof("kind")
    values = getattr(row[name], kind).value if kind else ()
    if values:
        return values[0]
    if dtype == "int64":
        raise ValueError(f"{name} is missing in a row, and must be there")
    return b"" if dtype == "string" else float("nan")
