"""Open a file of JSON lines as a table."""

from __future__ import annotations

import json
from typing import Any

import duckdb

from pipeline.errors import DataRefused
from pipeline.findings import RejectedRow
from pipeline.sources.base import ROW_COLUMN
from pipeline.sources.files import streams
from pipeline.sources.files.database import path_literal, summary
from pipeline.sources.files.discovery import DataFile
from pipeline.sources.files.tables import Table, check_names, malformed
from pipeline.sources.sql import identifier, text

_EXPECTED = "a JSON object in every line, with every key once, in UTF-8"
_MAX_LINE_BYTES = 16 << 20


def open_table(database: duckdb.DuckDBPyConnection, file: DataFile) -> Table:
    """Open a file of JSON lines as a table; every value is text, as in a CSV file.

    Args:
      database: database that reads the file.
      file: the file.

    Raises:
      DataRefused: a line is no JSON object, or the column names are ambiguous.
    """
    source = (
        f"{path_literal(file.path)}, hive_partitioning = false, "
        f"compression = {text(file.compression or 'uncompressed')}, "
        f"maximum_object_size = {_MAX_LINE_BYTES}"
    )
    objects = f"read_ndjson_objects({source})"
    try:
        invalid = database.execute(
            f"SELECT 1 FROM {objects} WHERE json_type(json) <> 'OBJECT' "
            "OR len(json_keys(json)) <> len(list_distinct(json_keys(json))) LIMIT 1"
        ).fetchone()
        rows = database.execute(
            f"SELECT key FROM (SELECT unnest(json_keys(json)) AS key, row_number() OVER () AS n "
            f"FROM {objects}) GROUP BY key ORDER BY min(n), key"
        ).fetchall()
    except duckdb.Error as error:
        raise _malformed_line(file, summary(error)) from error
    if invalid:
        raise _malformed_line(file, "a line of another form")
    names = [name for (name,) in rows]
    if not names:
        raise malformed(file.name, "", "an empty file", _EXPECTED)
    check_names(file.name, names)
    columns = ", ".join(f"{text(name)}: 'VARCHAR'" for name in names)
    selected = ", ".join(map(identifier, names))
    return Table(
        file.name,
        dict.fromkeys(names, "VARCHAR"),
        f"(SELECT {selected}, row_number() OVER () AS {ROW_COLUMN} FROM read_json({source}, "
        f"format = 'newline_delimited', columns = {{{columns}}}))",
    )


def _malformed_line(file: DataFile, reason: str) -> DataRefused:
    """Return the error of the first malformed line; DuckDB counts lines in another way."""
    rows: tuple[RejectedRow, ...] = ()
    with streams.open_bytes(file.path, file.compression) as stream:
        for number, line in enumerate(streams.lines(stream), start=1):
            actual = _fault(line)
            if actual:
                content = line[:1000].decode("utf-8", "backslashreplace")
                row = RejectedRow(file.name, f"line {number}", "", actual, _EXPECTED, content)
                rows, reason = (row,), f"line {number} is {actual}"
                break
    return DataRefused(
        f"{file.name}: expected {_EXPECTED}; {reason}.", "fix the line, or remove it", rows=rows
    )


def _fault(line: bytes) -> str:
    if not line.strip():
        return ""
    if len(line) > _MAX_LINE_BYTES:
        return f"longer than {_MAX_LINE_BYTES:,} bytes"
    repeated: list[str] = []

    def check(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content = dict(pairs)
        if len(content) < len(pairs):
            repeated.append("an object with a repeated key")
        return content

    try:
        value = json.loads(line.decode("utf-8"), object_pairs_hook=check)
    except UnicodeDecodeError:
        return "not UTF-8"
    except ValueError as error:
        return f"not JSON ({error})"
    return "no JSON object" if not isinstance(value, dict) else "".join(repeated[:1])
