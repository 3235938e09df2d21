"""Replace functions of Beam and TFX that cost seconds in every run.

No public hook reaches these functions, so Taxiway replaces private names. A patch is applied only
if the patched function still has the signature that the patch was written for; otherwise the stock
function stays, and one line of the log states it. No patch changes a result:
`tests/pipeline/beam/test_patches.py` compares each with the stock function.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
from tfx_bsl.tfxio import record_based_tfxio
from tfx_bsl.tfxio.tf_example_record import TFExampleRecord

from models import tfrecords

_log = logging.getLogger(__name__)

# Beam's own batching starts at 1 row and grows slowly, so batches have a fixed number of rows.
_BATCH_ROWS = 8192

_SLOWER = "runs are slower"


@dataclass(frozen=True)
class Function:
    """A function, with the parameters that Taxiway was written for.

    Args:
      owner: class or module that has the function.
      name: attribute of the owner.
      parameters: names of the expected parameters, in order.
    """

    owner: Any
    name: str
    parameters: tuple[str, ...]

    def mismatch(self) -> str:
        """Return how the installed function differs from the expected one; "" if it does not."""
        shown = f"{self.owner.__name__}.{self.name}"
        function = getattr(self.owner, self.name, None)
        if function is None:
            return f"{shown} does not exist"
        try:
            names = tuple(inspect.signature(function).parameters)
        except (TypeError, ValueError) as error:
            return f"{shown} has no readable signature ({error})"
        if names == self.parameters:
            return ""
        expected, got = ", ".join(self.parameters), ", ".join(names)
        return f"expected {shown}({expected}), got {shown}({got})"


@dataclass(frozen=True)
class Patch:
    """A replacement for a private function.

    Args:
      target: function to replace.
      replacement: function to set in its place.
      calls: other private functions that the replacement calls.
      otherwise: what happens with the stock function, for the log.
    """

    target: Function
    replacement: Callable[..., Any]
    calls: tuple[Function, ...] = ()
    otherwise: str = _SLOWER

    def apply(self) -> bool:
        """Replace the function, or keep the stock function and log why.

        Returns:
          Whether the function was replaced.
        """
        for function in (self.target, *self.calls):
            if reason := function.mismatch():
                _keep_stock(self.target.name, reason, self.otherwise)
                return False
        setattr(self.target.owner, self.target.name, self.replacement)
        return True

    @contextmanager
    def applied(self) -> Iterator[bool]:
        """Apply the patch within the block.

        Yields:
          Whether the function was replaced.
        """
        stock = getattr(self.target.owner, self.target.name, None)
        replaced = self.apply()
        try:
            yield replaced
        finally:
            if replaced:
                setattr(self.target.owner, self.target.name, stock)


def apply() -> None:
    """Apply every patch to this process; a second call changes nothing."""
    for patch in _patches():
        patch.apply()
    # Beam measures every side input by walking the objects that it refers to, modules included, to
    # fit them into a cache; the cache saves nothing if worker and runner are one process.
    if isinstance(getattr(worker_handlers, "STATE_CACHE_SIZE_MB", None), int):
        worker_handlers.STATE_CACHE_SIZE_MB = 0
    else:
        _keep_stock("STATE_CACHE_SIZE_MB", f"{worker_handlers.__name__} has no such number")


def _patches() -> Iterator[Patch]:
    yield Patch(
        Function(TFExampleRecord, "BeamSource", ("self", "batch_size")),
        _beam_source,
        (
            Function(TFExampleRecord, "_GetSchemaForDecoding", ("self",)),
            Function(
                record_based_tfxio,
                "AppendRawRecordColumn",
                ("record_batch", "column_name", "raw_records", "record_index_column_name"),
            ),
        ),
    )
    yield Patch(Function(userstate, "get_dofn_specs", ("dofn",)), _specs)
    # The Beam of TFX 1.16 sets dill's trace switch at each pickle, which empties the cache of every
    # logger. The Beam of TFX 1.21 pickles with cloudpickle, even if another dill is installed.
    if getattr(dill_pickler, "patch_save_code", False):
        yield Patch(Function(dill_pickler.dill.dill, "_trace", ("boolean",)), _trace)


def _keep_stock(name: str, reason: str, otherwise: str = _SLOWER) -> None:
    _log.warning("%s is not patched because %s; %s.", name, reason, otherwise)


def _trace(boolean: bool) -> None:
    """Ignore dill's trace switch."""


_stock_specs = userstate.get_dofn_specs
_specs_by_class: dict[type[beam.DoFn], tuple[set[Any], set[Any]]] = {}


def _specs(dofn: beam.DoFn) -> tuple[set[Any], set[Any]]:
    """Return the state and timers that a DoFn declares; inspect every class once.

    Beam inspects every method of every DoFn several times in each bundle: 2 s of a run.
    """
    if any(isinstance(value, MethodType) for value in vars(dofn).values()):
        return _stock_specs(dofn)  # the instance has a method that its class does not have
    kind = type(dofn)
    if kind not in _specs_by_class:
        _specs_by_class[kind] = _stock_specs(dofn)
    states, timers = _specs_by_class[kind]
    return set(states), set(timers)


def _beam_source(self: Any, batch_size: int | None = None) -> beam.PTransform:
    """Read TFRecords of tf.Examples with TensorFlow's reader, in batches of fixed size.

    On an engine with several workers, each worker reads whole files.
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
        for batch in tfrecords.dataset([file]).batch(self._rows).prefetch(1).as_numpy_iterator():
            rows = batch.tolist()
            decoded = self._decoder.DecodeBatch(rows)
            yield (
                decoded
                if self._raw_column is None
                else record_based_tfxio.AppendRawRecordColumn(decoded, self._raw_column, rows)
            )
