"""Call every signature of a loaded model with real rows."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models import requests, tfrecords
from models.features import Features
from pipeline.components.infra_check.report import Latency
from serving.validation import model_check
from serving.validation.inputs import DEFAULT
from serving.validation.signatures import Tensor, score_output

# Another signature computes the same float32 score in another way, so the last digits differ.
TOLERANCE = 1e-5

# Signatures of Taxiway's own models: one score for every row, the same from all of them. What a
# further signature of a user's model returns is the user's choice.
_SCORING = frozenset({DEFAULT, requests.TENSORS, "transformed"})

# Signatures of Taxiway's own models that rows fit, so they get warm-up requests.
WARMED = frozenset({DEFAULT, requests.TENSORS, "transform_features"})

_BATCH = 1024
_SINGLE_ROWS = 200

Feed = Mapping[str, npt.NDArray[Any]]


class Rows:
    """The rows of a split; a split may exceed memory, so every pass reads the files again.

    Args:
      tf: the TensorFlow module.
      files: TFRecord files of serialized examples.
    """

    def __init__(self, tf: Any, files: Sequence[Path]) -> None:
        self._tf = tf
        self._files = files

    def first(self, count: int) -> list[bytes]:
        """Return the first rows.

        Args:
          count: maximum number of rows.
        """
        return list(tfrecords.read(self._files, count))

    def batches(self) -> Iterator[list[bytes]]:
        """Yield all rows in batches."""
        rows = tfrecords.read(self._files)
        while batch := list(itertools.islice(rows, _BATCH)):
            yield batch

    def labels(self, name: str) -> npt.NDArray[np.int64]:
        """Return the labels of all rows.

        Args:
          name: column of the label.
        """
        tf = self._tf
        with tf.Graph().as_default() as graph, tf.compat.v1.Session(graph=graph) as session:
            examples = tf.compat.v1.placeholder(tf.string, [None])
            parsed = tf.io.parse_example(examples, {name: tf.io.FixedLenFeature([], tf.int64)})
            labels = [session.run(parsed[name], {examples: batch}) for batch in self.batches()]
        return np.concatenate(labels)


class Calls:
    """The calls of a loaded model with real rows.

    Args:
      tf: the TensorFlow module.
      features: label and inputs of the model.
      rows: rows of the eval split.
      count: number of rows for every signature; `serving_default` gets all rows.
      servable: the loaded model.
    """

    def __init__(
        self, tf: Any, features: Features, rows: Rows, count: int, servable: model_check.Servable
    ) -> None:
        self._tf = tf
        self._features = features
        self._rows = rows
        self._servable = servable
        self._first_rows = rows.first(count)
        self.latency: dict[str, Latency] = {}
        self.scores: npt.NDArray[Any] = np.empty(0, np.float32)

    @property
    def others(self) -> tuple[str, ...]:
        """Signatures that rows of the data do not fit."""
        return tuple(name for name in self._servable.signatures if name not in self.latency)

    def problems(self) -> Iterator[str]:
        """Send rows to every signature, and yield the problems of its outputs."""
        expected: npt.NDArray[Any] | None = None
        for name, feed in self._feeds():
            outputs = self._servable.answer(name, feed)
            self.latency[name], singles = self._one_by_one(name, feed)
            problems = list(_problems(name, outputs, len(self._first_rows)))
            key = score_output(outputs) if name in _SCORING else None
            if key is None:
                yield from problems
                continue
            scores = outputs[key].reshape(-1)
            problems += _score_problems(name, scores)
            yield from problems
            if problems:
                continue
            yield from _differences(f"{name} of one row", singles[key], scores)
            if expected is None:
                expected = scores
            else:
                yield from _differences(name, scores, expected)
        if DEFAULT in self.latency:
            yield from self._all_rows()

    def _feeds(self) -> Iterator[tuple[str, Feed]]:
        """Yield the signatures that real rows fit with their inputs, `serving_default` first."""
        columns: Mapping[str, Any] = {}
        for name in sorted(self._servable.signatures, key=lambda name: (name != DEFAULT, name)):
            # A column may have the name of an input of another signature.
            if name == "transformed" and requests.has_matrix(columns, self._features):
                yield name, requests.matrix(columns, self._features)
                continue
            feed = self._feed(name)
            if feed is not None:
                if name == "transform_features":
                    columns = self._servable.answer(name, feed)
                yield name, feed

    def _feed(self, name: str) -> Feed | None:
        try:
            inputs = self._servable.inputs(name)
            feed = row_feed(name, inputs, self._first_rows, self._features)
            if feed is not None and name not in _SCORING:
                self._servable.answer(name, feed)
        except (ValueError, self._tf.errors.InvalidArgumentError):
            if name in _SCORING:
                raise
            return None  # a user's further signature may read other examples
        return feed

    def _one_by_one(self, name: str, feed: Feed) -> tuple[Latency, dict[str, npt.NDArray[Any]]]:
        milliseconds, outputs = [], []
        for row in range(min(_SINGLE_ROWS, len(self._first_rows))):
            one = {key: value[row : row + 1] for key, value in feed.items()}
            began = time.perf_counter()
            outputs.append(self._servable.answer(name, one))
            milliseconds.append((time.perf_counter() - began) * 1e3)
        p50, p99 = np.percentile(milliseconds, [50, 99])
        joined = {
            key: np.concatenate([output[key].reshape(-1) for output in outputs])
            for key in outputs[0]
        }
        return Latency(p50=p50, p99=p99), joined

    def _all_rows(self) -> Iterator[str]:
        """Send all rows to `serving_default`, for the comparison with the Evaluator."""
        scores, inputs = [], self._servable.inputs(DEFAULT)
        for batch in self._rows.batches():
            feed = row_feed(DEFAULT, inputs, batch, self._features)
            assert feed is not None, "the signature accepted the first rows"
            outputs = self._servable.answer(DEFAULT, feed)
            key = score_output(outputs)
            if key is None:
                return
            scores.append(outputs[key].reshape(-1))
        self.scores = np.concatenate(scores)
        yield from _score_problems(DEFAULT, self.scores)


def row_feed(
    signature: str, inputs: Mapping[str, Tensor], rows: Sequence[bytes], features: Features
) -> Feed | None:
    """Return rows as the inputs of a signature; None if rows do not fit the inputs.

    Args:
      signature: name of the signature.
      inputs: inputs of the signature by name.
      rows: serialized examples.
      features: label and inputs of the model.

    Raises:
      ValueError: a required whole number is missing.
    """
    types = {name: tensor.dtype for name, tensor in inputs.items()}
    examples = requests.examples_input(signature, types, features.inputs)
    if examples is not None:
        return requests.examples(rows, examples)
    if not inputs or not inputs.keys() <= set(features.inputs):
        return None
    # Keras declares an input of one value for every row as [rows, 1].
    return {
        name: values.reshape(-1, *[1] * (len(inputs[name].shape or (None,)) - 1))
        for name, values in requests.tensors(rows, types).items()
    }


def _problems(name: str, outputs: Mapping[str, Any], rows: int) -> Iterator[str]:
    for key, value in outputs.items():
        if name in _SCORING and value.shape[:1] != (rows,):
            yield f"{name}: {key} has shape {value.shape} for {rows} rows"
        elif np.issubdtype(value.dtype, np.floating) and not np.isfinite(value).all():
            yield f"{name}: {key} is not finite for some real rows"


def _score_problems(name: str, scores: npt.NDArray[Any]) -> Iterator[str]:
    outside = scores[~((scores >= 0) & (scores <= 1))]
    if outside.size:
        yield f"{name}: {outside.size:,} scores are not from 0 to 1, such as {outside[0]:g}"


def _differences(name: str, scores: npt.NDArray[Any], expected: npt.NDArray[Any]) -> Iterator[str]:
    if len(scores) > len(expected):
        yield f"{name}: {len(scores)} scores for {len(expected)} rows"
        return
    worst = np.abs(scores.astype(np.float64) - expected[: len(scores)]).max(initial=0)
    if not worst <= TOLERANCE:
        yield f"{name}: scores differ from those of {DEFAULT} on the same rows by {worst:.2g}"
