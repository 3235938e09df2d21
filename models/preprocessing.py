"""Convert raw columns to numbers, with one graph for training and for every signature."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from models.features import from_config, transformed
from models.training import vocabularies


def preprocessing_fn(inputs: dict[str, Any], custom_config: dict[str, Any]) -> dict[str, tf.Tensor]:
    """Prepare every feature, with one analysis phase for all of them.

    Args:
      inputs: raw columns by name: dense [rows], or sparse if the schema allows missing values.
      custom_config: configuration of the component, with the features file under `features`.

    Returns:
      Tensors of shape [rows] by transformed name: float32 for numbers, int64 for positions.
    """
    features = from_config(custom_config)
    outputs: dict[str, tf.Tensor] = {}
    if features.numeric:
        outputs |= _normalize({name: inputs[name] for name in features.numeric})
    for name, size in features.buckets.items():
        # A missing or invalid value gets the position after the last one.
        bucket = _dense(inputs[name], tf.constant(size, tf.int64))
        inside = (bucket >= 0) & (bucket < size)
        outputs[transformed(name)] = tf.where(inside, bucket, tf.constant(size, tf.int64))
    if features.categorical:
        texts = _texts({name: inputs[name] for name in features.categorical})
        for name, values in texts.items():
            outputs[transformed(name)] = _positions(values, name, features.min_frequency)
    if features.label in inputs:
        outputs[transformed(features.label)] = _dense(
            inputs[features.label], tf.constant(0, tf.int64)
        )
    return outputs


def _normalize(columns: dict[str, Any]) -> dict[str, tf.Tensor]:
    # Stacked columns share one analyzer. It skips NaN, so the mean is that of the present values.
    nan = tf.constant(float("nan"), tf.float32)
    stacked = tf.stack([_dense(_as_float(value), nan) for value in columns.values()], axis=1)
    scaled = tft.scale_to_z_score(stacked, elementwise=True)
    scaled = tf.where(tf.math.is_nan(scaled), tf.zeros_like(scaled), scaled)
    return dict(zip(map(transformed, columns), tf.unstack(scaled, len(columns), axis=1)))


def _positions(values: tf.Tensor, name: str, min_frequency: int) -> tf.Tensor:
    # The graph counts the values of a batch, so Beam adds up a few counts instead of every row.
    distinct, _, counts = tf.unique_with_counts(values)
    vocabulary = tft.vocabulary(
        distinct,
        frequency_threshold=min_frequency,
        vocab_filename=vocabularies.key(name),
        weights=tf.cast(counts, tf.float32),
    )
    return tft.apply_vocabulary(values, vocabulary, num_oov_buckets=1)


def _texts(columns: dict[str, Any]) -> dict[str, tf.Tensor]:
    """Return the texts in the form that a line of a vocabulary can hold."""
    # All columns together cost a request as many operations as one column.
    texts = tf.concat([_dense(value, tf.constant("")) for value in columns.values()], axis=0)
    for character, byte in vocabularies.LINE_BREAKS:
        texts = tf.strings.regex_replace(texts, character, byte)
    return dict(zip(columns, tf.split(texts, len(columns))))


def _as_float(value: Any) -> Any:
    if isinstance(value, tf.SparseTensor):
        values = tf.cast(value.values, tf.float32)
        return tf.SparseTensor(value.indices, values, value.dense_shape)
    return tf.cast(value, tf.float32)


def _dense(value: Any, default: tf.Tensor) -> tf.Tensor:
    if isinstance(value, tf.SparseTensor):
        column = tf.SparseTensor(value.indices, value.values, [value.dense_shape[0], 1])
        value = tf.sparse.to_dense(column, default)
    return tf.reshape(value, [-1])
