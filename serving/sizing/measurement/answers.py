"""Are the answers those of the model?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from serving.client import Client, ClientError
from serving.client.client import SCORES, SIGNATURE, columns
from serving.sizing.errors import NotServed, WrongAnswers

# Scores from 0 to 1 of the same rows by the same graph.
TOLERANCE = 1e-6

Row = Mapping[str, Any]


def in_process(model: Path, rows: Sequence[Row]) -> list[float]:
    """Return the scores that a SavedModel gives rows, without any server.

    Args:
      model: the SavedModel's folder.
      rows: values by column.

    Raises:
      BadRequest: a row is not what the model takes.
    """
    import tensorflow as tf
    from tensorflow.core.framework import types_pb2

    loaded = tf.saved_model.load(str(model))
    signature = loaded.signatures[SIGNATURE]
    specs = signature.structured_input_signature[1]
    types = {
        name: types_pb2.DataType.Name(spec.dtype.as_datatype_enum) for name, spec in specs.items()
    }
    inputs = {
        name: tf.constant(values, specs[name].dtype)
        for name, values in columns(rows, types).items()
    }
    return [float(score) for score in signature(**inputs)[SCORES].numpy().reshape(-1)]


def ask(client: Client, rows: Sequence[Row]) -> list[float]:
    """Return the scores that a server gives rows.

    Raises:
      NotServed: it gives none.
    """
    try:
        return client.predict(rows)
    except ClientError as error:
        raise NotServed(f"The server does not answer: {error}", "taxiway status") from error


def check(client: Client, rows: Sequence[Row], expected: Sequence[float], when: str) -> None:
    """Hold a server's answers to what they must be.

    Args:
      client: to ask with.
      rows: to ask for.
      expected: the score of each.
      when: for the error.

    Raises:
      NotServed: there is no answer.
      WrongAnswers: a score is another.
    """
    found = ask(client, rows)
    if len(found) != len(expected):
        raise _wrong(f"{len(found)} scores for {len(expected)} rows", when)
    worst = float(np.abs(np.subtract(found, expected)).max(initial=0.0))
    if not worst <= TOLERANCE:
        raise _wrong(f"a score is {worst:.2g} off, at most {TOLERANCE:g} expected", when)


def _wrong(what: str, when: str) -> WrongAnswers:
    return WrongAnswers(
        f"The answers {when} are not those of the model: {what}.",
        "look which version is served with taxiway status, or name its workspace",
    )
