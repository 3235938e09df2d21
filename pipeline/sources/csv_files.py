"""Read CSV files as text, and reject every row that is not as wide as the header."""

from __future__ import annotations

import csv
from pathlib import Path

import duckdb

from pipeline.errors import DataRefused
from pipeline.findings import RejectedRow
from pipeline.sources.base import ROW_COLUMN
from pipeline.sources.files import encodings, streams
from pipeline.sources.files.database import path_literal
from pipeline.sources.files.discovery import Compression, DataFile
from pipeline.sources.files.tables import Table, check_names, malformed, refused
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


def open_table(
    database: duckdb.DuckDBPyConnection,
    file: DataFile,
    path: Path,
    compression: Compression,
    delimiter: str | None,
) -> Table:
    """Open a CSV file as a table; every cell is text, and an empty cell is NULL.

    The file follows RFC 4180, in UTF-8 with or without a byte-order mark.

    Args:
      database: database that reads the file.
      file: the file, for its name.
      path: path to read, which has the file's content with line ends of one kind.
      compression: compression of the content at `path`.
      delimiter: separator of the cells; None for the comma, semicolon, tab or bar that gives the
        header the most columns.

    Raises:
      DataRefused: the header is malformed.
    """
    separator, names = _header(file, path, compression, delimiter)
    columns = ", ".join(f"{text(name)}: 'VARCHAR'" for name in names)
    selected = ", ".join(map(identifier, names))
    rows = (
        f"(SELECT {selected}, row_number() OVER () AS {ROW_COLUMN} FROM read_csv("
        f"{path_literal(path)}, auto_detect = false, header = true, columns = {{{columns}}}, "
        f"delim = {text(separator)}, quote = '\"', escape = '\"', strict_mode = true, "
        f"compression = {text(compression or 'none')}, hive_partitioning = false, "
        f"max_line_size = {_MAX_LINE_BYTES}, store_rejects = true, rejects_limit = 0))"
    )

    def verify() -> None:
        count, rejected = _rejected(database, file.name)
        if rejected:
            encoded = any(row.actual == "invalid encoding" for row in rejected)
            raise DataRefused(
                f"{file.name}: {count:,} malformed rows.",
                encodings.suggest(b"") if encoded else "fix the rows, or remove them",
                rows=tuple(rejected),
            )

    return Table(file.name, dict.fromkeys(names, "VARCHAR"), rows, verify)


def refuse_bytes(database: duckdb.DuckDBPyConnection, table: Table) -> DataRefused:
    """Return the error of a file that has a NUL byte or bytes that are no UTF-8.

    Args:
      database: database that reads the file.
      table: the file's table.

    Raises:
      DataRefused: a row is malformed in another way too.
    """
    # DuckDB fails on such bytes unless a query reads every column.
    conditions = [
        f"coalesce(contains({identifier(name)}, chr(0)), false)" for name in table.columns
    ]
    with refused(table):
        rows = database.execute(
            f"SELECT {ROW_COLUMN}, [{', '.join(conditions)}] FROM {table.rows} "
            f"WHERE {' OR '.join(conditions)} LIMIT {_MAX_REJECTED_ROWS}"
        ).fetchall()
    table.verify()
    rejected = [
        RejectedRow(table.name, str(row), name, "a NUL byte", "text in UTF-8")
        for row, flags in rows
        for name, flag in zip(table.columns, flags)
        if flag
    ]
    if not rejected:
        return malformed(table.name, "", "bytes that are no UTF-8", "text in UTF-8")
    return DataRefused(
        f"{table.name}: {len(rejected):,} malformed rows.",
        "fix the rows, or remove them",
        rows=tuple(rejected),
    )


def _header(
    file: DataFile, path: Path, compression: Compression, delimiter: str | None
) -> tuple[str, list[str]]:
    with streams.open_bytes(path, compression) as stream:
        line = stream.read(_MAX_HEADER_BYTES).partition(b"\n")[0]
    try:
        header = line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        refusal = malformed(file.name, "", "text in another encoding", "text in UTF-8")
        refusal.next_step = encodings.suggest(line)
        raise refusal from error
    if "\0" in header:
        raise malformed(file.name, "", "a NUL byte in the header", "text in UTF-8")
    columns = {
        separator: next(csv.reader([header.rstrip("\r\n")], delimiter=separator), [])
        for separator in (delimiter or _SEPARATORS)
    }
    # A separator within quotes separates no columns.
    separator, names = max(columns.items(), key=lambda item: len(item[1]))
    if not names:
        raise malformed(file.name, "", "an empty file", "a header with the columns' names")
    check_names(file.name, names)
    return separator, names


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
