"""A small real SavedModel, and ways to damage one during its export."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from serving.validation.model_check import Signature

SIGNATURES = {
    "serving_default": Signature(inputs={"examples": "string"}, outputs={"scores": "float32"}),
    "serving_tensors": Signature(
        inputs={"distance": "float32", "carrier": "string"}, outputs={"scores": "float32"}
    ),
    "transformed": Signature(inputs={"features": "float32"}, outputs={"scores": "float32"}),
}


def export(
    folder: Path,
    weight: float = 0.25,
    embedding: float = 0.5,
    rare: float = 0.5,
    empty: float = 0.0,
    finish: Callable[[Any], dict[str, Any]] | None = None,
) -> Path:
    """Export a model that takes serialized examples, raw tensors, or a matrix.

    Args:
      folder: where the SavedModel goes.
      weight: of each number.
      embedding: of each carrier but one.
      rare: embedding of the one.
      empty: added to the embedding where the carrier is an empty text.
      finish: makes the outputs from the scores; float32 `scores` when None.

    Returns:
      The folder.
    """
    import tensorflow as tf

    finish = finish or (lambda scores: {"scores": scores})
    vocabulary = Path(tempfile.mkdtemp()) / "carrier.txt"
    vocabulary.write_text("AA\nB6\nUA\n")
    module = tf.Module()
    module.weights = [tf.Variable(weight, name=f"weight_{n}") for n in range(3)]
    module.embedding = tf.Variable([[rare]] + [[embedding]] * 3, name="embedding")
    module.bias = tf.Variable(0.125, name="bias")
    module.vocabulary = tf.lookup.StaticVocabularyTable(
        tf.lookup.TextFileInitializer(
            str(vocabulary),
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        ),
        1,
    )
    spec = {
        "distance": tf.io.FixedLenFeature([], tf.float32),
        "carrier": tf.io.FixedLenFeature([], tf.string),
        "seats": tf.io.VarLenFeature(tf.int64),
    }

    def score(matrix: Any) -> dict[str, Any]:
        weights = tf.stack(module.weights)[:, tf.newaxis]
        return finish(tf.sigmoid(tf.matmul(matrix, weights)[:, 0] + module.bias))

    def transform(distance: Any, carrier: Any) -> Any:
        embedded = tf.gather(module.embedding, module.vocabulary.lookup(carrier))[:, 0]
        if empty:
            embedded += empty * tf.cast(tf.equal(carrier, ""), tf.float32)
        return tf.stack([distance, embedded, tf.ones_like(distance)], axis=1)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serving_default(examples: Any) -> dict[str, Any]:
        parsed = tf.io.parse_example(examples, spec)
        return score(transform(parsed["distance"], parsed["carrier"]))

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.float32, name="distance"),
            tf.TensorSpec([None], tf.string, name="carrier"),
        ]
    )
    def serving_tensors(distance: Any, carrier: Any) -> dict[str, Any]:
        return score(transform(distance, carrier))

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="features")])
    def transformed(features: Any) -> dict[str, Any]:
        return score(features)

    tf.saved_model.save(
        module,
        str(folder),
        signatures={
            "serving_default": serving_default,
            "serving_tensors": serving_tensors,
            "transformed": transformed,
        },
        options=tf.saved_model.SaveOptions(
            experimental_sharding_callback=tf.train.experimental.MaxShardSizePolicy(16)
        ),
    )
    return folder


def hang(scores: Any) -> dict[str, Any]:
    """Return the scores after minutes, on the quickest machine too; a `finish` of `export`.

    It ends at last, so that a test that waits for it fails instead of hanging.
    """
    import tensorflow as tf

    end = time.time() + 300
    now = tf.while_loop(lambda now: now < end, lambda _: tf.timestamp(), [tf.timestamp()])
    with tf.control_dependencies(now):
        return {"scores": tf.identity(scores)}
