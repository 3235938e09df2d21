"""Choose the reader of a file by its format."""

from __future__ import annotations

from pathlib import Path

import duckdb

from pipeline.sources import csv_files
from pipeline.sources.files import encodings, parquet, streams
from pipeline.sources.files.discovery import DataFile
from pipeline.sources.files.tables import Table
from pipeline.sources.values.reading import Reading


def open_table(
    database: duckdb.DuckDBPyConnection, file: DataFile, scratch: Path, reading: Reading
) -> Table:
    """Open a file as a table of DuckDB.

    Args:
      database: database that reads the file.
      file: the file.
      scratch: folder for the copy of a file that DuckDB cannot read itself.
      reading: how text is read.

    Raises:
      DataRefused: the file cannot be read.
    """
    if file.format == "CSV":
        return _open_csv(database, file, scratch, reading)
    return parquet.open_table(database, file)


def _open_csv(
    database: duckdb.DuckDBPyConnection, file: DataFile, scratch: Path, reading: Reading
) -> Table:
    path, compression = file.path, file.compression
    if not encodings.is_utf_8(reading.encoding):
        path, compression = streams.copy_path(scratch, file), ""
        encodings.write_as_utf_8(file, reading.encoding, path)
    ends = streams.line_ends(path, compression)
    if ends.mixed:
        copy = streams.copy_path(scratch, file)
        streams.write_with_lf(path, compression, copy)
        path, compression = copy, ""
    table = csv_files.open_table(database, file, path, compression, reading.delimiter)
    if ends.nul:
        raise csv_files.rows_with_nul(database, table)
    return table
