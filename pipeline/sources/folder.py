"""A user's own CSV or Parquet files."""

from __future__ import annotations

import hashlib
import re
from functools import cached_property
from pathlib import Path
from typing import Literal

import duckdb

from pipeline.errors import DataRefused, UsageError

_FORMATS = {"day": "%Y%m%d", "month": "%Y%m", "year": "%Y"}


class FolderSource:
    """CSV or Parquet files, cut into spans by a time column or by the digits in their names.

    Columns keep their names; booleans and whole numbers become 64-bit integers, other numbers
    doubles, everything else text. A column's type is one for all files.

    Args:
      path: the folder; files in its sub-folders count too.
      time_column: says when a row happened: a timestamp, a date, or seconds since 1970 (UTC).
        None when the digits in each file's name are its span.
      period: how much time one span covers, with a time column.

    Raises:
      UsageError: no such folder or column, or no files, or file names without digits.
      DataRefused: a file cannot be read, or a row has no time.
    """

    def __init__(
        self, path: Path, time_column: str | None, period: Literal["day", "month", "year"]
    ) -> None:
        self._path = path
        self._time_column = time_column
        self._period = period
        self._files = sorted(
            file for file in path.rglob("*") if file.suffix in (".csv", ".parquet")
        )
        if not self._files:
            raise UsageError(f"{path}: no .csv or .parquet files there.", "check source.path")
        if len({file.suffix for file in self._files}) > 1:
            raise UsageError(f"{path}: .csv and .parquet files are mixed; keep one kind.")

    def fingerprint(self) -> str:
        """Return a hash of the files' names, sizes and times, and of how they are cut."""
        digest = hashlib.sha256(f"{self._time_column}\0{self._period}\0".encode())
        for file in self._files:
            status = file.stat()
            digest.update(f"{file}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
        return digest.hexdigest()

    def spans(self) -> list[int]:
        """Return the spans that occur in the files, oldest first."""
        found = self._database.execute("SELECT DISTINCT span FROM folder_rows ORDER BY span")
        return [span for (span,) in found.fetchall()]

    def write(self, span: int, file: Path) -> None:
        """Write one span's rows as Parquet, in the order of the files."""
        self._database.execute(
            "COPY (SELECT * EXCLUDE (span) FROM folder_rows WHERE span = $span) "
            "TO '{}' (FORMAT parquet)".format(str(file).replace("'", "''")),
            {"span": span},
        )

    @cached_property
    def _database(self) -> duckdb.DuckDBPyConnection:
        database = duckdb.connect()
        database.execute("SET TimeZone = 'UTC'")
        try:
            database.execute(
                f"CREATE VIEW raw AS SELECT * FROM {self._reader()}",
            )
            types = {name: kind for name, kind, *_ in database.execute("DESCRIBE raw").fetchall()}
            columns = ", ".join(
                _as_plain(name, kind) for name, kind in types.items() if name != "filename"
            )
            database.execute(
                "CREATE TABLE folder_rows AS "
                f"SELECT {self._span(types)} AS span, {columns} FROM raw"
            )
        except duckdb.Error as error:
            raise DataRefused(
                f"{self._path}: not readable as {self._files[0].suffix[1:]}: {_summary(error)}",
                "correct the file, or move it out of the folder",
            ) from error
        (timeless,) = database.execute(
            "SELECT count(*) FROM folder_rows WHERE span IS NULL"
        ).fetchall()[0]
        if timeless:
            raise DataRefused(
                f"{self._path}: {timeless} rows have no {self._time_column or 'span'}; "
                "every row needs one.",
                "correct the rows, or leave them out",
            )
        return database

    def _reader(self) -> str:
        files = ", ".join("'" + str(file).replace("'", "''") + "'" for file in self._files)
        if self._files[0].suffix == ".parquet":
            return f"read_parquet([{files}], union_by_name = true, filename = true)"
        # The whole of every file decides a column's type, not its first rows.
        return (
            f"read_csv([{files}], union_by_name = true, filename = true, sample_size = -1, "
            "header = true)"
        )

    def _span(self, types: dict[str, str]) -> str:
        if self._time_column is None:
            for file in self._files:
                if not re.search(r"\d", file.stem):
                    raise UsageError(
                        f"{file}: no digits in its name, so its span is unknown.",
                        "name files by their span (sales-201304.csv), or set source.time_column",
                    )
            stem = r"regexp_extract(filename, '([^/]*)\.[a-z]+$', 1)"
            return rf"regexp_replace({stem}, '\D', '', 'g')::BIGINT"
        if self._time_column not in types:
            raise UsageError(
                f"source.time_column: no column {self._time_column} in {self._path}; "
                f"there are {', '.join(types)}."
            )
        column = _quoted(self._time_column)
        moment = (
            f"to_timestamp({column})"
            if types[self._time_column] in ("BIGINT", "INTEGER", "DOUBLE")
            else f"{column}::TIMESTAMPTZ"
        )
        return f"strftime({moment}, '{_FORMATS[self._period]}')::BIGINT"


def _as_plain(name: str, kind: str) -> str:
    column = _quoted(name)
    if kind == "BOOLEAN" or kind.endswith("INT") or kind == "INTEGER":
        return f"{column}::BIGINT AS {column}"
    if kind in ("FLOAT", "DOUBLE", "HUGEINT") or kind.startswith("DECIMAL"):
        return f"{column}::DOUBLE AS {column}"
    return f"{column}::VARCHAR AS {column}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _summary(error: duckdb.Error) -> str:
    return " ".join(str(error).split("\n\n")[0].split())
