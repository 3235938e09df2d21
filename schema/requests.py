"""Rows in files and in requests of TF Serving's REST interface."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2

from schema import columns
from schema.rows import Row


def of_file(file: Path, schema: schema_pb2.Schema) -> Iterator[Row]:
    """Read the rows of a CSV, Parquet or JSON-lines file.

    Args:
      file: its name ends in .csv, .parquet, .jsonl or .json.
      schema: says which columns of a CSV file are numbers.

    Yields:
      Values by column; a text that is no number stays a text, for `rows.check` to find.

    Raises:
      ValueError: the file is none of these.
      OSError: it cannot be read.
    """
    if file.suffix == ".csv":
        yield from _of_csv(file, schema)
    elif file.suffix == ".parquet":
        yield from _of_parquet(file)
    elif file.suffix in (".jsonl", ".ndjson"):
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield from of_json(line, f"{file}: line {number}")
    elif file.suffix == ".json":
        yield from of_json(file.read_text(encoding="utf-8"), str(file))
    else:
        raise ValueError(f"{file}: rows are read from .csv, .parquet, .jsonl and .json files")


def of_json(text: str, where: str = "the request") -> list[Row]:
    """Read the rows of a request.

    Args:
      text: one row as an object, or a list of rows, or TF Serving's `instances` or `inputs`.
      where: for the error.

    Returns:
      Values by column.

    Raises:
      ValueError: it is none of these.
    """
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{where} is not JSON: {error}") from error
    if isinstance(content, dict) and isinstance(content.get("instances"), list):
        content = content["instances"]
    elif isinstance(content, dict) and isinstance(content.get("inputs"), dict):
        content = _of_columns(content["inputs"], where)
    rows = content if isinstance(content, list) else [content]
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise ValueError(
            f'{where} holds no rows; write {{"column": value, ...}} or '
            '{"instances": [{"column": value, ...}, ...]}'
        )
    return rows


def _of_columns(inputs: dict[str, Any], where: str) -> list[Row]:
    lengths = {len(values) if isinstance(values, list) else -1 for values in inputs.values()}
    if len(lengths) != 1 or -1 in lengths:
        raise ValueError(f"{where}: each of the inputs must be a list, all of the same length")
    return [dict(zip(inputs, values)) for values in zip(*inputs.values())]


def _of_csv(file: Path, schema: schema_pb2.Schema) -> Iterator[Row]:
    types = columns.types(schema)
    with file.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines, strict=True)
        try:
            for row in reader:
                if None in row or None in row.values():
                    expected = len(reader.fieldnames or ())
                    raise ValueError(f"{file}: line {reader.line_num}: not {expected} cells")
                yield {name: _value(cell, types.get(name)) for name, cell in row.items()}
        except (csv.Error, UnicodeDecodeError) as error:
            raise ValueError(f"{file}: line {reader.line_num + 1}: {error}") from error


def _value(cell: str, kind: str | None) -> Any:
    """Return a cell as what the schema says it is, when it can be that."""
    if cell == "":
        return None
    try:
        return {"INT": int, "FLOAT": float}.get(kind or "", str)(cell)
    except ValueError:
        return cell


def _of_parquet(file: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        for batch in pq.ParquetFile(file).iter_batches():
            yield from batch.to_pylist()
    except pa.ArrowInvalid as error:
        raise ValueError(f"{file}: not a readable Parquet file: {error}") from error
