"""Divide the Evaluator's batches into slices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.api.types import VarLenTensorValue
from tensorflow_model_analysis.extractors.slice_key_extractor import (
    SLICE_KEY_EXTRACTOR_STAGE_NAME,
)
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.slicer import slicer_lib as slicer
from tensorflow_model_analysis.utils import util

_SLICE_KEYS = tfma.constants.SLICE_KEY_TYPES_KEY
_PER_ROW = (tfma.constants.LABELS_KEY, tfma.constants.PREDICTIONS_KEY)


def divide(eval_config: config_pb2.EvalConfig) -> tfma.extractors.Extractor:
    """Make an extractor that divides a batch of rows into one batch for every slice.

    It replaces TFMA's extractors of rows and of slice keys: metrics get the same rows of the same
    slices, many rows at a time.

    Args:
      eval_config: TFMA's configuration, with the slices.

    Returns:
      The extractor; it keeps labels and predictions only.
    """
    return tfma.extractors.Extractor(
        stage_name=SLICE_KEY_EXTRACTOR_STAGE_NAME,  # TFMA's evaluators search for this name
        ptransform=beam.ParDo(_Divide(eval_config)),
    )


class _Divide(beam.DoFn):
    def __init__(self, eval_config: config_pb2.EvalConfig) -> None:
        self._eval_config = eval_config

    def process(self, batch: dict[str, Any]) -> Iterator[dict[str, Any]]:
        batch = batch | {name: _dense(batch[name]) for name in _PER_ROW}
        rows_by_key = defaultdict(list)
        for row, keys in enumerate(self._slice_keys(batch)):
            for key in keys:
                rows_by_key[key].append(row)
        for key, rows in rows_by_key.items():
            part = {name: _take(batch[name], rows) for name in _PER_ROW}
            yield part | {_SLICE_KEYS: slicer.slice_keys_to_numpy_array([key])}

    def _slice_keys(self, batch: dict[str, Any]) -> Iterator[list[Any]]:
        """Yield each row's slice keys; rows have few combinations of values."""
        specs = [slicer.SingleSliceSpec(spec=spec) for spec in self._eval_config.slicing_specs]
        names = sorted(
            {key for spec in self._eval_config.slicing_specs for key in spec.feature_keys}
        )
        columns = {name: batch[tfma.constants.FEATURES_KEY][name] for name in names}
        present = {name: column for name, column in columns.items() if not _is_empty(column)}
        # TFMA returns no rows if no column has a value, but these rows count in the overall slice.
        rows = util.split_extracts(present) if present else [{}] * _count(batch)
        keys_by_values: dict[Any, list[Any]] = {}
        for row in rows:
            values = tuple(_values(row.get(name)) for name in names)
            if values not in keys_by_values:
                keys = slicer.get_slices_for_features_dicts([], row, specs)
                keys_by_values[values] = sorted(set(keys))
            yield keys_by_values[values]


def _count(batch: dict[str, Any]) -> int:
    labels = batch[tfma.constants.LABELS_KEY]
    return len(next(iter(labels.values())) if isinstance(labels, dict) else labels)


def _is_empty(column: Any) -> bool:
    return isinstance(column, VarLenTensorValue) and not len(column.values)


def _dense(batch: Any) -> Any:
    """Return one value for every row; a label without a shape in the schema is sparse."""
    if isinstance(batch, dict):  # by model
        return {name: _dense(values) for name, values in batch.items()}
    if isinstance(batch, VarLenTensorValue):
        return np.reshape(batch.values, (batch.dense_shape[0], -1))
    return batch


def _values(column: Any) -> tuple[Any, ...]:
    return tuple(np.ravel(getattr(column, "values", column)).tolist())


def _take(batch: Any, rows: list[int]) -> Any:
    if isinstance(batch, dict):  # by model
        return {name: _take(values, rows) for name, values in batch.items()}
    return batch[rows]
