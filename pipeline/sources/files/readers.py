"""Choose the reader of a file by its format."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import duckdb

from pipeline.sources import csv_files
from pipeline.sources.files import encodings, json_lines, parquet, staging, streams
from pipeline.sources.files.discovery import DataFile
from pipeline.sources.files.tables import Table, check_names, malformed
from pipeline.sources.sql import identifier, text
from pipeline.sources.values.reading import Reading


def open_table(
    database: duckdb.DuckDBPyConnection,
    file: DataFile,
    scratch: Path,
    reading: Reading,
    hive: bool = False,
) -> Table:
    """Open a file as a table of DuckDB.

    Args:
      database: database that reads the file.
      file: the file.
      scratch: folder for the copy of a file that DuckDB cannot read itself.
      reading: how text is read.
      hive: whether folders such as `city=Seoul` are columns; default False.

    Raises:
      DataRefused: the file cannot be read.
    """
    try:
        table = _open_table(database, _without_hard_name(file, scratch), scratch, reading)
    except OSError as error:
        raise malformed(file.name, "", f"{error.strerror or error}", "a readable file") from error
    return _with_partitions(table, file) if hive else table


def _without_hard_name(file: DataFile, scratch: Path) -> DataFile:
    """Return a file whose path DuckDB can take literally; no pattern matches a backslash."""
    path = str(file.path)
    if "\\" not in path and path.isprintable():
        return file
    link = streams.copy_path(scratch, file)
    link.symlink_to(file.path.absolute())
    return dataclasses.replace(file, path=link)


def _open_table(
    database: duckdb.DuckDBPyConnection, file: DataFile, scratch: Path, reading: Reading
) -> Table:
    if file.format == "CSV":
        return _open_csv(database, file, scratch, reading)
    if file.format == "JSON lines":
        if not encodings.is_utf_8(reading.encoding):
            copy = streams.copy_path(scratch, file)
            encodings.write_as_utf_8(file, reading.encoding, copy)
            file = dataclasses.replace(file, path=copy, compression="")
        return json_lines.open_table(database, file)
    if file.format == "Parquet":
        return parquet.open_table(database, file, file.path)
    copy = streams.copy_path(scratch, file)
    if file.format == "Arrow":
        staging.write_arrow(file, copy)
    else:
        staging.write_examples(file, copy)
    return parquet.open_table(database, file, copy)


def _with_partitions(table: Table, file: DataFile) -> Table:
    """Add a text column for each folder such as `city=Seoul`."""
    own = {name.casefold(): name for name in table.columns}
    for key, _ in file.partitions:
        if key.casefold() in own:
            raise malformed(
                file.name,
                own[key.casefold()],
                "a column of this name in the file and in its folder",
                "one of them, or source.hive = false",
            )
    check_names(file.name, [*table.columns, *(key for key, _ in file.partitions)])
    constants = "".join(
        f", {'NULL::VARCHAR' if value is None else text(value)} AS {identifier(key)}"
        for key, value in file.partitions
    )
    kinds = dict(table.columns) | {key: "VARCHAR" for key, _ in file.partitions}
    return dataclasses.replace(
        table, columns=kinds, rows=f"(SELECT *{constants} FROM {table.rows})"
    )


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
    if ends.nul or not ends.utf_8:
        raise csv_files.refuse_bytes(database, table)
    return table
