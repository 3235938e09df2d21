"""Where Beam and TFX spend time for nothing, and what takes it away.

Each replacement touches a name that is not public, because no public hook reaches it. None changes
a result; `tests/pipeline/beam/test_patches.py` compares each with the slow way.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MethodType
from typing import Any

import apache_beam as beam
import pyarrow as pa
import tensorflow as tf
from apache_beam.internal import dill_pickler
from apache_beam.options.pipeline_options import StandardOptions
from apache_beam.runners.portability.fn_api_runner import worker_handlers
from apache_beam.transforms import userstate
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
    userstate.get_dofn_specs = _specs
    # dill's trace switch, which Beam turns at each pickle, empties the cache of every logger.
    # The Beam of TFX 1.21 brings no dill.
    if hasattr(dill_pickler, "dill"):
        dill_pickler.dill.dill._trace = lambda *_: None


_inspect = userstate.get_dofn_specs
_known_specs: dict[type[beam.DoFn], tuple[set[Any], set[Any]]] = {}


def _specs(dofn: beam.DoFn) -> tuple[set[Any], set[Any]]:
    """Return the state and timers that a DoFn declares, looking at each class once.

    Beam inspects every method of every DoFn several times in each bundle: 2 s of a run.
    """
    if any(isinstance(value, MethodType) for value in vars(dofn).values()):
        return _inspect(dofn)  # a method of its own, which its class does not have
    kind = type(dofn)
    if kind not in _known_specs:
        _known_specs[kind] = _inspect(dofn)
    states, timers = _known_specs[kind]
    return set(states), set(timers)


def _beam_source(self: Any, batch_size: int | None = None) -> beam.PTransform:
    """Read TFRecords of tf.Examples with TensorFlow's reader, in batches of fixed size.

    On an engine of several workers, each takes a file.
    """

    @beam.typehints.with_input_types(beam.Pipeline)
    @beam.typehints.with_output_types(pa.RecordBatch)
    def expand(pipeline: beam.Pipeline) -> beam.PCollection:
        schema = self._GetSchemaForDecoding()
        reader = _ReadBatches(
            None if schema is None else schema.SerializeToString(),
            self._raw_record_column_name,
            batch_size or _BATCH_ROWS,
        )
        files = (
            pipeline
            | "Patterns" >> beam.Create(self._file_pattern, reshuffle=False)
            | "Files" >> beam.FlatMap(_files).with_output_types(str)
        )
        if pipeline.pipeline.options.view_as(StandardOptions).runner:
            files |= "Share" >> beam.Reshuffle()
        return files | "Read" >> beam.ParDo(reader).with_output_types(pa.RecordBatch)

    return beam.ptransform_fn(expand)()


def _files(pattern: str) -> list[str]:
    return sorted(tf.io.gfile.glob(pattern))


class _ReadBatches(beam.DoFn):
    def __init__(self, schema: bytes | None, raw_column: str | None, rows: int) -> None:
        self._schema = schema
        self._raw_column = raw_column
        self._rows = rows

    def setup(self) -> None:
        arguments = [] if self._schema is None else [self._schema]
        self._decoder = ExamplesToRecordBatchDecoder(*arguments)

    def process(self, file: str) -> Iterator[pa.RecordBatch]:
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
