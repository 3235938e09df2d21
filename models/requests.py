"""Convert rows to requests for every signature of the exported model."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from models.features import Features, transformed

# Arrays by the name of the input or output.
Tensors = Mapping[str, npt.NDArray[Any]]

EXAMPLES = "examples"

# Signature that reads a tensor for every column.
TENSORS = "serving_tensors"


def reads_examples(signature: str, inputs: Collection[str]) -> bool:
    """Return whether a signature reads serialized examples, and not a column named `examples`.

    Args:
      signature: name of the signature.
      inputs: names of its inputs.
    """
    return set(inputs) == {EXAMPLES} and signature != TENSORS


def examples(rows: Sequence[bytes]) -> Tensors:
    """Return the input of signatures that read serialized examples: a tensor [rows].

    Args:
      rows: serialized examples.
    """
    return {EXAMPLES: np.array(rows, dtype=object)}


def tensors(rows: Sequence[bytes], types: Mapping[str, str]) -> Tensors:
    """Return the inputs of `serving_tensors`: one raw tensor [rows] for every feature.

    Args:
      rows: serialized examples.
      types: TensorFlow's name of the type, by input.

    Returns:
      An array by input; a missing number is NaN, and a missing text is empty.

    Raises:
      ValueError: a required whole number is missing.
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
      columns: output of `transform_features`.
      features: label and features of the model.
    """
    values = [columns[transformed(name)].reshape(-1) for name in features.inputs]
    return {"features": np.stack(values, axis=1).astype(np.float32)}


_NUMPY: Mapping[str, Any] = {"float32": np.float32, "int64": np.int64, "string": object}


def _value(row: Any, name: str, dtype: str) -> Any:
    kind = row[name].WhichOneof("kind")
    values = getattr(row[name], kind).value if kind else ()
    if values:
        return values[0]
    if dtype == "int64":
        raise ValueError(f"cannot make a request because a row has no value of {name}")
    return b"" if dtype == "string" else float("nan")
