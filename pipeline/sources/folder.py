"""Read the files of a folder as spans."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import duckdb

from pipeline.errors import DataRefused, UsageError
from pipeline.sources.base import FILE_COLUMN, ROW_COLUMN
from pipeline.sources.files import discovery, parquet, readers
from pipeline.sources.files.database import connect, scratch_folder
from pipeline.sources.files.discovery import DataFile
from pipeline.sources.files.summaries import (
    Cache,
    FileSpans,
    FileSummary,
    merged_exceptions,
    summarize,
)
from pipeline.sources.files.tables import Table, refused
from pipeline.sources.hash_split import SPAN
from pipeline.sources.spans import span_names
from pipeline.sources.spans.times import Times, without_time
from pipeline.sources.sql import identifier, text
from pipeline.sources.values import column_types
from pipeline.sources.values.labels import Label, check_values
from pipeline.sources.values.reading import Reading

_READING = Reading()
# DuckDB keeps a row group of every thread in memory until it is written.
_VALUES_IN_ROW_GROUP, _MAX_ROWS, _MIN_ROWS = 2 << 20, 122_880, 2_048


class FolderSource:
    """Files, divided into spans by a time column or by the digits in their names.

    Columns keep their names. Booleans and whole numbers become 64-bit integers, other numbers
    become doubles, and everything else becomes text. A column has one type in all spans of a run:
    the type of the curated schema if no value is lost, otherwise the type that is inferred from
    the values.

    Args:
      path: folder of the files; files in its sub-folders are read too. Or one file.
      time_column: column with the time of a row. None if the date or number in a file's name is
        its span.
      period: period of time that one span covers; used with a time column only.
      types: `INT`, `FLOAT` or `BYTES` by column, from the curated schema; default none.
      workspace: folder of all state, which is no part of the source, and keeps what is already
        computed about files; default None, keep nothing.
      reading: how text becomes values; default as `Reading()`.
      label: label of the model, which is converted to 0 and 1; default None, as other columns.
      one_span: whether all rows are in span 1, whatever their time; default False.
      hive: whether folders such as `city=Seoul` are columns; default False.

    Raises:
      UsageError: there is no such folder or column, there are no files, or a file name has no
        clear span.
      DataRefused: a file cannot be read, or a row has no time.
    """

    def __init__(
        self,
        path: Path,
        time_column: str | None,
        period: str,
        types: Mapping[str, str] = MappingProxyType({}),
        workspace: Path | None = None,
        reading: Reading = _READING,
        label: Label | None = None,
        one_span: bool = False,
        hive: bool = False,
    ) -> None:
        self._path = path
        self._workspace = workspace
        self._one_span = one_span
        self._hive = hive
        self._time_column = time_column
        self._period = period
        self._types = types
        self.reading = reading
        self.label = label
        self._discovery = discovery.discover(path, [workspace] if workspace else [])
        self._tables: dict[str, Table] = {}
        self._cache = Cache(
            workspace / "data" / "files" if workspace else None,
            f"{_code()}\0{time_column}\0{period}\0{one_span}\0{hive}\0{reading}\0{label}",
        )

    @property
    def remark(self) -> str:
        """The entries of the folder that are not read; "" for none."""
        return self._discovery.describe_left_out()

    def spans(self) -> list[int]:
        """Return the spans of the files, oldest first."""
        return sorted({span for spans in self._file_spans.values() for span in spans})

    def select(self, spans: Sequence[int]) -> FolderRows:
        """Return the rows of some spans; only their files are read.

        Args:
          spans: numbers of the spans.
        """
        files = [
            file for file in self._discovery.files if set(spans) & set(self._file_spans[file.name])
        ]
        summaries = {file: self._summary(file, spans) for file in files}
        for span in spans:
            if not any(span in summary.spans for summary in summaries.values()):
                names = [file.name for file in files if span in self._file_spans[file.name]]
                raise DataRefused(
                    f"{', '.join(names)}: no rows.", "add the rows, or remove the file"
                )
        return FolderRows(self, summaries, self._types)

    def table(self, file: DataFile) -> Table:
        """Open a file as a table.

        Args:
          file: one of the source's files.
        """
        if file.name not in self._tables:
            self._tables[file.name] = readers.open_table(
                self.database, file, self._scratch, self.reading, self._hive
            )
        return self._tables[file.name]

    def span_sql(self, file: DataFile) -> str:
        """Return the SQL of the span of a row.

        Args:
          file: one of the source's files.
        """
        if self._one_span or self._time_column is None:
            return str(self._spans_of_names[file.name])
        return self._span_from_time(self.table(file))

    def file_spans(self, file: DataFile) -> tuple[int, ...]:
        """Return the spans of a file's rows.

        Args:
          file: one of the source's files.
        """
        return self._file_spans[file.name]

    @cached_property
    def database(self) -> duckdb.DuckDBPyConnection:
        """The database that reads the files."""
        return connect(self._scratch, self.reading.time_zone)

    @cached_property
    def _file_spans(self) -> Mapping[str, tuple[int, ...]]:
        """The spans of every file, by its name; only a time column is read from the files."""
        if self._one_span or self._time_column is None:
            return {name: (span,) for name, span in self._spans_of_names.items()}
        span_names.refuse_copies([file.table for file in self._discovery.files])
        return {file.name: self._spans_in(file) for file in self._discovery.files}

    @cached_property
    def _spans_of_names(self) -> dict[str, int]:
        tables = [file.table for file in self._discovery.files]
        if self._one_span:
            span_names.refuse_copies(tables)
            return {file.name: SPAN for file in self._discovery.files}
        spans = span_names.spans(tables)
        return {file.name: spans[file.table] for file in self._discovery.files}

    def _spans_in(self, file: DataFile) -> tuple[int, ...]:
        cached = self._cache.load(file, FileSpans)
        if cached is not None:
            return cached.spans
        table = self.table(file)
        with refused(table):
            spans = self.database.execute(
                f"SELECT {self.span_sql(file)}, count(*) FROM {table.rows} GROUP BY 1 ORDER BY 1"
            ).fetchall()
        table.verify()
        missing = [count for span, count in spans if span is None]
        if missing:
            raise without_time(self.database, table, self._times(table), self._period, missing[0])
        result = FileSpans(spans=tuple(span for span, _ in spans))
        self._cache.store(file, result)
        return result.spans

    def _summary(self, file: DataFile, spans: Sequence[int]) -> FileSummary:
        chosen = sorted(set(spans) & set(self._file_spans[file.name]))
        detail = ",".join(map(str, chosen))
        cached = self._cache.load(file, FileSummary, detail)
        if cached is not None:
            return cached
        only = None if set(chosen) == set(self._file_spans[file.name]) else chosen
        result = summarize(
            self.database, self.table(file), self.span_sql(file), only, self.reading, self.label
        )
        self._cache.store(file, result, detail)
        return result

    @cached_property
    def _scratch_folder(self) -> tempfile.TemporaryDirectory[str]:
        return scratch_folder(self._workspace)

    @property
    def _scratch(self) -> Path:
        return Path(self._scratch_folder.name)

    def _span_from_time(self, table: Table) -> str:
        return self._times(table).span(self._period)

    def _times(self, table: Table) -> Times:
        time_column = self._time_column or ""
        if time_column not in table.columns:
            raise UsageError(
                f"source.time_column: no column {time_column} in {table.name}; "
                f"there are {', '.join(table.columns)}."
            )
        return Times(time_column, table.columns[time_column], self.reading.time_format)


class FolderRows:
    """The rows of some spans of a folder, with one type for every column.

    Args:
      source: source of the rows.
      summaries: summary of the spans' rows by file.
      types: `INT`, `FLOAT` or `BYTES` by column, from the curated schema.

    Raises:
      DataRefused: column names differ by case alone between files.
    """

    def __init__(
        self,
        source: FolderSource,
        summaries: Mapping[DataFile, FileSummary],
        types: Mapping[str, str],
    ) -> None:
        self._source = source
        self._summaries = summaries
        self._remarks: list[str] = []
        targets = {name: self._target(name, types) for name in self._names()}
        self._targets = {name: to for name, to in targets.items() if to is not None}

    @property
    def remark(self) -> str:
        """What a user must know about the values; "" for nothing."""
        return "; ".join(self._remarks)

    def fingerprint(self, span: int) -> str:
        """Return a hash of the rows in any order, of the columns' types, and of the reader's code.

        Args:
          span: number of the span.
        """
        rows = content = 0
        for summary in self._summaries.values():
            if part := summary.spans.get(span):
                rows += part.rows
                content += part.content
        return hashlib.sha256(
            f"{_code()}\0{self._source.reading}\0{self._source.label}\0"
            f"{sorted(self._targets.items())}\0{rows}\0{content}".encode()
        ).hexdigest()

    def in_place(self, span: int) -> Mapping[str, Path] | None:
        """Return the Parquet files that have exactly the span's rows, with the right types.

        Args:
          span: number of the span.
        """
        files = [file for file, summary in self._summaries.items() if span in summary.spans]
        fits = all(
            self._source.file_spans(file) == (span,)
            and list(self._summaries[file].kinds) == list(self._targets)
            and all(
                self._is_unchanged(name, kind) for name, kind in self._summaries[file].kinds.items()
            )
            and parquet.is_plain(file, self._targets)
            for file in files
        )
        return {file.name: file.path for file in files} if fits else None

    def write(self, span: int, file: Path) -> None:
        """Write one span's rows as Parquet.

        Files with the same rows are written in the same order, whatever their names.

        Args:
          span: number of the span.
          file: path of the Parquet file.
        """
        parts = sorted(
            (summary.spans[span].content, data_file.name, data_file)
            for data_file, summary in self._summaries.items()
            if span in summary.spans
        )
        selects = " UNION ALL ".join(self._select(data_file, span) for *_, data_file in parts)
        rows = max(_MIN_ROWS, min(_MAX_ROWS, _VALUES_IN_ROW_GROUP // (len(self._targets) + 1)))
        self._source.database.execute(
            f"COPY ({selects}) TO {text(str(file))} (FORMAT parquet, ROW_GROUP_SIZE {rows})"
        )

    def _select(self, file: DataFile, span: int) -> str:
        table = self._source.table(file)
        columns = [
            f"{self._convert(name, table.columns[name], to)} AS {identifier(name)}"
            if name in table.columns
            else f"NULL::{to} AS {identifier(name)}"
            for name, to in self._targets.items()
        ]
        return (
            f"SELECT {', '.join(columns)}, {text(file.name)} AS {FILE_COLUMN}, {ROW_COLUMN} "
            f"FROM {table.rows} WHERE ({self._source.span_sql(file)}) = {span}"
        )

    def _is_unchanged(self, name: str, kind: str) -> bool:
        to, label = self._targets[name], self._source.label
        if label is not None and name == label.column:
            # Other whole numbers than 0 and 1 are refused before.
            return kind == to == "BIGINT" and label.positive in (None, "1")
        return self._convert(name, kind, to) == identifier(name)

    def _convert(self, name: str, kind: str, to: str) -> str:
        label = self._source.label
        if label is not None and name == label.column:
            return f"({label.convert(kind, self._source.reading)})::{to}"
        return column_types.convert(name, kind, to, self._source.reading)

    def _names(self) -> list[str]:
        """Return the columns of all files, in the order in which they first occur."""
        first: dict[str, tuple[str, str]] = {}
        for file, summary in self._summaries.items():
            for name in summary.kinds:
                other, other_file = first.setdefault(name.casefold(), (name, file.name))
                if other != name:
                    raise DataRefused(
                        f"the columns {other} ({other_file}) and {name} ({file.name}) differ by "
                        "case alone.",
                        "write the column with one name in all files",
                    )
        return [name for name, _ in first.values()]

    def _target(self, name: str, types: Mapping[str, str]) -> str | None:
        """Return the type of a column; None to leave it out."""
        columns = [
            part.columns[name]
            for summary in self._summaries.values()
            for part in summary.spans.values()
            if name in part.columns
        ]
        kinds = {
            summary.kinds[name] for summary in self._summaries.values() if name in summary.kinds
        }
        exceptions = merged_exceptions(columns)
        label = self._source.label
        is_label = label is not None and name == label.column
        nested = sorted(filter(column_types.is_nested, kinds))
        if nested and not is_label and name not in types:
            self._remarks.append(f"{name} is left out because its values are {nested[0]}")
            return None
        if nested:
            raise DataRefused(
                f"column {name}: expected single values, got {nested[0]}.",
                "write its parts as columns of their own",
            )
        if label is not None and is_label:
            values = {value for column in columns for value in column.examples}
            tables = map(self._source.table, self._summaries)
            check_values(label, values, self._source.database, tables, self._source.reading)
            to = "DOUBLE" if types.get(name) == "FLOAT" else "BIGINT"
        else:
            count = sum(column.values for column in columns)
            to = column_types.target(kinds, count, exceptions, types.get(name))
        self._remarks += column_types.remarks(name, exceptions, to, self._source.reading)
        return to


def _code() -> str:
    """Return a hash of the code that reads files, the release of DuckDB included."""
    digest = hashlib.sha256(duckdb.__version__.encode())
    folder = Path(__file__).parent
    for file in sorted(folder.rglob("*.py")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()
