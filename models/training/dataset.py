"""Read raw examples as batches of transformed features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform.saved import saved_transform_io_v2

from models import tfrecords
from models.features import Features, transformed

# Rows that are parsed, transformed and cached together; more rows in a block cost less per row.
_BLOCK = 1024

Transform = Callable[[dict[str, Any]], dict[str, tf.Tensor]]


def load_transform(graph: tft.TFTransformOutput) -> tuple[tf.Module, Transform]:
    """Load the transform graph.

    Args:
      graph: output of the Transform component.

    Returns:
      A module that owns the graph's tables, and the function from raw to transformed columns.
      Without the label among its inputs, the function returns all columns but the label.
    """
    # TFT's Keras layer uses AutoGraph, which makes an export 5 times slower, so it is not used.
    loader = saved_transform_io_v2.SavedModelLoader(graph.transform_savedmodel_dir)
    owner = tf.Module()
    owner.loaded = loader._imported
    owner.loader = loader
    return owner, loader.apply_transform_model


def as_matrix(features: Features, columns: dict[str, tf.Tensor]) -> tf.Tensor:
    """Stack transformed columns to the float32 matrix [rows, features] that the network reads.

    Args:
      features: label and features of the model.
      columns: transformed columns by name, each [rows].
    """
    return tf.stack(
        [tf.cast(columns[transformed(name)], tf.float32) for name in features.inputs], axis=1
    )


def read(
    patterns: Sequence[str],
    features: Features,
    graph: tft.TFTransformOutput,
    keep: Callable[[tf.Tensor], tf.Tensor],
    cache: Path,
) -> tf.data.Dataset:
    """Read examples as blocks of (matrix [rows, features], label [rows, 1]).

    Args:
      patterns: globs of TFRecord files of serialized examples, already in random order.
      features: label and features of the model.
      graph: output of the Transform component.
      keep: function from row positions [rows] to a mask [rows] of the rows in the data set.
      cache: prefix of the files that hold the blocks between epochs, so that memory is bounded.

    Returns:
      The data set of one epoch.
    """
    owner, transform = load_transform(graph)
    spec = {
        name: spec
        for name, spec in graph.raw_feature_spec().items()
        if name in features.inputs or name == features.label
    }

    def prepare(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        serialized = tf.boolean_mask(serialized, keep(tf.range(tf.shape(serialized)[0])))
        columns = transform(tf.io.parse_example(serialized, spec))
        label = tf.cast(columns[transformed(features.label)], tf.float32)
        return as_matrix(features, columns), label[:, tf.newaxis]

    files = sorted(file for pattern in patterns for file in tf.io.gfile.glob(pattern))
    blocks = (
        tfrecords.dataset(files)
        .batch(_BLOCK)
        .map(tf.autograph.experimental.do_not_convert(prepare), num_parallel_calls=2)
        .cache(str(cache))
    )
    blocks.owner = owner  # keeps the graph's tables as long as the data set
    return blocks


def shuffled(blocks: tf.data.Dataset, batch_size: int, seed: int) -> tf.data.Dataset:
    """Shuffle blocks and the rows in them in every epoch; the same seed gives the same order.

    Args:
      blocks: data set that `read` returns.
      batch_size: number of rows in a training batch.
      seed: seed of the order.

    Returns:
      Batches of (matrix, label).
    """
    seeds = tf.data.Dataset.random(seed, rerandomize_each_iteration=True).batch(2)

    def mix(block: tuple[tf.Tensor, tf.Tensor], row_seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        order = tf.random.experimental.stateless_shuffle(tf.range(tf.shape(block[0])[0]), row_seed)
        return tf.gather(block[0], order), tf.gather(block[1], order)

    return (
        tf.data.Dataset.zip((blocks.shuffle(64, seed), seeds))
        .map(tf.autograph.experimental.do_not_convert(mix))
        .rebatch(batch_size)
        .prefetch(2)
    )
