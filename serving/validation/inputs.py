"""Inputs to check a SavedModel with: its warm-up requests, and generated ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

DEFAULT = "serving_default"
WARMUP = Path("assets.extra") / "tf_serving_warmup_requests"

_ROWS = 2


def warmup(tf: Any, folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """Read the requests that TensorFlow Serving sends when it loads the model.

    Args:
      tf: the TensorFlow module, which only worker processes import.
      folder: folder of the SavedModel.

    Returns:
      Signature and inputs of every request.
    """
    file = folder / WARMUP
    if not file.exists():
        return []
    from tensorflow_serving.apis import prediction_log_pb2

    requests = []
    # TensorFlow's eager readers fail while a graph is the default, so the old one is used.
    for record in tf.compat.v1.io.tf_record_iterator(str(file)):
        log = prediction_log_pb2.PredictionLog.FromString(record)
        if log.HasField("predict_log"):
            request = log.predict_log.request
            feed = {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
            requests.append((request.model_spec.signature_name or DEFAULT, feed))
    return requests


def generate(tf: Any, info: Any, text: bytes) -> Any:
    """Generate an input that contains ones, or a text.

    Args:
      tf: the TensorFlow module.
      info: TensorInfo of the input.
      text: value for an input of type text.

    Returns:
      An array of the declared shape, with two rows.

    Raises:
      ValueError: the input declares no shape.
    """
    import numpy as np

    rank = tf.TensorShape(info.tensor_shape).as_list()
    shape = [size if size is not None else (1 if axis else _ROWS) for axis, size in enumerate(rank)]
    dtype = tf.as_dtype(info.dtype)
    if dtype == tf.string:
        return np.full(shape, text, dtype=object)
    return np.ones(shape, dtype.as_numpy_dtype)


def example(tf: Any, graph_def: Any) -> bytes:
    """Generate a tf.Example with a value for every feature that the graph parses.

    Args:
      tf: the TensorFlow module.
      graph_def: GraphDef of the model.

    Returns:
      The serialized example; an empty one when the graph parses no examples.
    """
    example = tf.train.Example()
    for nodes in (graph_def.node, *(function.node_def for function in graph_def.library.function)):
        constants = {node.name: node for node in nodes if node.op == "Const"}
        for node in nodes:
            if node.op == "ParseExampleV2":
                for key, dtype, size in _parsed(tf, node, constants):
                    _fill(tf, example.features.feature[key], dtype, size)
    return bytes(example.SerializeToString())


def _parsed(tf: Any, node: Any, constants: Mapping[str, Any]) -> Iterator[tuple[str, Any, int]]:
    """Yield name, type and number of values of every feature that a ParseExampleV2 reads."""
    types = {"sparse_types": 2, "Tdense": 3, "ragged_value_types": 4}
    for attribute, position in types.items():
        constant = constants.get(node.input[position].split(":")[0])
        if constant is None:
            continue
        keys = tf.make_ndarray(constant.attr["value"].tensor).reshape(-1).tolist()
        shapes = node.attr["dense_shapes"].list.shape if attribute == "Tdense" else ()
        sizes = [abs(tf.TensorShape(shape).num_elements() or 1) for shape in shapes]
        for index, (key, dtype) in enumerate(zip(keys, node.attr[attribute].list.type)):
            yield key.decode(), tf.as_dtype(dtype), sizes[index] if sizes else 1


def _fill(tf: Any, feature: Any, dtype: Any, size: int) -> None:
    if dtype == tf.string:
        feature.bytes_list.value[:] = [b"1"] * size
    elif dtype == tf.int64:
        feature.int64_list.value[:] = [1] * size
    else:
        feature.float_list.value[:] = [1.0] * size
