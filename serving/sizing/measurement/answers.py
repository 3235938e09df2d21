"""Check of a server's answers against the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from serving.client import Client, ClientError
from serving.client.client import SCORES, SIGNATURE, columns
from serving.sizing.errors import NotServed, WrongAnswers

# Largest accepted difference of two scores of the same row by the same graph.
TOLERANCE = 1e-6

Row = Mapping[str, Any]


def in_process(model: Path, rows: Sequence[Row]) -> list[float]:
    """Compute the scores of rows in this process, without a server.

    Args:
      model: folder of the SavedModel.
      rows: values by column.

    Returns:
      One score per row.

    Raises:
      BadRequest: a row does not match the model's inputs.
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
    """Get the scores of rows from a server.

    Args:
      client: client of the server.
      rows: values by column.

    Returns:
      One score per row.

    Raises:
      NotServed: the server does not answer.
    """
    try:
        return client.predict(rows)
    except ClientError as error:
        raise NotServed(f"The server does not answer: {error}", "taxiway status") from error


def check(client: Client, rows: Sequence[Row], expected: Sequence[float], when: str) -> None:
    """Check that a server's answers are the expected ones.

    Args:
      client: client of the server.
      rows: values by column.
      expected: expected scores, one per row.
      when: moment of the check, for the error.

    Raises:
      NotServed: there is no answer.
      WrongAnswers: a score differs.
    """
    scores = ask(client, rows)
    if len(scores) != len(expected):
        raise _wrong(f"{len(scores)} scores for {len(expected)} rows", when)
    worst = float(np.abs(np.subtract(scores, expected)).max(initial=0.0))
    if not worst <= TOLERANCE:
        raise _wrong(f"a score differs by {worst:.2g}; the maximum is {TOLERANCE:g}", when)


def _wrong(what: str, when: str) -> WrongAnswers:
    return WrongAnswers(
        f"The answers {when} are not those of the model: {what}.",
        "run `taxiway status` to see which version is served, or pass its --workspace",
    )
