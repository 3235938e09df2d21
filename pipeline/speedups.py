"""Where Beam, TFX and TFMA spend time for nothing on one machine, and what takes it away.

Each replacement touches a name that is not public, because no public hook reaches it. None changes
a result; `tests/pipeline/test_speedups.py` compares each with the slow way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow as tf
from apache_beam.internal import dill_pickler
from apache_beam.runners.portability.fn_api_runner import worker_handlers
from tensorflow_model_analysis.metrics import metric_util
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder
from tfx_bsl.tfxio import record_based_tfxio, tf_example_record

# Rows in an Arrow batch. Beam's own batching starts at 1 row and feels its way up.
_BATCH_ROWS = 8192


def install() -> None:
    """Replace the hot spots in this process; a second call changes nothing."""
    tf_example_record.TFExampleRecord.BeamSource = _beam_source
    # Beam weighs every side input by walking the objects it refers to, modules included, to fit
    # them into a cache that saves nothing when worker and runner are one process.
    worker_handlers.STATE_CACHE_SIZE_MB = 0
    # dill's trace switch, which Beam turns at each pickle, empties the cache of every logger.
    if hasattr(dill_pickler, "dill"):
        dill_pickler.dill.dill._trace = lambda *_: None
    if not hasattr(metric_util.to_label_prediction_example_weight, "slow"):
        metric_util.to_label_prediction_example_weight = _pairs_of_scalars(
            metric_util.to_label_prediction_example_weight
        )


def _beam_source(self: Any, batch_size: int | None = None) -> beam.PTransform:
    """Read TFRecords of tf.Examples with TensorFlow's reader, in batches of fixed size."""

    @beam.typehints.with_input_types(beam.Pipeline)
    @beam.typehints.with_output_types(pa.RecordBatch)
    def expand(pipeline: beam.Pipeline) -> beam.PCollection:
        schema = self._GetSchemaForDecoding()
        reader = _ReadBatches(
            None if schema is None else schema.SerializeToString(),
            self._raw_record_column_name,
            batch_size or _BATCH_ROWS,
        )
        return (
            pipeline
            | "Patterns" >> beam.Create(self._file_pattern, reshuffle=False)
            | "Read" >> beam.ParDo(reader).with_output_types(pa.RecordBatch)
        )

    return beam.ptransform_fn(expand)()


class _ReadBatches(beam.DoFn):
    def __init__(self, schema: bytes | None, raw_column: str | None, rows: int) -> None:
        self._schema = schema
        self._raw_column = raw_column
        self._rows = rows

    def setup(self) -> None:
        arguments = [] if self._schema is None else [self._schema]
        self._decoder = ExamplesToRecordBatchDecoder(*arguments)

    def process(self, pattern: str) -> Iterator[pa.RecordBatch]:
        for file in sorted(tf.io.gfile.glob(pattern)):
            records = tf.data.TFRecordDataset(
                file, "GZIP" if file.endswith(".gz") else "", buffer_size=1 << 20
            )
            for batch in records.batch(self._rows).prefetch(1).as_numpy_iterator():
                rows = batch.tolist()
                decoded = self._decoder.DecodeBatch(rows)
                yield (
                    decoded
                    if self._raw_column is None
                    else record_based_tfxio.AppendRawRecordColumn(decoded, self._raw_column, rows)
                )


def _pairs_of_scalars(slow: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """Shorten the way from a row to (label, score, weight) where there is one of each.

    TFMA calls it for every row, slice and metric, and goes through all forms that labels and
    predictions can have: more than half of the Evaluator's time.
    """

    def pairs(
        inputs: Any,
        eval_config: Any = None,
        model_name: str = "",
        output_name: str = "",
        fractional_labels: bool = False,
        flatten: bool = True,
        **special: Any,
    ) -> Iterator[Any]:
        label, score = inputs.label, inputs.prediction
        if model_name and isinstance(score, dict):
            score = score.get(model_name)
        if (
            not (isinstance(label, np.ndarray) and label.size == 1 and label.ndim <= 1)
            or not (isinstance(score, np.ndarray) and score.size == 1 and score.ndim <= 1)
            or output_name
            or not flatten
            or not _PLAIN.issuperset(name for name, value in special.items() if value)
        ):
            yield from slow(
                inputs,
                eval_config=eval_config,
                model_name=model_name,
                output_name=output_name,
                fractional_labels=fractional_labels,
                flatten=flatten,
                **special,
            )
            return
        label, score = label.reshape(1), score.reshape(1)
        if not fractional_labels:
            yield label, score, np.ones(1)
            return
        # A label of 0 or 1 is one of TFMA's two fractions whole, and nothing of the other.
        if label[0] in (0, 1):
            yield label, score, np.ones(1, np.result_type(label.dtype, np.float64))
            return
        yield from metric_util._yield_fractional_labels(label, score, np.ones(1))

    pairs.slow = slow  # type: ignore[attr-defined]
    return pairs


# Options that change nothing for one label and one score without a weight.
_PLAIN = frozenset({"squeeze", "allow_none", "require_single_example_weight"})
