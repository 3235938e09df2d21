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


def examples_input(
    signature: str, types: Mapping[str, str], columns: Collection[str]
) -> str | None:
    """Return the input of a signature that reads serialized examples; None if it reads columns.

    Args:
      signature: name of the signature.
      types: TensorFlow's name of the type, by input.
      columns: columns of the data, one of which may be called `examples`.
    """
    if len(types) != 1 or signature == TENSORS:
        return None
    [(name, dtype)] = types.items()
    reads = dtype == "string" and (name == EXAMPLES or name not in columns)
    return name if reads else None


def examples(rows: Sequence[bytes], name: str = EXAMPLES) -> Tensors:
    """Return the input of signatures that read serialized examples: a tensor [rows].

    Args:
      rows: serialized examples.
      name: name of the input; default `examples`.
    """
    return {name: np.array(rows, dtype=object)}


def tensors(rows: Sequence[bytes], types: Mapping[str, str]) -> Tensors:
    """Return the inputs of `serving_tensors`: one raw tensor [rows] for every feature.

    Args:
      rows: serialized examples.
      types: TensorFlow's name of the type, by input.

    Returns:
      An array by input; a missing number is NaN, and a missing text is empty.

    Raises:
      ValueError: a required whole number is missing, or rows have no values of a type.
    """
    unsupported = sorted(set(types.values()) - _NUMPY.keys())
    if unsupported:
        raise ValueError(f"rows have no values of type {', '.join(unsupported)}")
    from tensorflow.core.example import example_pb2  # TensorFlow takes seconds to import

    features = [example_pb2.Example.FromString(row).features.feature for row in rows]
    return {
        name: np.array([_value(row, name, dtype) for row in features], _NUMPY[dtype])
        for name, dtype in types.items()
    }


def has_matrix(columns: Tensors, features: Features) -> bool:
    """Return whether `transform_features` returned the columns that `transformed` reads.

    Args:
      columns: output of `transform_features`; empty if the model has no such signature.
      features: label and features of the model.
    """
    return all(transformed(name) in columns for name in features.inputs)


def matrix(columns: Tensors, features: Features) -> Tensors:
    """Return the input of `transformed`: a float32 matrix [rows, features].

    Args:
      columns: output of `transform_features`.
      features: label and features of the model.
    """
    values = [columns[transformed(name)].reshape(-1) for name in features.inputs]
    return {"features": np.stack(values, axis=1).astype(np.float32)}


_NUMPY: Mapping[str, Any] = {
    "float32": np.float32,
    "float64": np.float64,
    "int32": np.int32,
    "int64": np.int64,
    "string": object,
}


def _value(row: Any, name: str, dtype: str) -> Any:
    kind = row[name].WhichOneof("kind")
    values = getattr(row[name], kind).value if kind else ()
    if values:
        return values[0]
    if dtype.startswith("int"):
        raise ValueError(f"cannot make a request because a row has no value of {name}")
    return b"" if dtype == "string" else float("nan")
