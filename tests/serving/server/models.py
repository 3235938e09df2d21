"""Models that call every part of TensorFlow Serving's contract."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def export(folder: Path, factor: float = 0.5) -> Path:
    """Export a model with a signature for each kind of call.

    Args:
      folder: where the SavedModel goes; its parent is TensorFlow Serving's base path.
      factor: of `serving_default`, so that versions differ.

    Returns:
      The folder.
    """
    import tensorflow as tf

    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        weight = v1.get_variable("weight", initializer=tf.constant(factor))
        x = v1.placeholder(tf.float32, [None], "x")
        a, b = (v1.placeholder(tf.float32, [None, 2], name) for name in "ab")
        whole = v1.placeholder(tf.int64, [None], "whole")
        text = v1.placeholder(tf.string, [None], "text")
        truth = v1.placeholder(tf.bool, [None], "truth")
        serialized = v1.placeholder(tf.string, [None], "serialized")
        parsed = tf.io.parse_example(
            serialized,
            {
                "value": tf.io.FixedLenFeature([], tf.float32, 1.0),
                "name": tf.io.FixedLenFeature([], tf.string, "none"),
            },
        )
        value = parsed["value"]
        signatures = {
            "serving_default": _signature({"x": x}, {"y": x * weight}),
            "together": _signature(
                {"x": x}, {"y": x * weight, "rows": tf.fill(tf.shape(x), tf.size(x))}
            ),
            "two": _signature({"a": a, "b": b}, {"sum": a + b, "product": a * b}),
            "whole": _signature({"n": whole}, {"n": whole * 2, "half": whole / 2}),
            "text": _signature(
                {"s": text},
                {"s": tf.strings.upper(text), "raw_bytes": tf.strings.join([text, "!"])},
            ),
            "truth": _signature({"t": truth}, {"t": tf.logical_not(truth)}),
            "scalar": _signature({"x": x}, {"total": tf.reduce_sum(x)}),
            "specials": _signature(
                {"x": x}, {"y": tf.stack([x / 0.0, -x / 0.0, 0.0 * x / 0.0], axis=1)}
            ),
            "fails": _signature(
                {"x": x}, {"y": tf.debugging.check_numerics(x / 0.0, "not finite")}
            ),
            "classify": _signature(
                {"inputs": serialized},
                {
                    "classes": tf.stack([parsed["name"], tf.fill(tf.shape(value), "no")], axis=1),
                    "scores": tf.stack([value, 1 - value], axis=1),
                },
                "classify",
            ),
            "regress": _signature({"inputs": serialized}, {"outputs": value * 2}, "regress"),
        }
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, ["serve"], signatures)
        builder.save()
    return folder


def _signature(inputs: dict[str, Any], outputs: dict[str, Any], method: str = "predict") -> Any:
    import tensorflow as tf

    utils = tf.compat.v1.saved_model.utils
    return tf.compat.v1.saved_model.build_signature_def(
        {name: utils.build_tensor_info(tensor) for name, tensor in inputs.items()},
        {name: utils.build_tensor_info(tensor) for name, tensor in outputs.items()},
        f"tensorflow/serving/{method}",
    )
