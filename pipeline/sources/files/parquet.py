"""Open a Parquet file as a table."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import DataRefused
from pipeline.findings import RejectedRow
from pipeline.sources.base import ROW_COLUMN
from pipeline.sources.files.database import path_literal, summary
from pipeline.sources.files.discovery import DataFile
from pipeline.sources.files.tables import Table, check_names
from pipeline.sources.sql import identifier

_ROW_NUMBER = "file_row_number"


def open_table(database: duckdb.DuckDBPyConnection, file: DataFile) -> Table:
    """Open a Parquet file; only its footer is read.

    Args:
      database: database that reads the file.
      file: the file.

    Raises:
      DataRefused: the file is not a Parquet file, or its column names are ambiguous.
    """
    try:
        # DuckDB renames columns that differ by case alone, so the names are read by Arrow.
        names = pq.read_schema(file.path).names
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(file, str(error).splitlines()[0]) from error
    check_names(file.name, names)
    scan = f"read_parquet({path_literal(file.path)}, hive_partitioning = false"
    try:
        described = database.execute(f"DESCRIBE FROM {scan})").fetchall()
    except duckdb.Error as error:
        raise _unreadable(file, summary(error)) from error
    has_own = any(name.casefold() == _ROW_NUMBER for name in names)
    columns = ", ".join(identifier(name) for name, *_ in described)
    number, option = (
        ("row_number() OVER ()", "")
        if has_own
        else (f"{_ROW_NUMBER} + 1", f", {_ROW_NUMBER} = true")
    )
    return Table(
        file.name,
        {name: kind for name, kind, *_ in described},
        f"(SELECT {columns}, {number} AS {ROW_COLUMN} FROM {scan}{option}))",
    )


def _unreadable(file: DataFile, reason: str) -> DataRefused:
    return DataRefused(
        f"{file.name}: not a readable Parquet file: {reason}",
        "fix the file, or remove it from the folder",
        rows=(RejectedRow(file.name, "", "", "not Parquet", "Parquet"),),
    )
