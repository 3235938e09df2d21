"""Convert files that DuckDB cannot read to Parquet, a batch of rows at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq

from pipeline.errors import DataRefused
from pipeline.findings import RejectedRow
from pipeline.sources.files.discovery import DataFile
from pipeline.sources.files.tables import check_names, malformed

_EXAMPLES = 4096
_FEATHER_V1 = b"FEA1"


def write_arrow(file: DataFile, target: Path) -> None:
    """Convert an Arrow file, an Arrow stream or a Feather file.

    Args:
      file: the file.
      target: path of the Parquet file.

    Raises:
      DataRefused: the file cannot be read, or its column names are ambiguous.
    """
    try:
        with pa.OSFile(str(file.path), "rb") as source:
            if source.read(4) == _FEATHER_V1:
                table = feather.read_table(str(file.path))
                schema, batches = table.schema, iter(table.to_batches())
            else:
                source.seek(0)
                schema, batches = _arrow_batches(source)
            check_names(file.name, schema.names)
            with pq.ParquetWriter(target, schema) as writer:
                for batch in batches:
                    writer.write_batch(batch)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(
            file, "an Arrow file, an Arrow stream or a Feather file", error
        ) from error


def write_examples(file: DataFile, target: Path) -> None:
    """Convert a TFRecord file of tf.Examples, whose features have at most one value.

    Args:
      file: the file.
      target: path of the Parquet file.

    Raises:
      DataRefused: the file cannot be read, or a feature has several values or types.
    """
    import tensorflow as tf

    try:
        schema = _unified_schema(file)
        check_names(file.name, schema.names)
        if not schema.names:
            raise malformed(file.name, "", "an empty file", "tf.Examples with features")
        with pq.ParquetWriter(target, schema) as writer:
            for number, batch in enumerate(_example_batches(file)):
                columns = [
                    _values(file, name, batch, schema.field(name).type, number * _EXAMPLES)
                    for name in schema.names
                ]
                writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
    except (pa.ArrowException, tf.errors.OpError, OSError, RuntimeError, ValueError) as error:
        raise _unreadable(file, "a TFRecord file of tf.Examples", error) from error


def _arrow_batches(source: pa.NativeFile) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    try:
        reader = pa.ipc.open_file(source)
    except pa.ArrowInvalid:
        source.seek(0)
        stream = pa.ipc.open_stream(source)
        return stream.schema, iter(stream)
    return reader.schema, map(reader.get_batch, range(reader.num_record_batches))


def _example_batches(file: DataFile) -> Iterator[pa.RecordBatch]:
    from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

    from models import tfrecords

    decoder = ExamplesToRecordBatchDecoder()
    records = tfrecords.read([file.path], compressed=bool(file.compression))
    while chunk := list(itertools.islice(records, _EXAMPLES)):
        yield decoder.DecodeBatch(chunk)


def _unified_schema(file: DataFile) -> pa.Schema:
    types: dict[str, pa.DataType] = {}
    for batch in _example_batches(file):
        for field in batch.schema:
            kind = field.type.value_type if pa.types.is_large_list(field.type) else pa.null()
            earlier = types.setdefault(field.name, kind)
            if pa.types.is_null(earlier):
                types[field.name] = kind
            elif kind not in (earlier, pa.null()):
                raise malformed(file.name, field.name, "values of several types", "one type")
    plain = {name: _plain(kind) for name, kind in types.items()}
    return pa.schema(sorted(plain.items()))


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_integer(kind):
        return pa.int64()
    if pa.types.is_floating(kind):
        return pa.float32()
    return pa.string()


def _values(
    file: DataFile, name: str, batch: pa.RecordBatch, kind: pa.DataType, first: int
) -> pa.Array:
    index = batch.schema.get_field_index(name)
    if index < 0 or pa.types.is_null(batch.schema.field(index).type):
        return pa.nulls(len(batch), kind)
    values = []
    for row, cell in enumerate(batch.column(index).to_pylist(), start=first + 1):
        if cell is not None and len(cell) > 1:
            raise DataRefused(
                f"{file.name}, row {row}, column {name}: expected one value, got {len(cell)}.",
                "write one value in every feature",
                rows=(RejectedRow(file.name, str(row), name, f"{len(cell)} values", "one value"),),
            )
        value = cell[0] if cell else None
        values.append(value.decode("utf-8") if isinstance(value, bytes) else value)
    return pa.array(values, kind)


def _unreadable(file: DataFile, expected: str, error: Exception) -> DataRefused:
    reason = next(iter(str(error).splitlines()), type(error).__name__)
    return DataRefused(
        f"{file.name}: expected {expected}: {reason}",
        "fix the file, or remove it from the folder",
        rows=(RejectedRow(file.name, "", "", reason, expected),),
    )
