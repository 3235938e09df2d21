"""Export a model with its four signatures."""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.saved_model.pywrap_saved_model import fingerprinting

from models.features import Features
from models.training.dataset import as_matrix, load_transform

_VALID = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
# TensorFlow's own methods have this argument.
_TAKEN = frozenset({"self"})


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
    arguments = argument_names(list(spec))
    examples = tf.TensorSpec([None], tf.string, name="examples")

    def score(matrix: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"scores": tf.reshape(network(matrix, training=False), [-1])}

    # The transform graph has no Python control flow, so AutoGraph would rewrite it for nothing.
    @tf.function(autograph=False, input_signature=[examples])
    def serving_default(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return score(as_matrix(features, transform(tf.io.parse_example(examples, spec))))

    @tf.function(autograph=False, input_signature=[tensor_specs(spec, arguments)])
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
    # In Python, a function takes columns with any name as one table: `serving_tensors(columns)`.
    for name, function in signatures.items():
        setattr(servable, name, function)
    tf.saved_model.save(servable, folder, signatures=signatures)
    _restore_names(Path(folder), "serving_tensors", arguments)


def tensor_specs(spec: dict[str, Any], arguments: dict[str, str]) -> dict[str, tf.TensorSpec]:
    """Return the inputs of `serving_tensors`.

    An optional number is float32, and NaN if it is missing; a missing text is "".

    Args:
      spec: parsing spec of the raw features.
      arguments: valid names of the arguments, by feature name.

    Returns:
      A spec of shape [rows] by feature name.
    """
    return {
        name: tf.TensorSpec([None], _tensor_dtype(parsing), name=arguments[name])
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


def argument_names(columns: Sequence[str]) -> dict[str, str]:
    """Return a valid argument name for every column; a valid column keeps its name.

    Args:
      columns: names of the columns.

    Returns:
      Argument names by column; no two differ in case only, because names of operations must not.
    """
    folded = Counter(column.casefold() for column in columns)
    names: dict[str, str] = {}
    for position, column in enumerate(columns):
        valid = _VALID.fullmatch(column) and not keyword.iskeyword(column) and column not in _TAKEN
        name = column if valid and folded[column.casefold()] == 1 else f"column_{position}"
        while name != column and name.casefold() in folded:
            name += "_"
        names[column] = name
    return names


def _restore_names(folder: Path, signature: str, names: Mapping[str, str]) -> None:
    """Name the inputs of an exported signature by column.

    TensorFlow exports only names of Python arguments and of its operations. A request has no such
    limit, because its inputs are keys of the signature's message in `saved_model.pb`.
    """
    columns = {name: column for column, name in names.items()}
    if all(name == column for name, column in columns.items()):
        return
    file = folder / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    for meta_graph in model.meta_graphs:
        inputs = meta_graph.signature_def[signature].inputs
        by_column = {columns[name]: type(info).FromString(info.SerializeToString())
                     for name, info in inputs.items()}  # fmt: skip
        inputs.clear()
        for column, info in by_column.items():
            inputs[column].CopyFrom(info)
        for node in meta_graph.object_graph_def.nodes:
            keywords = node.bare_concrete_function.argument_keywords
            if set(keywords) == set(columns):
                keywords[:] = [columns[name] for name in keywords]
    file.write_bytes(model.SerializeToString(deterministic=True))
    fingerprint = fingerprinting.CreateFingerprintDef(str(folder))
    (folder / "fingerprint.pb").write_bytes(fingerprint)
