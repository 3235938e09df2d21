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
    """Make an extractor that turns a batch of rows into a batch per slice.

    It stands for TFMA's unbatching and slice keys: metrics get the same rows of the same slices,
    many at a time.

    Args:
      eval_config: TFMA's configuration, for the slices.

    Returns:
      The extractor; labels and predictions are what it keeps.
    """
    return tfma.extractors.Extractor(
        stage_name=SLICE_KEY_EXTRACTOR_STAGE_NAME,  # what TFMA's evaluators look for
        ptransform=beam.ParDo(_Divide(eval_config)),
    )


class _Divide(beam.DoFn):
    def __init__(self, eval_config: config_pb2.EvalConfig) -> None:
        self._eval_config = eval_config

    def process(self, batch: dict[str, Any]) -> Iterator[dict[str, Any]]:
        batch = batch | {name: _dense(batch[name]) for name in _PER_ROW}
        rows_of = defaultdict(list)
        for row, keys in enumerate(self._slice_keys(batch)):
            for key in keys:
                rows_of[key].append(row)
        for key, rows in rows_of.items():
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
        # TFMA makes no rows at all of columns without a value, and they count overall.
        rows = util.split_extracts(present) if present else [{}] * _count(batch)
        known: dict[Any, list[Any]] = {}
        for row in rows:
            values = tuple(_values(row.get(name)) for name in names)
            if values not in known:
                keys = slicer.get_slices_for_features_dicts([], row, specs)
                known[values] = sorted(set(keys))
            yield known[values]


def _count(batch: dict[str, Any]) -> int:
    labels = batch[tfma.constants.LABELS_KEY]
    return len(next(iter(labels.values())) if isinstance(labels, dict) else labels)


def _is_empty(column: Any) -> bool:
    return isinstance(column, VarLenTensorValue) and not len(column.values)


def _dense(batch: Any) -> Any:
    """Return a value for each row; a label whose schema has no shape comes as a sparse one."""
    if isinstance(batch, dict):  # by model
        return {name: _dense(of_model) for name, of_model in batch.items()}
    if isinstance(batch, VarLenTensorValue):
        return np.reshape(batch.values, (batch.dense_shape[0], -1))
    return batch


def _values(of_feature: Any) -> tuple[Any, ...]:
    return tuple(np.ravel(getattr(of_feature, "values", of_feature)).tolist())


def _take(batch: Any, rows: list[int]) -> Any:
    if isinstance(batch, dict):  # by model
        return {name: _take(of_model, rows) for name, of_model in batch.items()}
    return batch[rows]
