"""The network: embeddings and numbers through a small deep part beside a wide linear one."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from models.features import Features


def build(
    features: Features,
    vocabulary_sizes: dict[str, int],
    units: Sequence[int],
    dropout: float,
) -> keras.Model:
    """Build the untrained network.

    Args:
      features: what it learns from.
      vocabulary_sizes: positions of each categorical feature, the unknown one included.
      units: width of each hidden layer.
      dropout: part of each hidden layer that a training step leaves out, 0 to 1.

    Returns:
      A model from one float32 matrix [rows, features] in the order of `Features.inputs`,
      positions as whole numbers, to float32 probabilities [rows, 1].
    """
    matrix = keras.Input((len(features.inputs),), name="features", dtype="float32")
    numbers = len(features.numeric)
    deep, wide = [matrix[:, :numbers]], [matrix[:, :numbers]]
    sizes = {name: size + 1 for name, size in features.buckets.items()} | vocabulary_sizes
    for at, name in enumerate(features.inputs[numbers:], start=numbers):
        positions = matrix[:, at]
        width = min(16, (sizes[name] + 3) // 2)
        # Named by position: a column's name may hold what TensorFlow takes in no name.
        embedding = keras.layers.Embedding(sizes[name], width, name=f"deep_{at}")
        weight = keras.layers.Embedding(sizes[name], 1, "zeros", name=f"wide_{at}")
        deep.append(embedding(positions))
        wide.append(weight(positions))
    hidden = keras.layers.Concatenate()(deep)
    for width in units:
        hidden = keras.layers.Dense(width, activation="relu")(hidden)
        hidden = keras.layers.Dropout(dropout)(hidden)
    linear = keras.layers.Concatenate()(wide)
    logit = keras.layers.Dense(1)(hidden) + keras.layers.Dense(1, use_bias=False)(linear)
    return keras.Model(matrix, keras.layers.Activation("sigmoid", name="scores")(logit))
