"""Every row of a batch counts, even without values."""

from __future__ import annotations

from typing import Any

import apache_beam as beam
import numpy as np
import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.api.types import VarLenTensorValue

from models import evaluation, features, slices

_BOUNDS = {
    "min_auc": 0.5,
    "max_auc_drop": 0.01,
    "min_slice_auc": 0.55,
    "min_slice_rows": 100,
    "decision_threshold": 0.4,
    "metrics": [],
}
_BATCHES: list[dict[str, Any]] = []


def _keep(part: dict[str, Any]) -> None:
    _BATCHES.append(part)


def _sparse(rows: list[list[Any]]) -> VarLenTensorValue:
    """Return a column in the form that it has without a shape in the schema."""
    indices = [(row, index) for row, values in enumerate(rows) for index in range(len(values))]
    return VarLenTensorValue(
        values=np.array([value for values in rows for value in values]),
        indices=np.array(indices, np.int64).reshape(-1, 2),
        dense_shape=np.array([len(rows), max(map(len, rows))]),
    )


def _divided(origin: list[list[str]]) -> dict[tuple[Any, ...], list[float]]:
    """Return the labels of a batch by slice."""
    flights = features.Features(label="late", numeric=["distance"], slices=["origin"])
    batch = {
        tfma.constants.LABELS_KEY: _sparse([[0], [1], [1]]),
        tfma.constants.PREDICTIONS_KEY: np.array([[0.1], [0.2], [0.3]]),
        tfma.constants.FEATURES_KEY: {"origin": _sparse(origin)},
    }
    _BATCHES.clear()
    with beam.Pipeline() as pipeline:
        _ = (
            pipeline
            | beam.Create([batch])
            | slices.divide(evaluation.eval_config(flights, _BOUNDS)).ptransform
            | beam.Map(_keep)
        )
    return {
        tuple(part[tfma.constants.SLICE_KEY_TYPES_KEY][0]): np.ravel(
            part[tfma.constants.LABELS_KEY]
        ).tolist()
        for part in _BATCHES
    }


@pytest.mark.parametrize(
    ("origin", "slice_", "labels"),
    [
        ([[], [], []], None, None),
        ([["JFK"], [], []], (("origin", "JFK"),), [0]),
        ([["JFK"], ["LGA"], ["JFK"]], (("origin", "JFK"),), [0, 1]),
    ],
)
def test_every_row_counts_overall(
    origin: list[list[str]], slice_: tuple[Any, ...] | None, labels: list[float] | None
) -> None:
    by_slice = _divided(origin)
    assert by_slice[()] == [0, 1, 1]
    if slice_ is None:
        assert by_slice.keys() == {()}
    else:
        assert by_slice[slice_] == labels
