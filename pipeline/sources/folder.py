"""A user's own CSV or Parquet files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import duckdb

from pipeline.errors import DataRefused, UsageError
from pipeline.refusals import BadRow
from pipeline.sources import column_types, csv_files
from pipeline.sources.base import FILE_COLUMN, PROVENANCE, ROW_COLUMN
from pipeline.sources.sql import identifier, text

_FORMATS = {"day": "%Y%m%d", "month": "%Y%m", "year": "%Y"}


class FolderSource:
    """CSV or Parquet files, cut into spans by a time column or by the digits in their names.

    Columns keep their names; booleans and whole numbers become 64-bit integers, other numbers
    doubles, everything else text. A column's type is one for all files; where the curated schema
    says more, and no value is lost by it, the schema's type holds.

    Args:
      path: the folder; files in its sub-folders count too.
      time_column: says when a row happened: a timestamp, a date, or seconds since 1970 (UTC).
        None when the digits in each file's name are its span.
      period: how much time one span covers, with a time column.
      types: `INT`, `FLOAT` or `BYTES` by column, from the curated schema.

    Raises:
      UsageError: no such folder or column, or no files, or file names without digits.
      DataRefused: a file cannot be read, or a row has no time.
    """

    def __init__(
        self,
        path: Path,
        time_column: str | None,
        period: Literal["day", "month", "year"],
        types: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._path = path
        self._time_column = time_column
        self._period = period
        self._types = types
        self._files = sorted(
            file for file in path.rglob("*") if file.suffix in (".csv", ".parquet")
        )
        if not self._files:
            raise UsageError(f"{path}: no .csv or .parquet files there.", "check source.path")
        if len({file.suffix for file in self._files}) > 1:
            raise UsageError(f"{path}: .csv and .parquet files are mixed; keep one kind.")

    def fingerprint(self) -> str:
        """Return a hash of the files' names, sizes and times, and of how they are cut."""
        digest = hashlib.sha256(
            f"{self._time_column}\0{self._period}\0{sorted(self._types.items())}\0".encode()
        )
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
        if self._files[0].suffix == ".csv":
            csv_files.read(database, self._files, self._path)
        else:
            self._read_parquet(database)
        kinds = {name: kind for name, kind, *_ in database.execute("DESCRIBE raw").fetchall()}
        columns = ", ".join(
            column_types.cast(database, name, kind, self._types.get(name))
            for name, kind in kinds.items()
            if name not in PROVENANCE
        )
        try:
            database.execute(
                f"CREATE TABLE folder_rows AS SELECT {self._span(kinds)} AS span, {columns}, "
                f"{', '.join(PROVENANCE)} FROM raw"
            )
        except duckdb.Error as error:
            raise DataRefused(
                f"{self._path}: column {self._time_column}: not all times can be read: "
                f"{_summary(error)}",
                "correct the rows, or choose another source.time_column",
            ) from error
        self._refuse_without_span(database)
        return database

    def _read_parquet(self, database: duckdb.DuckDBPyConnection) -> None:
        for file in self._files:
            try:
                database.execute(f"SELECT count(*) FROM read_parquet({text(str(file))})")
            except duckdb.Error as error:
                raise DataRefused(
                    f"{file}: not a readable Parquet file: {_summary(error)}",
                    "correct the file, or move it out of the folder",
                    rows=(
                        BadRow(str(file.relative_to(self._path)), "", "", "not Parquet", "Parquet"),
                    ),
                ) from error
        files = ", ".join(text(str(file)) for file in self._files)
        base = text(f"{self._path}/")
        try:
            database.execute(
                f"CREATE TABLE raw AS SELECT * EXCLUDE (filename, file_row_number), "
                f"replace(filename, {base}, '') AS {FILE_COLUMN}, "
                f"file_row_number + 1 AS {ROW_COLUMN} FROM read_parquet([{files}], "
                "union_by_name = true, filename = true, file_row_number = true)"
            )
        except duckdb.Error as error:
            raise DataRefused(
                f"{self._path}: not readable as parquet: {_summary(error)}",
                "give a column the same type in every file",
            ) from error

    def _refuse_without_span(self, database: duckdb.DuckDBPyConnection) -> None:
        column = self._time_column or ""
        rows = database.execute(
            f"SELECT {', '.join(PROVENANCE)} FROM folder_rows WHERE span IS NULL LIMIT 1000"
        ).fetchall()
        if rows:
            raise DataRefused(
                f"{self._path}: {len(rows):,} rows have no {column or 'span'}; "
                "every row needs one.",
                "correct the rows, or leave them out",
                rows=tuple(
                    BadRow(file, str(row), column, "no value", "when it happened")
                    for file, row in rows
                ),
            )

    def _span(self, types: dict[str, str]) -> str:
        if self._time_column is None:
            for file in self._files:
                if not re.search(r"\d", file.stem):
                    raise UsageError(
                        f"{file}: no digits in its name, so its span is unknown.",
                        "name files by their span (sales-201304.csv), or set source.time_column",
                    )
            stem = rf"regexp_extract({FILE_COLUMN}, '([^/]*)\.[a-z]+$', 1)"
            return rf"regexp_replace({stem}, '\D', '', 'g')::BIGINT"
        if self._time_column not in types:
            raise UsageError(
                f"source.time_column: no column {self._time_column} in {self._path}; "
                f"there are {', '.join(types)}."
            )
        column = identifier(self._time_column)
        moment = (
            f"to_timestamp({column})"
            if types[self._time_column] in ("BIGINT", "INTEGER", "DOUBLE")
            # As text, either a number or a date.
            else f"coalesce(to_timestamp(try_cast({column} AS DOUBLE)), {column}::TIMESTAMPTZ)"
        )
        return f"strftime({moment}, '{_FORMATS[self._period]}')::BIGINT"


def _summary(error: duckdb.Error) -> str:
    return " ".join(str(error).split("\n\n")[0].split())
