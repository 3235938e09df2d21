"""Build the network: a small deep part beside a wide linear part."""

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
      features: label and features of the model.
      vocabulary_sizes: number of positions of every categorical feature, with the position of
        unknown values.
      units: width of every hidden layer.
      dropout: share of every hidden layer that a training step drops, 0 to 1.

    Returns:
      A model from one float32 matrix [rows, features] in the order of `Features.inputs`, with
      positions as whole numbers, to float32 probabilities [rows, 1].
    """
    matrix = keras.Input((len(features.inputs),), name="features", dtype="float32")
    numbers = len(features.numeric)
    deep, wide = [matrix[:, :numbers]], [matrix[:, :numbers]]
    sizes = {name: size + 1 for name, size in features.buckets.items()} | vocabulary_sizes
    for position, name in enumerate(features.inputs[numbers:], start=numbers):
        values = matrix[:, position]
        width = min(16, (sizes[name] + 3) // 2)
        # A column's name may have characters that TensorFlow forbids, so layers have its position.
        embedding = keras.layers.Embedding(sizes[name], width, name=f"deep_{position}")
        weight = keras.layers.Embedding(sizes[name], 1, "zeros", name=f"wide_{position}")
        deep.append(embedding(values))
        wide.append(weight(values))
    hidden = keras.layers.Concatenate()(deep)
    for width in units:
        hidden = keras.layers.Dense(width, activation="relu")(hidden)
        hidden = keras.layers.Dropout(dropout)(hidden)
    linear = keras.layers.Concatenate()(wide)
    logit = keras.layers.Dense(1)(hidden) + keras.layers.Dense(1, use_bias=False)(linear)
    return keras.Model(matrix, keras.layers.Activation("sigmoid", name="scores")(logit))
