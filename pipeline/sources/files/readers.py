"""Choose the reader of a file by its format."""

from __future__ import annotations

from pathlib import Path

import duckdb

from pipeline.sources import csv_files
from pipeline.sources.files import parquet, streams
from pipeline.sources.files.discovery import DataFile
from pipeline.sources.files.tables import Table


def open_table(database: duckdb.DuckDBPyConnection, file: DataFile, scratch: Path) -> Table:
    """Open a file as a table of DuckDB.

    Args:
      database: database that reads the file.
      file: the file.
      scratch: folder for the copy of a file that DuckDB cannot read itself.

    Raises:
      DataRefused: the file cannot be read.
    """
    if file.format == "CSV":
        return _open_csv(database, file, scratch)
    return parquet.open_table(database, file)


def _open_csv(database: duckdb.DuckDBPyConnection, file: DataFile, scratch: Path) -> Table:
    ends = streams.line_ends(file.path, file.compression)
    path, compression = file.path, file.compression
    if ends.mixed:
        path, compression = streams.copy_path(scratch, file), ""
        streams.write_with_lf(file.path, file.compression, path)
    table = csv_files.open_table(database, file, path, compression)
    if ends.nul:
        raise csv_files.rows_with_nul(database, table)
    return table
