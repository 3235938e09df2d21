"""Export a model with its four signatures."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft

from models.features import Features
from models.training.dataset import as_matrix, load_transform


def export(
    network: keras.Model, graph: tft.TFTransformOutput, features: Features, folder: str
) -> None:
    """Write a SavedModel with four signatures that share one transform and one network.

    `serving_default` reads serialized examples, `serving_tensors` one raw tensor [rows] for every
    feature, and `transformed` the float32 matrix [rows, features]; all three return float32
    `scores` [rows]. `transform_features` reads serialized examples and returns the transformed
    columns.

    Args:
      network: trained network.
      graph: output of the Transform component.
      features: label and features of the model.
      folder: path of the SavedModel.
    """
    servable = tf.Module()
    # With the network itself, SavedModel would restore copies of its variables, and in TensorFlow
    # Serving the variables that the signatures read would have no value.
    servable.weights = [variable.value for variable in network.variables]
    servable.transform, transform = load_transform(graph)
    raw_spec = graph.raw_feature_spec()
    spec = {name: raw_spec[name] for name in features.inputs}
    spec_with_label = spec | {features.label: raw_spec[features.label]}
    examples = tf.TensorSpec([None], tf.string, name="examples")

    def score(matrix: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"scores": tf.reshape(network(matrix, training=False), [-1])}

    # The transform graph has no Python control flow, so AutoGraph would rewrite it for nothing.
    @tf.function(autograph=False, input_signature=[examples])
    def serving_default(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return score(as_matrix(features, transform(tf.io.parse_example(examples, spec))))

    @tf.function(autograph=False, input_signature=[tensor_specs(spec)])
    def serving_tensors(columns: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        raw = {name: _as_parsed(columns[name], spec[name]) for name in spec}
        return score(as_matrix(features, transform(raw)))

    @tf.function(autograph=False, input_signature=[examples])
    def transform_features(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return transform(tf.io.parse_example(examples, spec_with_label))

    @tf.function(
        autograph=False,
        input_signature=[tf.TensorSpec([None, len(features.inputs)], tf.float32, name="features")],
    )
    def transformed(features: tf.Tensor) -> dict[str, tf.Tensor]:
        return score(features)

    signatures = {
        "serving_default": serving_default,
        "serving_tensors": serving_tensors,
        "transform_features": transform_features,
        "transformed": transformed,
    }
    servable.signatures_kept = list(signatures.values())
    tf.saved_model.save(servable, folder, signatures=signatures)


def tensor_specs(spec: dict[str, Any]) -> dict[str, tf.TensorSpec]:
    """Return the inputs of `serving_tensors`.

    An optional number is float32, and NaN if it is missing; a missing text is "".

    Args:
      spec: parsing spec of the raw features.

    Returns:
      A spec of shape [rows] by feature name.
    """
    return {
        name: tf.TensorSpec([None], _tensor_dtype(parsing), name=name)
        for name, parsing in spec.items()
    }


def _tensor_dtype(parsing: Any) -> tf.DType:
    optional = isinstance(parsing, tf.io.VarLenFeature)
    return tf.float32 if optional and parsing.dtype == tf.int64 else parsing.dtype


def _as_parsed(column: tf.Tensor, parsing: Any) -> Any:
    """Convert a tensor to the form in which `parse_example` returns the feature."""
    if not isinstance(parsing, tf.io.VarLenFeature):
        return tf.reshape(column, tf.concat([[-1], tf.constant(parsing.shape, tf.int32)], 0))
    present = tf.not_equal(column, "") if column.dtype == tf.string else ~tf.math.is_nan(column)
    rows = tf.where(present)
    indices = tf.concat([rows, tf.zeros_like(rows)], axis=1)
    values = tf.cast(tf.boolean_mask(column, present), parsing.dtype)
    return tf.SparseTensor(indices, values, [tf.shape(column, tf.int64)[0], 1])
