"""Read the CSV or Parquet files of a folder."""

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
from pipeline.findings import RejectedRow
from pipeline.sources import column_types, csv_files
from pipeline.sources.base import FILE_COLUMN, PROVENANCE, ROW_COLUMN
from pipeline.sources.hash_split import SPAN
from pipeline.sources.sql import identifier, text

_FORMATS = {"day": "%Y%m%d", "month": "%Y%m", "year": "%Y"}
# Seconds since 1970 of the years 1973 and 2100. A smaller number is a date, such as 20130401.
_EARLIEST, _LATEST = 100_000_000, 4_102_444_800
_TIME = "a timestamp, a date, or seconds or milliseconds since 1970"
_MAX_REJECTED_ROWS = 1000
# No file of a user has columns with these names.
_SPAN, _PATH = "_source_span", "_source_path"


def list_files(path: Path) -> list[Path]:
    """Return the data files of a folder, or a single file.

    Args:
      path: path of the folder or the file.
    """
    files = [path] if path.is_file() else path.rglob("*")
    return sorted(file for file in files if file.suffix in (".csv", ".parquet"))


class FolderSource:
    """CSV or Parquet files, divided into spans by a time column or by the digits in their names.

    Columns keep their names. Booleans and whole numbers become 64-bit integers, other numbers
    become doubles, and everything else becomes text. A column has one type in all files: the type
    of the curated schema if no value is lost, otherwise the type that is inferred from the values.

    Args:
      path: folder of the files; files in its sub-folders are read too.
      time_column: column with the time of a row: a timestamp, a date, or seconds or milliseconds
        since 1970 (UTC). None if the digits in a file's name are its span.
      period: period of time that one span covers; used with a time column only.
      types: `INT`, `FLOAT` or `BYTES` by column, from the curated schema; default none.
      one_span: whether all rows are in span 1, whatever their time; default False.

    Raises:
      UsageError: there is no such folder or column, there are no files, or a file name has no
        digits.
      DataRefused: a file cannot be read, or a row has no time.
    """

    def __init__(
        self,
        path: Path,
        time_column: str | None,
        period: Literal["day", "month", "year"],
        types: Mapping[str, str] = MappingProxyType({}),
        one_span: bool = False,
    ) -> None:
        self._path = path
        self._base = path.parent if path.is_file() else path
        self._one_span = one_span
        self._time_column = time_column
        self._period = period
        self._types = types
        self._files = list_files(path)
        if not self._files:
            raise UsageError(f"{path}: no .csv or .parquet files there.", "check source.path")
        if len({file.suffix for file in self._files}) > 1:
            raise UsageError(f"{path}: .csv and .parquet files are mixed; keep one kind.")

    def fingerprint(self) -> str:
        """Return a hash of the files' names, sizes and times, and of the code that reads them."""
        digest = hashlib.sha256(
            f"{self._time_column}\0{self._period}\0{sorted(self._types.items())}\0"
            f"{duckdb.__version__}\0".encode()
        )
        for module in (__file__, csv_files.__file__, column_types.__file__):
            digest.update(Path(module).read_bytes())
        for file in self._files:
            status = file.stat()
            digest.update(f"{file}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
        return digest.hexdigest()

    def spans(self) -> list[int]:
        """Return the spans of the files, oldest first."""
        rows = self._database.execute(f"SELECT DISTINCT {_SPAN} FROM folder_rows ORDER BY 1")
        return [span for (span,) in rows.fetchall()]

    def write(self, span: int, file: Path) -> None:
        """Write one span's rows as Parquet, in the order of the files.

        Args:
          span: number of the span.
          file: path of the Parquet file.
        """
        self._database.execute(
            f"COPY (SELECT * EXCLUDE ({_SPAN}) FROM folder_rows WHERE {_SPAN} = $span) "
            f"TO {text(str(file))} (FORMAT parquet)",
            {"span": span},
        )

    @cached_property
    def _database(self) -> duckdb.DuckDBPyConnection:
        database = duckdb.connect()
        database.execute("SET TimeZone = 'UTC'")
        if self._files[0].suffix == ".csv":
            csv_files.read(database, self._files, self._base)
        else:
            self._read_parquet(database)
        kinds = {name: kind for name, kind, *_ in database.execute("DESCRIBE raw").fetchall()}
        columns = ", ".join(
            column_types.cast(database, name, kind, self._types.get(name))
            for name, kind in kinds.items()
            if name not in PROVENANCE
        )
        database.execute(
            f"CREATE TABLE folder_rows AS SELECT {self._span(kinds)} AS {_SPAN}, {columns}, "
            f"{', '.join(PROVENANCE)} FROM raw"
        )
        self._refuse_without_span(database)
        return database

    def _read_parquet(self, database: duckdb.DuckDBPyConnection) -> None:
        for file in self._files:
            try:
                database.execute(f"SELECT count(*) FROM read_parquet({text(str(file))})")
            except duckdb.Error as error:
                raise DataRefused(
                    f"{file}: not a readable Parquet file: {_summary(error)}",
                    "fix the file, or remove it from the folder",
                    rows=(
                        RejectedRow(
                            str(file.relative_to(self._base)), "", "", "not Parquet", "Parquet"
                        ),
                    ),
                ) from error
        files = ", ".join(text(str(file)) for file in self._files)
        base = text(f"{self._base}/")
        try:
            database.execute(
                f"CREATE TABLE raw AS SELECT * EXCLUDE ({_PATH}, file_row_number), "
                f"replace({_PATH}, {base}, '') AS {FILE_COLUMN}, "
                f"file_row_number + 1 AS {ROW_COLUMN} FROM read_parquet([{files}], "
                f"union_by_name = true, filename = {text(_PATH)}, file_row_number = true)"
            )
        except duckdb.Error as error:
            raise DataRefused(
                f"{self._path}: cannot read the Parquet files because {_summary(error)}",
                "write every column with one type in all files",
            ) from error

    def _refuse_without_span(self, database: duckdb.DuckDBPyConnection) -> None:
        missing = f"FROM folder_rows WHERE {_SPAN} IS NULL"
        [count] = database.execute(f"SELECT count(*) {missing}").fetchone() or [0]
        if not count:
            return
        column = self._time_column or ""
        value = f"{identifier(column)}::VARCHAR" if column else FILE_COLUMN
        rows = database.execute(
            f"SELECT {', '.join(PROVENANCE)}, {value} {missing} LIMIT {_MAX_REJECTED_ROWS}"
        ).fetchall()
        raise DataRefused(
            f"{self._path}: {count:,} rows have no readable {column or 'span'}; "
            "every row needs one.",
            "fix the rows, or remove them",
            rows=tuple(
                RejectedRow(file, str(row), column, "no value" if value is None else value, _TIME)
                for file, row, value in rows
            ),
        )

    def _span(self, types: dict[str, str]) -> str:
        if self._one_span:
            return f"{SPAN}::BIGINT"
        if self._time_column is None:
            for file in self._files:
                if not re.search(r"\d", file.stem):
                    raise UsageError(
                        f"{file}: no digits in its name, so its span is unknown.",
                        "name files by their span (sales-201304.csv), or set source.time_column",
                    )
            stem = rf"regexp_extract({FILE_COLUMN}, '([^/]*)\.[a-z]+$', 1)"
            return rf"try_cast(regexp_replace({stem}, '\D', '', 'g') AS BIGINT)"
        if self._time_column not in types:
            raise UsageError(
                f"source.time_column: no column {self._time_column} in {self._path}; "
                f"there are {', '.join(types)}."
            )
        column = identifier(self._time_column)
        number = f"try_cast({column} AS DOUBLE)"
        timestamp = f"try_cast({column}::VARCHAR AS TIMESTAMPTZ)"
        return (
            "CASE"
            f" WHEN {number} BETWEEN 19000101 AND 21001231"
            f" THEN strftime(try_strptime({number}::BIGINT::VARCHAR, '%Y%m%d'), {self._format})"
            f" WHEN {number} BETWEEN {_EARLIEST} AND {_LATEST}"
            f" THEN strftime(to_timestamp({number}), {self._format})"
            f" WHEN {number} BETWEEN {_EARLIEST}000 AND {_LATEST}000"
            f" THEN strftime(to_timestamp({number} / 1000), {self._format})"
            f" WHEN {number} IS NULL THEN strftime({timestamp}, {self._format})"
            " END::BIGINT"
        )

    @property
    def _format(self) -> str:
        return text(_FORMATS[self._period])


def _summary(error: duckdb.Error) -> str:
    return " ".join(str(error).split("\n\n")[0].split())
