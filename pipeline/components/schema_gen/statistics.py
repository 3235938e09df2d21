"""Measure the columns of Parquet files, in memory that does not grow with the rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.dataset as pads

from pipeline.components.schema_gen.distances import (
    FINE_BUCKETS,
    infinity_norm,
    jensen_shannon,
    largest,
)
from pipeline.sources.base import PROVENANCE
from pipeline.sources.sql import identifier, text
from pipeline.sources.values.column_types import MISSING
from schema.inference import MAX_VALUES, ColumnStatistics

# Above this estimate, the values of a column are not counted one by one.
_MAX_COUNTED = 10 * MAX_VALUES
# Cells that fit in memory, about 300 MB of text.
_MAX_CELLS = 10_000_000
# Texts that a message may show.
_MAX_SAMPLES = 5

# Number of rows by key, such as a value or a bucket, for every span.
_Counts = list[Counter[Hashable]]


def measure(files: Sequence[Path], max_values: int = MAX_VALUES) -> list[ColumnStatistics]:
    """Measure the columns of the train spans.

    Args:
      files: Parquet files, one for every span, oldest first.
      max_values: maximum number of values of a text column to list; default `MAX_VALUES`.

    Returns:
      The statistics of every column of data, in the order of the files.
    """
    table = _Table(files)
    return [
        table.text(field, max_values) if column_type(field.type) == "BYTES" else table.number(field)
        for field in table.fields
    ]


def other_texts(
    files: Sequence[Path], name: str, kind: str, missing: Sequence[str] = MISSING
) -> list[str]:
    """Return the most frequent texts of a column that are not of a type.

    Args:
      files: Parquet files of all spans.
      name: name of the column; columns of numbers have no texts.
      kind: `INT`, `FLOAT` or `BYTES`.
      missing: texts that the source reads as missing values in a column of numbers; default those
        without a setting.
    """
    table = _Table(files)
    if name not in {field.name for field in table.fields if column_type(field.type) == "BYTES"}:
        return []
    return table.other_texts(identifier(name), kind, missing)


def column_type(kind: pa.DataType) -> str:
    """Return `INT`, `FLOAT` or `BYTES` for the type of a column.

    Args:
      kind: Arrow type of the column.
    """
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        return "INT"
    return "FLOAT" if pa.types.is_floating(kind) else "BYTES"


class _Table:
    """The rows of the spans, which DuckDB reads from Arrow."""

    def __init__(self, files: Sequence[Path]) -> None:
        # Arrow opens the files, because DuckDB takes file names as patterns.
        spans = [pads.dataset(str(file), format="parquet") for file in files]
        self.fields = [field for field in spans[0].schema if field.name not in PROVENANCE]
        self._spans = len(spans)
        self._database = duckdb.connect()
        for number, span in enumerate(spans):
            self._database.register(f"span_{number}", span)
        # The name of the column is none of a user's: the source reserves the prefix.
        # DuckDB binds every column of a view for every query, which takes long in a wide table.
        cells = sum(span.count_rows() * len(span.schema) for span in spans)
        self._database.execute(
            f"CREATE {'TABLE' if cells <= _MAX_CELLS else 'VIEW'} spans AS "
            + " UNION ALL BY NAME ".join(
                f"SELECT *, {number} AS _source_span FROM span_{number}"
                for number in range(self._spans)
            )
        )

    def text(self, field: pa.Field, max_values: int) -> ColumnStatistics:
        rows, present, distinct = self._sizes(field)
        if distinct > max(_MAX_COUNTED, 2 * max_values):
            return ColumnStatistics(
                field.name, "BYTES", rows, present, distinct, spans=self._spans,
                distance=largest(self._frequent(field), infinity_norm),
            )  # fmt: skip
        counts = self._counts(identifier(field.name), f"{identifier(field.name)} IS NOT NULL")
        total = sum(counts, Counter[Any]())
        texts = sorted(value for value in total if isinstance(value, str))
        new = set(counts[-1]).difference(*counts[:-1]) if self._spans > 1 else set()
        return ColumnStatistics(
            field.name, "BYTES", rows, present, len(total), spans=self._spans,
            values=tuple(texts) if len(texts) == len(total) <= max_values else None,
            single=sum(count == 1 for count in total.values()),
            new=len(new),
            distance=largest(counts, infinity_norm),
        )  # fmt: skip

    def number(self, field: pa.Field) -> ColumnStatistics:
        rows, present, distinct = self._sizes(field)
        name = identifier(field.name)
        finite = f"isfinite({name})" if pa.types.is_floating(field.type) else f"{name} IS NOT NULL"
        low, high = self._row(f"SELECT min({name}), max({name}) FROM spans WHERE {finite}")
        distance = None
        if low is not None and self._spans > 1:
            first, width = float(low), (float(high) - float(low)) / FINE_BUCKETS or 1.0
            bucket = f"least({FINE_BUCKETS - 1}, floor(({name}::DOUBLE - {first!r}) / {width!r}))"
            distance = largest(self._counts(bucket, finite), jensen_shannon)
        return ColumnStatistics(
            field.name, column_type(field.type), rows, present, distinct, spans=self._spans,
            minimum=low, maximum=high, distance=distance,
        )  # fmt: skip

    def other_texts(self, column: str, kind: str, missing: Sequence[str]) -> list[str]:
        # DuckDB reads 1_000 as a number, so the form is checked first.
        number = f"NOT contains({column}, '_') AND try_cast({column} AS DOUBLE)"
        fits = {
            "INT": f"regexp_full_match({column}, '[+-]?\\d+(\\.0*)?') "
            f"AND try_cast({column} AS BIGINT) IS NOT NULL",
            "FLOAT": f"{number} IS NOT NULL",
        }.get(kind, "true")
        left_out = ", ".join(map(text, missing)) or "NULL"
        rows = self._database.execute(
            f"SELECT {column} AS value FROM spans WHERE {column} IS NOT NULL AND NOT ({fits}) "
            f"AND ({column} IN ({left_out})) IS NOT TRUE "
            f"GROUP BY value ORDER BY count(*) DESC, value LIMIT {_MAX_SAMPLES}"
        )
        return [value for (value,) in rows.fetchall()]

    def _sizes(self, field: pa.Field) -> tuple[int, int, int]:
        name = identifier(field.name)
        rows, present, distinct = self._row(
            f"SELECT count(*), count({name}), approx_count_distinct({name}) FROM spans"
        )
        # An estimate may exceed the number of values.
        return rows, present, min(distinct, present)

    def _frequent(self, field: pa.Field) -> _Counts:
        """Count the most frequent values, and all others together as None."""
        name = identifier(field.name)
        frequent = f"(SELECT unnest(approx_top_k({name}, {MAX_VALUES})) FROM spans)"
        key = f"CASE WHEN {name} IN {frequent} THEN {name} END"
        return self._counts(key, f"{name} IS NOT NULL")

    def _counts(self, key: str, condition: str) -> _Counts:
        counts: _Counts = [Counter() for _ in range(self._spans)]
        rows = self._database.execute(
            f"SELECT _source_span, {key} AS counted, count(*) FROM spans WHERE {condition} "
            "GROUP BY _source_span, counted"
        )
        for span, counted, count in rows.fetchall():
            counts[span][counted] += count
        return counts

    def _row(self, query: str) -> tuple[Any, ...]:
        row = self._database.execute(query).fetchone()
        assert row is not None
        return row
