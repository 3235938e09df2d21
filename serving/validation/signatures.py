"""The signatures of a SavedModel, read without loading the model."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

# TensorFlow Model Analysis prefers the outputs of a model in this order.
_SCORES = ("scores", "outputs", "predictions", "logistic", "probabilities", "logits")


class Tensor(NamedTuple):
    """An input or output of a signature.

    Args:
      dtype: TensorFlow's name of the type.
      shape: size of every dimension, None for any; None if the number of dimensions varies.
    """

    dtype: str
    shape: tuple[int | None, ...] | None


class Tensors(NamedTuple):
    """The inputs and outputs of a signature, by name.

    Args:
      inputs: inputs by name.
      outputs: outputs by name.
    """

    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]


def read(folder: Path) -> dict[str, Tensors]:
    """Read the signatures of a SavedModel.

    Args:
      folder: folder of the SavedModel.

    Returns:
      Inputs and outputs by signature.

    Raises:
      ValueError: the graph cannot be read.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    try:
        graph = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
        return {
            name: from_proto(signature)
            for meta_graph in graph.meta_graphs
            for name, signature in meta_graph.signature_def.items()
            if not name.startswith("__saved_model")
        }
    except (OSError, DecodeError, TypeError) as error:
        raise ValueError(f"{folder}: not a SavedModel: {error}") from error


def from_proto(signature: Any) -> Tensors:
    """Return the inputs and outputs of a SignatureDef.

    Args:
      signature: SignatureDef of a loaded model.

    Raises:
      TypeError: TensorFlow does not support a type.
    """
    import tensorflow as tf

    def tensor(info: Any) -> Tensor:
        shape = tf.TensorShape(info.tensor_shape)
        return Tensor(
            tf.as_dtype(info.dtype).name, None if shape.rank is None else tuple(shape.as_list())
        )

    return Tensors(
        {key: tensor(info) for key, info in signature.inputs.items()},
        {key: tensor(info) for key, info in signature.outputs.items()},
    )


def score_output(names: Collection[str]) -> str | None:
    """Return the output that TensorFlow Model Analysis takes for the score.

    Args:
      names: outputs of a signature.

    Returns:
      The only output, or the first with a usual name; None if neither exists.
    """
    if len(names) == 1:
        return next(iter(names))
    return next((name for name in _SCORES if name in names), None)
