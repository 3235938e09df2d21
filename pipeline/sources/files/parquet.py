"""Open a Parquet file as a table."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import DataRefused
from pipeline.findings import RejectedRow
from pipeline.sources.base import ROW_COLUMN
from pipeline.sources.files.database import path_literal, summary
from pipeline.sources.files.discovery import DataFile
from pipeline.sources.files.tables import Table, check_names, malformed
from pipeline.sources.sql import identifier
from pipeline.sources.values.column_types import TEXT

_MAX_PRECISION = 38
_SHOWN_BYTES = 32
_MAX_REJECTED_ROWS = 1000
_ROW_NUMBER = "file_row_number"
_PLAIN = (pa.int64(), pa.float64(), pa.string())


def open_table(database: duckdb.DuckDBPyConnection, file: DataFile, path: Path) -> Table:
    """Open a Parquet file; only its footer is read.

    Args:
      database: database that reads the file.
      file: the file, for its name.
      path: path to read: the file's, or that of its copy as Parquet.

    Raises:
      DataRefused: the file is not a Parquet file, or its column names are ambiguous.
    """
    try:
        # DuckDB renames columns that differ by case alone, so the names are read by Arrow.
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(file, str(error).splitlines()[0]) from error
    names = schema.names
    check_names(file.name, names)
    for field in schema:
        if pa.types.is_decimal(field.type) and field.type.precision > _MAX_PRECISION:
            # DuckDB reads wrong numbers from them.
            raise malformed(
                file.name,
                field.name,
                f"decimals of {field.type.precision} digits",
                f"at most {_MAX_PRECISION} digits",
            )
    scan = f"read_parquet({path_literal(path)}, hive_partitioning = false"
    try:
        described = database.execute(f"DESCRIBE FROM {scan})").fetchall()
    except duckdb.Error as error:
        raise _unreadable(file, summary(error)) from error
    has_own = any(name.casefold() == _ROW_NUMBER for name in names)
    kinds = {name: kind for name, kind, *_ in described}
    binary = [name for name, kind in kinds.items() if kind == "BLOB"]
    columns = ", ".join(
        f"TRY(decode({identifier(name)})) AS {identifier(name)}"
        if name in binary
        else identifier(name)
        for name in kinds
    )
    number, option = (
        ("row_number() OVER ()", "")
        if has_own
        else (f"{_ROW_NUMBER} + 1", f", {_ROW_NUMBER} = true")
    )
    raw = f"(SELECT *, {number} AS {ROW_COLUMN} FROM {scan}{option}))"

    def verify() -> None:
        for name in binary:
            _refuse_bytes(database, file, name, raw)

    return Table(
        file.name,
        {name: TEXT if name in binary else kind for name, kind in kinds.items()},
        f"(SELECT {columns}, {number} AS {ROW_COLUMN} FROM {scan}{option}))",
        verify,
    )


def _refuse_bytes(
    database: duckdb.DuckDBPyConnection, file: DataFile, name: str, rows: str
) -> None:
    """Refuse a binary column that is not text; many writers omit the mark of UTF-8 on text."""
    column = identifier(name)
    rejected = database.execute(
        f"SELECT {ROW_COLUMN}, hex({column}[:{_SHOWN_BYTES}]), TRY(decode({column})) IS NULL "
        f"FROM {rows} WHERE TRY(decode({column})) IS NULL AND {column} IS NOT NULL "
        f"OR contains(TRY(decode({column})), chr(0)) ORDER BY 1 LIMIT {_MAX_REJECTED_ROWS}"
    ).fetchall()
    if rejected:
        raise DataRefused(
            f"{file.name}, column {name}: expected text in UTF-8, got other bytes in row "
            f"{rejected[0][0]}.",
            "write the column as text, or leave it out of the file",
            rows=tuple(
                RejectedRow(
                    file.name,
                    str(row),
                    name,
                    f"the bytes {shown}" if undecodable else f"a NUL byte in {shown}",
                    "text in UTF-8",
                )
                for row, shown, undecodable in rejected
            ),
        )


def is_plain(file: DataFile, columns: Iterable[str]) -> bool:
    """Return whether a file is Parquet with exactly these columns, in types as spans have them.

    Args:
      file: a file that has been opened as a table before.
      columns: names of the columns.
    """
    if file.format != "Parquet":
        return False
    schema = pq.read_schema(file.path)
    return (
        schema.names == list(columns)
        and _ROW_NUMBER not in map(str.casefold, schema.names)
        and all(field.type in _PLAIN for field in schema)
    )


def _unreadable(file: DataFile, reason: str) -> DataRefused:
    return DataRefused(
        f"{file.name}: not a readable Parquet file: {reason}",
        "fix the file, or remove it from the folder",
        rows=(RejectedRow(file.name, "", "", "not Parquet", "Parquet"),),
    )
