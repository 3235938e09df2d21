"""Read CSV files as text, and reject every row that is not as wide as the header."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import duckdb

from pipeline.errors import DataRefused
from pipeline.findings import RejectedRow
from pipeline.sources.base import FILE_COLUMN, RESERVED, ROW_COLUMN
from pipeline.sources.sql import identifier, text

_SEPARATORS = ",;\t|"
_MAX_HEADER_BYTES = 1 << 20
_MAX_LINE_BYTES = 2 << 20
_MAX_REJECTED_ROWS = 1000

_EXPECTED = {
    "MISSING COLUMNS": "a cell for every column of the header",
    "TOO MANY COLUMNS": "no more cells than the header has columns",
    "INVALID ENCODING": "text in UTF-8",
    "UNQUOTED VALUE": "quotes at both ends of a cell, or at neither",
    "LINE SIZE OVER MAXIMUM": f"at most {_MAX_LINE_BYTES:,} bytes",
}


def read(database: duckdb.DuckDBPyConnection, files: Sequence[Path], base: Path) -> None:
    """Read CSV files into the table `raw`; every cell is text, and an empty cell is NULL.

    The files follow RFC 4180, in UTF-8 with or without a byte-order mark. A file's separator is
    the comma, semicolon, tab or bar that is most frequent in its header. Columns are matched by
    name.

    Args:
      database: database to create the table in, with the columns of `PROVENANCE`.
      files: paths of the CSV files.
      base: folder that messages show file names relative to.

    Raises:
      DataRefused: a file or a row is malformed; the error holds the first malformed rows.
    """
    selects = []
    for number, file in enumerate(files):
        shown = str(file.relative_to(base))
        separator, names = _header(file, shown)
        selects.append(_table(database, file, shown, names, separator, f"file_{number}"))
    database.execute("CREATE TABLE raw AS " + " UNION ALL BY NAME ".join(selects))
    for number in range(len(files)):
        database.execute(f"DROP TABLE file_{number}")


def _header(file: Path, shown: str) -> tuple[str, list[str]]:
    with file.open("rb") as stream:
        line = stream.readline(_MAX_HEADER_BYTES)
    try:
        header = line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _malformed(shown, "", "text in another encoding", "text in UTF-8") from error
    if "\0" in header:
        raise _malformed(shown, "", "a NUL byte in the header", "text in UTF-8")
    separator = max(_SEPARATORS, key=header.count)
    names = next(csv.reader([header.rstrip("\r\n")], delimiter=separator), [])
    if not names:
        raise _malformed(shown, "", "an empty file", "a header with the columns' names")
    for name in names:
        if not name.strip():
            raise _malformed(shown, "", "a column without a name", "a name for every column")
        if name.startswith(RESERVED):
            raise _malformed(shown, name, "a reserved name", "a name without this prefix")
        if names.count(name) > 1:
            raise _malformed(shown, name, "two columns of this name", "every name once")
    return separator, names


def _table(
    database: duckdb.DuckDBPyConnection,
    file: Path,
    shown: str,
    names: list[str],
    separator: str,
    table: str,
) -> str:
    columns = ", ".join(f"{text(name)}: 'VARCHAR'" for name in names)
    try:
        database.execute(
            f"CREATE TABLE {table} AS SELECT *, row_number() OVER () AS {ROW_COLUMN} FROM read_csv("
            f"{text(str(file))}, auto_detect = false, header = true, columns = {{{columns}}}, "
            f"delim = {text(separator)}, quote = '\"', escape = '\"', strict_mode = true, "
            f"max_line_size = {_MAX_LINE_BYTES}, store_rejects = true, rejects_limit = 0)"
        )
    except duckdb.Error as error:
        raise _malformed(
            shown, "", " ".join(str(error).splitlines()[0].split()), "CSV as in RFC 4180"
        ) from error
    count, rejected = _rejected(database, shown)
    nul_rows = _rows_with_nul(database, table, names, shown)
    if rejected or nul_rows:
        raise DataRefused(
            f"{shown}: {count + len(nul_rows):,} malformed rows.",
            "fix the rows, or remove them",
            rows=tuple(rejected + nul_rows),
        )
    return f"SELECT *, {text(shown)} AS {FILE_COLUMN} FROM {table}"


def _rejected(database: duckdb.DuckDBPyConnection, shown: str) -> tuple[int, list[RejectedRow]]:
    """Return the number of rows that DuckDB could not read, and the first of them."""
    [count] = database.execute("SELECT count(DISTINCT line) FROM reject_errors").fetchone() or [0]
    rows = database.execute(
        "SELECT line, any_value(column_name), any_value(error_type)::VARCHAR, "
        f"any_value(csv_line) FROM reject_errors GROUP BY line ORDER BY line "
        f"LIMIT {_MAX_REJECTED_ROWS}"
    ).fetchall()
    database.execute("DELETE FROM reject_errors")
    return count, [
        RejectedRow(
            shown,
            f"line {line}",
            column or "",
            error.lower(),
            _EXPECTED.get(error, "CSV as in RFC 4180"),
            content,
        )
        for line, column, error, content in rows
    ]


def _rows_with_nul(
    database: duckdb.DuckDBPyConnection, table: str, names: list[str], shown: str
) -> list[RejectedRow]:
    rejected = []
    for name in names:
        rows = database.execute(
            f"SELECT {ROW_COLUMN} FROM {table} WHERE contains({identifier(name)}, chr(0)) "
            f"LIMIT {_MAX_REJECTED_ROWS}"
        ).fetchall()
        rejected += [
            RejectedRow(shown, str(row), name, "a NUL byte", "text in UTF-8") for (row,) in rows
        ]
    return rejected


def _malformed(shown: str, column: str, actual: str, expected: str) -> DataRefused:
    location = f"{shown}, column {column}" if column else shown
    return DataRefused(
        f"{location}: expected {expected}, got {actual}.",
        "fix the file, or remove it from the folder",
        rows=(RejectedRow(shown, "header", column, actual, expected),),
    )
