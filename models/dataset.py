"""Batches of transformed features, straight from raw examples through the transform graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform.saved import saved_transform_io_v2

from models import tfrecords
from models.features import Features, transformed

# Rows that are parsed, transformed and kept together; wide enough to make each of them cheap.
_BLOCK = 1024

Transform = Callable[[dict[str, Any]], dict[str, tf.Tensor]]


def load_transform(graph: tft.TFTransformOutput) -> tuple[tf.Module, Transform]:
    """Load the transform graph.

    Args:
      graph: what the Transform component wrote.

    Returns:
      A module that owns the graph's tables, and the function from raw to transformed columns.
      The function computes what its inputs allow: without the label, everything but the label.
    """
    # TFT's own Keras layer does the same through AutoGraph, which makes an export 5 times slower.
    loader = saved_transform_io_v2.SavedModelLoader(graph.transform_savedmodel_dir)
    owner = tf.Module()
    owner.loaded = loader._imported
    owner.loader = loader
    return owner, loader.apply_transform_model


def as_matrix(features: Features, columns: dict[str, tf.Tensor]) -> tf.Tensor:
    """Stack transformed columns to the float32 matrix [rows, features] that the network takes."""
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
      features: what the model learns from.
      graph: what the Transform component wrote.
      keep: from row positions [rows] to a mask [rows] of those that are part of the data set.
      cache: file name prefix that keeps the blocks between epochs; memory stays bounded.

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
    blocks.owner = owner  # the graph's tables live as long as the data set
    return blocks


def shuffled(blocks: tf.data.Dataset, batch_size: int, seed: int) -> tf.data.Dataset:
    """Reshuffle blocks and the rows in them each epoch, the same way for the same seed.

    Args:
      blocks: what `read` returns.
      batch_size: rows in a training batch.
      seed: of the order.

    Returns:
      Batches of (matrix, label).
    """
    seeds = tf.data.Dataset.random(seed, rerandomize_each_iteration=True).batch(2)

    def mix(block: tuple[tf.Tensor, tf.Tensor], at: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        order = tf.random.experimental.stateless_shuffle(tf.range(tf.shape(block[0])[0]), at)
        return tf.gather(block[0], order), tf.gather(block[1], order)

    return (
        tf.data.Dataset.zip((blocks.shuffle(64, seed), seeds))
        .map(tf.autograph.experimental.do_not_convert(mix))
        .rebatch(batch_size)
        .prefetch(2)
    )
