"""Conversion of a SavedModel's signature to an ONNX model.

The signature must take tensors, because ONNX cannot parse a `tf.Example`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
import tensorflow as tf
import tf2onnx

from serving.onnx.errors import NotConvertible

SIGNATURE = "transformed"
OPSET = 17
BATCH = "batch"


def convert(
    folder: Path, facts: Mapping[str, str], signature: str = SIGNATURE, opset: int = OPSET
) -> bytes:
    """Convert a signature to ONNX.

    Args:
      folder: folder of the SavedModel.
      facts: texts for the ONNX model's metadata, such as its origin, by name.
      signature: name of a signature whose tensors have the rows as first dimension; default
        `transformed`.
      opset: version of ONNX's operators; default 17.

    Returns:
      The serialized ONNX model, whose inputs and outputs have the signature's names.

    Raises:
      NotConvertible: there is no such signature, or it uses operations that ONNX does not have.
    """
    loaded = tf.saved_model.load(str(folder))
    if signature not in loaded.signatures:
        raise NotConvertible(
            f"{folder}: the model has no signature {signature}",
            f"choose one of {', '.join(sorted(loaded.signatures))}",
        )
    function = loaded.signatures[signature]
    inputs = function.structured_input_signature[1]
    names = sorted(inputs)
    outputs = sorted(function.structured_outputs)

    def flat(*values: Any) -> list[Any]:
        results = function(**dict(zip(names, values)))
        return [results[name] for name in outputs]

    try:
        model, _ = tf2onnx.convert.from_function(
            tf.function(flat, autograph=False),
            [tf.TensorSpec(inputs[name].shape, inputs[name].dtype, name) for name in names],
            opset=opset,
        )
        _rename(model, names, outputs)
        for key, value in sorted(facts.items()):
            model.metadata_props.add(key=key, value=value)
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:  # tf2onnx raises errors of any type
        raise NotConvertible(
            f"{folder}: signature {signature} cannot be converted: {error}",
            "change the operations of the network, or serve the SavedModel",
        ) from error
    unknown = {node.domain for node in model.graph.node} - {"", "ai.onnx", "ai.onnx.ml"}
    if unknown:
        raise NotConvertible(
            f"{folder}: signature {signature} needs operators of {', '.join(sorted(unknown))}",
            "change the operations of the network, or serve the SavedModel",
        )
    return bytes(model.SerializeToString(deterministic=True))


def _rename(model: Any, inputs: list[str], outputs: list[str]) -> None:
    """Give inputs and outputs the signature's names, and name their first dimension."""
    graph = model.graph
    output_names = dict(zip([value.name for value in graph.output], outputs))
    input_names = dict(zip([value.name for value in graph.input], inputs))
    names = {**output_names, **input_names}
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for value in (*graph.input, *graph.output):
        value.name = names[value.name]
        value.type.tensor_type.shape.dim[0].dim_param = BATCH
    # The names of inner values differ from run to run, and ONNX does not require them.
    del graph.value_info[:]
