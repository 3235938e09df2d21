"""Read a table as a run reads it, before there is a project."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from pipeline.components.schema_gen import statistics
from pipeline.errors import DataRefused, UsageError
from pipeline.project.scaffold.columns import Values
from pipeline.project.scaffold.signal import Signals
from pipeline.project.scaffold.sizes import Counts
from pipeline.settings.source import SourceSettings
from pipeline.sources import Label, open_source
from pipeline.sources.base import PROVENANCE
from pipeline.sources.layout import Layout, lay_out
from pipeline.sources.sql import identifier, text
from pipeline.sources.values.column_types import MISSING
from pipeline.sources.values.reading import Reading
from schema.inference import ColumnStatistics

# Values that a column's dates and numbers are looked for in.
_SAMPLE = 10_000
# Forms of dates and times that are not ISO 8601.
_TIME_FORMATS = tuple(
    f"{date}{time}"
    for date in (
        "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y.%m.%d", "%Y/%m/%d",
        "%Y년 %m월 %d일", "%d %b %Y", "%b %d, %Y", "%B %d, %Y",
    )
    for time in ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
)  # fmt: skip
# Seconds since 1970 of the years 1990 and 2100.
_EPOCH = (631_152_000, 4_102_444_800)
_TIME_NAME = re.compile(r"time|date|stamp|epoch|(_|[a-z])(at|At|ts)$|시간|일시|시각", re.I)


@dataclass(frozen=True)
class Table:
    """The rows of a table, divided as a run divides them.

    Args:
      source: settings of the source.
      layout: spans and the folder of their rows.
      train: Parquet files of the train split, oldest span first.
      eval: Parquet files of the eval split.
    """

    source: SourceSettings
    layout: Layout
    train: Sequence[Path]
    eval: Sequence[Path] = field(default_factory=list)

    @property
    def columns(self) -> list[str]:
        """Names of the columns of data."""
        return [name for name in pq.read_schema(self.train[0]).names if name not in PROVENANCE]


def read(source: SourceSettings, folder: Path, label: Label | None = None) -> Table:
    """Write the rows of a run to a folder, and return them.

    Args:
      source: settings of the source, with absolute paths.
      folder: folder for the rows.
      label: label to convert to 0 and 1; default None, as other columns.

    Raises:
      UsageError: the source's settings are wrong.
      DataRefused: the source's files cannot be read.
    """
    opened = open_source(source, label=label)
    layout = lay_out(opened, folder, source.span, source.window)
    train, evaluate = (
        sorted((layout.base / str(layout.span) / split).glob("*.parquet"))
        for split in ("train", "eval")
    )
    for split, files in (("train", train), ("eval", evaluate)):
        if not sum(pq.read_metadata(file).num_rows for file in files):
            raise DataRefused(f"no rows in the {split} split; every split requires rows.")
    return Table(source, layout, train, evaluate)


def check_names(table: Table, names: Sequence[tuple[str, str]]) -> None:
    """Check that the columns that the user names exist.

    Args:
      table: rows of the table.
      names: options, such as `--label`, with their columns.

    Raises:
      UsageError: the table has no such column.
    """
    for option, name in names:
        if name not in table.columns:
            close = difflib.get_close_matches(name, table.columns, n=1)
            shown = ", ".join(table.columns[:20]) + (", …" if len(table.columns) > 20 else "")
            hint = f"did you mean {close[0]}?" if close else f"columns: {shown}"
            raise UsageError(
                f"{option} {name}: the table has no such column; {hint}",
                f"name a column of the table with {option}",
            )


class Reader:
    """Values of the train rows, for decisions about columns.

    Args:
      table: rows of the table.
      label: name of the label's column, with the values 0 and 1.
      min_frequency: number of rows with a value for the value to enter a vocabulary.
    """

    def __init__(self, table: Table, label: str, min_frequency: int) -> None:
        self._database = _database(table)
        self._kinds = {field.name: field.type for field in pq.read_schema(table.train[0])}
        self._signals = Signals(table.train, label)
        self._min_frequency = min_frequency

    def values(self, column: ColumnStatistics) -> Values:
        """Return what the values of a column are.

        Args:
          column: statistics of the column.
        """
        name = identifier(column.name)
        is_text = column.type == "BYTES"
        dates = numbers = 0.0
        if column.present:
            moment, number = (
                _moment(column.name, is_text),
                f"try_cast({name} AS DOUBLE) IS NOT NULL",
            )
            query = (
                f"SELECT avg(({moment})::INT), avg(({number})::INT) FROM "
                f"(SELECT {name} FROM train WHERE {name} IS NOT NULL LIMIT {_SAMPLE})"
            )
            dates, numbers = self._row(query) if column.type != "FLOAT" else (0.0, 1.0)
        return Values(
            dates=dates,
            numbers=numbers if is_text else 1.0,
            covered=self._covered(name) if is_text else 1.0,
            row_number=self._is_row_number(column),
            auc=self._signals.auc(column.name, numeric=not is_text),
        )

    def _covered(self, name: str) -> float:
        [covered] = self._row(
            f"SELECT coalesce(sum(rows) FILTER (rows >= {self._min_frequency}) / sum(rows), 0) "
            f"FROM (SELECT count(*) AS rows FROM train WHERE {name} IS NOT NULL GROUP BY {name})"
        )
        return float(covered)

    def _is_row_number(self, column: ColumnStatistics) -> bool:
        if column.type != "INT" or column.minimum is None or column.maximum is None:
            return False
        name = identifier(column.name)
        rows, distinct, low, high = self._row(
            f"SELECT count({name}), count(DISTINCT {name}), min({name}), max({name}) FROM ("
            f"SELECT {name} FROM train UNION ALL SELECT {name} FROM eval)"
        )
        return bool(rows > 1 and rows == distinct == high - low + 1)

    def _row(self, query: str) -> tuple[float, ...]:
        row = self._database.execute(query).fetchone()
        assert row is not None
        return row


def column_type(table: Table, column: str) -> str:
    """Return `INT`, `FLOAT` or `BYTES`.

    Args:
      table: rows of the table.
      column: name of the column.
    """
    return str(statistics.column_type(pq.read_schema(table.train[0]).field(column).type))


def label_values(table: Table, label: str) -> list[tuple[str | None, int]]:
    """Return the values of the label as text with their rows, the most frequent first.

    Args:
      table: rows of the table, whose label is not converted.
      label: name of the label's column.
    """
    name, database = identifier(label), _database(table)
    [[kind]] = database.execute(f"SELECT typeof({name}) FROM train LIMIT 1").fetchall()
    value = Label(label).value(kind, Reading.from_settings(table.source))
    return database.execute(
        f"SELECT {value}, count(*) FROM (SELECT {name} FROM train UNION ALL "
        f"SELECT {name} FROM eval) GROUP BY 1 ORDER BY 2 DESC, 1"
    ).fetchall()


def time_formats(table: Table, column: str) -> list[str]:
    """Return the forms that every value of a time column has, as in strptime.

    Args:
      table: rows of the table.
      column: name of the column.
    """
    value, database = f"{identifier(column)}::VARCHAR", _database(table)
    unread = ", ".join(
        f"count(*) FILTER ({value} IS NOT NULL AND try_strptime({value}, {text(form)}) IS NULL)"
        for form in _TIME_FORMATS
    )
    row = database.execute(
        f"SELECT {unread} FROM (FROM train UNION ALL BY NAME FROM eval)"
    ).fetchone()
    assert row is not None
    return [form for form, count in zip(_TIME_FORMATS, row) if count == 0]


def decimal_commas(table: Table) -> list[str]:
    """Return the text columns that are numbers with a decimal comma.

    Args:
      table: rows of the table, read with a decimal point.

    Returns:
      Names of columns; none if another column has a decimal point, or if every comma may separate
      thousands.
    """
    database, schema = _database(table), pq.read_schema(table.train[0])
    kinds = {name: statistics.column_type(schema.field(name).type) for name in table.columns}
    if any(kinds[name] == "FLOAT" and _has_fractions(database, name) for name in kinds):
        return []
    missing = ", ".join(map(text, sorted(MISSING)))
    columns = []
    for name in (name for name, kind in kinds.items() if kind == "BYTES"):
        value = f"trim({identifier(name)})"
        row = database.execute(
            f"SELECT bool_and(regexp_full_match({value}, '[+-]?\\d+(,\\d+)?')), "
            f"bool_or(regexp_full_match({value}, '.*,(\\d{{1,2}}|\\d{{4,}})')) FROM train "
            f"WHERE {identifier(name)} IS NOT NULL AND {value} NOT IN ({missing})"
        ).fetchone()
        if row is not None and all(row):
            columns.append(name)
    return columns


def _has_fractions(database: duckdb.DuckDBPyConnection, column: str) -> bool:
    name = identifier(column)
    fraction = f"SELECT 1 FROM train WHERE isfinite({name}) AND {name} <> trunc({name}) LIMIT 1"
    return database.execute(fraction).fetchone() is not None


def counts(table: Table, label: str) -> Counts:
    """Return the sizes of the splits.

    Args:
      table: rows of the table.
      label: name of the label's column, with the values 0 and 1.
    """
    database = _database(table)
    sizes = []
    for split in ("train", "eval"):
        row = database.execute(
            f"SELECT count(*), count(*) FILTER ({identifier(label)} = 1) FROM {split}"
        ).fetchone()
        assert row is not None
        sizes.append(row)
    (train, train_positives), (evaluated, eval_positives) = sizes
    return Counts(train, evaluated, train_positives, eval_positives)


def eval_slices(table: Table, column: str, label: str) -> dict[str, tuple[int, int]]:
    """Return rows and positives in the eval split by value of a column.

    Args:
      table: rows of the table.
      column: name of the column.
      label: name of the label's column, with the values 0 and 1.
    """
    name = identifier(column)
    rows = _database(table).execute(
        f"SELECT {name}::VARCHAR, count(*), count(*) FILTER ({identifier(label)} = 1) "
        f"FROM eval WHERE {name} IS NOT NULL GROUP BY 1"
    )
    return {value: (count, positives) for value, count, positives in rows.fetchall()}


def _database(table: Table) -> duckdb.DuckDBPyConnection:
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    for name, files in (("train", table.train), ("eval", table.eval)):
        # Arrow opens the files, because DuckDB takes file names as patterns.
        database.register(name, pads.dataset([_dataset(file) for file in files]))
    return database


def _dataset(file: Path) -> pa.dataset.Dataset:
    return pads.dataset(str(file), format="parquet")


def _moment(column: str, is_text: bool) -> str:
    """Return the SQL condition that a value is a date or a time."""
    name = identifier(column)
    if is_text:
        formats = ", ".join(map(text, _TIME_FORMATS))
        other = f"try_strptime({name}, [{formats}]) IS NOT NULL"
        number = f"regexp_full_match({name}, '[0-9.]+')"
        return f"try_cast({name} AS TIMESTAMPTZ) IS NOT NULL AND NOT {number} OR {other}"
    compact = (
        f"try_strptime({name}::VARCHAR, '%Y%m%d') IS NOT NULL "
        f"AND {name} BETWEEN 19000101 AND 21001231"
    )
    if not _TIME_NAME.search(column):  # it may be an amount
        return compact
    low, high = _EPOCH
    return f"{compact} OR {name} BETWEEN {low} AND {high} OR {name} BETWEEN {low}000 AND {high}000"
