"""Read rows from files and from requests of TensorFlow Serving's REST API."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2

from schema import columns
from schema.rows import Row


def load_rows(file: Path, schema: schema_pb2.Schema) -> Iterator[Row]:
    """Read the rows of a CSV, Parquet or JSON-lines file.

    Args:
      file: path that ends in .csv, .parquet, .jsonl, .ndjson or .json.
      schema: curated schema, which states which columns of a CSV file are numbers.

    Yields:
      Values by column; a cell that is not a number stays text, so `rows.check` reports it.

    Raises:
      ValueError: the file has another type, or is malformed.
      OSError: the file cannot be read.
    """
    if file.suffix == ".csv":
        yield from _csv_rows(file, schema)
    elif file.suffix == ".parquet":
        yield from _parquet_rows(file)
    elif file.suffix in (".jsonl", ".ndjson"):
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield from parse_rows(line, f"{file}: line {number}")
    elif file.suffix == ".json":
        yield from parse_rows(file.read_text(encoding="utf-8"), str(file))
    else:
        raise ValueError(f"{file}: expected a .csv, .parquet, .jsonl or .json file")


def parse_rows(text: str, source: str = "the request") -> list[Row]:
    """Read the rows of a request.

    Args:
      text: JSON text: one row as an object, a list of rows, or `instances` or `inputs` of
        TensorFlow Serving.
      source: origin of the text, for the message of an error; default `the request`.

    Returns:
      Values by column.

    Raises:
      ValueError: the text has another form.
    """
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{source} is not JSON: {error}") from error
    if isinstance(content, dict) and isinstance(content.get("instances"), list):
        content = content["instances"]
    elif isinstance(content, dict) and isinstance(content.get("inputs"), dict):
        content = _column_rows(content["inputs"], source)
    rows = content if isinstance(content, list) else [content]
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise ValueError(
            f'{source} holds no rows; write {{"column": value, ...}} or '
            '{"instances": [{"column": value, ...}, ...]}'
        )
    return rows


def _column_rows(inputs: dict[str, Any], source: str) -> list[Row]:
    lengths = {len(values) if isinstance(values, list) else -1 for values in inputs.values()}
    if len(lengths) != 1 or -1 in lengths:
        raise ValueError(f"{source}: all inputs must be lists of the same length")
    return [dict(zip(inputs, values)) for values in zip(*inputs.values())]


def _csv_rows(file: Path, schema: schema_pb2.Schema) -> Iterator[Row]:
    types = columns.types(schema)
    with file.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines, strict=True)
        try:
            for row in reader:
                if None in row or None in row.values():
                    expected = len(reader.fieldnames or ())
                    raise ValueError(f"{file}: line {reader.line_num}: expected {expected} cells")
                yield {name: _value(cell, types.get(name)) for name, cell in row.items()}
        except (csv.Error, UnicodeDecodeError) as error:
            raise ValueError(f"{file}: line {reader.line_num + 1}: {error}") from error


def _value(cell: str, kind: str | None) -> Any:
    """Return a cell with the type of the schema; as text if it does not fit."""
    if cell == "":
        return None
    try:
        return {"INT": int, "FLOAT": float}.get(kind or "", str)(cell)
    except ValueError:
        return cell


def _parquet_rows(file: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        for batch in pq.ParquetFile(file).iter_batches():
            yield from batch.to_pylist()
    except pa.ArrowInvalid as error:
        raise ValueError(f"{file}: not a readable Parquet file: {error}") from error
