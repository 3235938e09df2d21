"""Find the rows of a split that break a rule, and the source files they come from."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tensorflow_metadata.proto.v0 import schema_pb2

from pipeline.components.data_gate.findings import expected
from pipeline.findings import Finding, RejectedRow
from pipeline.sources.base import FILE_COLUMN, PROVENANCE, ROW_COLUMN
from pipeline.sources.files import provenance
from pipeline.sources.files.database import connect
from pipeline.sources.spans.times import Times
from pipeline.sources.sql import identifier, text
from pipeline.sources.values.column_types import MISSING
from schema import columns
from schema.messages import cures
from schema.messages.cures import TYPES
from schema.messages.expected import number
from schema.messages.spelling import difference, nearest, visible

# The greatest finite 32-bit float, which is what a tf.Example holds.
_MAX_FLOAT = 3.4028234663852886e38
_FLOATS = ("FLOAT", "DOUBLE")
_WHOLE = r"\s*[+-]?\d+\s*"
# Values that a message shows.
_TEXTS_SHOWN = 4


class Frequencies(NamedTuple):
    """How often the values of a column of text occur.

    Args:
      distinct: number of values.
      frequent: number of frequent values.
      present: number of rows with a value.
      covered: number of rows with a frequent value.
      total: number of rows.
      value: one of the values; None if there are none.
    """

    distinct: int
    frequent: int
    present: int
    covered: int
    total: int
    value: str | None


class Rows:
    """The rows of one split in the source's Parquet files.

    Args:
      pattern: glob pattern of the Parquet files.
      split: name of the split.
      schema: the curated schema.
      time_zone: IANA time zone of times without a zone; default `UTC`.
    """

    def __init__(
        self, pattern: str, split: str, schema: schema_pb2.Schema, time_zone: str = "UTC"
    ) -> None:
        self.split = split
        self._schema = schema
        self._features = {feature.name: feature for feature in schema.feature}
        self._scratch = tempfile.TemporaryDirectory(prefix="taxiway-")
        self._database = connect(Path(self._scratch.name), time_zone)
        folder, name = Path(pattern).parent, Path(pattern).name
        files = sorted(folder.glob(name))
        self._database.execute(f"CREATE VIEW rows AS FROM {provenance.rows(files)}")
        described = self._database.execute("DESCRIBE rows").fetchall()
        self._kinds = {name: kind for name, kind, *_ in described if name not in PROVENANCE}

    @property
    def columns(self) -> Collection[str]:
        """The names of the columns."""
        return self._kinds.keys()

    def is_number(self, name: str) -> bool:
        """Return whether there is a column of numbers with a name.

        Args:
          name: name of the column.
        """
        return self._kinds.get(name) in (*_FLOATS, "BIGINT")

    def is_text(self, name: str) -> bool:
        """Return whether there is a column of text with a name.

        Args:
          name: name of the column.
        """
        return self._kinds.get(name) == "VARCHAR"

    def aggregate(self, expressions: Sequence[str]) -> tuple[Any, ...]:
        """Return the values of aggregates over all rows, which one query computes.

        Args:
          expressions: aggregates in SQL.
        """
        if not expressions:
            return ()
        row = self._database.execute(f"SELECT {', '.join(expressions)} FROM rows").fetchone()
        assert row is not None
        return row

    def frequencies(self, name: str, minimum: int) -> Frequencies:
        """Count the values of a column of text.

        Args:
          name: name of the column.
          minimum: number of rows with a value from which on the value is frequent.
        """
        column = identifier(name)
        row = self._database.execute(
            f"WITH counts AS (SELECT {column} AS value, count(*) AS n FROM rows "
            f"WHERE {column} <> '' GROUP BY 1) "
            f"SELECT count(*), count(*) FILTER (n >= {minimum}), coalesce(sum(n), 0)::BIGINT, "
            f"coalesce(sum(n) FILTER (n >= {minimum}), 0)::BIGINT, "
            "(SELECT count(*) FROM rows), any_value(value) FROM counts"
        ).fetchone()
        assert row is not None
        return Frequencies(*row)

    def count(self, condition: str = "true") -> int:
        """Return the number of rows that meet a condition.

        Args:
          condition: condition in SQL; default all rows.
        """
        return int(self._value(f"SELECT count(*) FROM rows WHERE {condition}"))

    def duplicates(self) -> int:
        """Return the number of rows that equal an earlier row in every column."""
        names = ", ".join(map(identifier, self._kinds))
        distinct = self._value(f"SELECT count(*) FROM (SELECT DISTINCT {names} FROM rows)")
        return self.count() - int(distinct)

    def numbers(self) -> Iterator[Finding]:
        """Yield a finding for every column with values that are not finite 32-bit numbers."""
        for name, kind in self._kinds.items():
            if kind in _FLOATS and (rows := self.count(_not_finite(name))):
                yield Finding(
                    "number",
                    name,
                    self.split,
                    "not a number, infinite, or too large",
                    "a finite 32-bit number",
                    rows,
                )

    def empty(self, names: Sequence[str]) -> Iterator[Finding]:
        """Yield a finding for every column without any value.

        Args:
          names: names of the columns to check.

        Yields:
          A finding of kind `empty`.
        """
        for name in names:
            filled = f"{identifier(name)} IS NOT NULL" if name in self._kinds else "false"
            if not self.count(filled):
                yield Finding(
                    "empty", name, self.split, "no value in any row", "a value in some of the rows"
                )

    def newest(self, column: str, time_format: str | None = None) -> float | None:
        """Return the time of the newest row in seconds since 1970; None if no row has a time.

        Args:
          column: name of the column with the time.
          time_format: form of the time, as in `source.time_format`; default None.

        Raises:
          KeyError: the rows have no such column.
        """
        moment = Times(column, self._kinds[column], time_format).moment()
        newest = self._value(f"SELECT max(epoch({moment})) FROM rows")
        return None if newest is None else float(newest)

    def label_share(self, label: str) -> float | None:
        """Return the share of positive labels; None if the label is not a column of whole numbers.

        Args:
          label: name of the label's column.
        """
        if self._kinds.get(label) != "BIGINT":
            return None
        share = self._value(f"SELECT avg(({identifier(label)} = 1)::INT) FROM rows")
        return None if share is None else float(share)

    def offending(self, finding: Finding, limit: int) -> tuple[int | None, list[RejectedRow]]:
        """Find the rows behind a finding.

        Args:
          finding: a finding of this split.
          limit: maximum number of rows to return.

        Returns:
          The number of rows, None if the finding is not about single rows, and the first rows.
        """
        condition = self._condition(finding)
        if condition is None:
            return finding.rows, []
        column = identifier(finding.feature) if finding.feature in self._kinds else "NULL"
        origin = ", ".join(PROVENANCE)
        content = ", ".join(f"{identifier(name)}" for name in self._kinds)
        rows = self._database.execute(
            f"SELECT {origin}, {column}, to_json(struct_pack({content})) FROM rows "
            f"WHERE {condition} ORDER BY {FILE_COLUMN}, {ROW_COLUMN} LIMIT {limit}"
        ).fetchall()
        required = expected(finding.kind, self._schema, self._features.get(finding.feature))
        return self.count(condition), [
            RejectedRow(
                file,
                str(row),
                finding.feature,
                "a duplicate row" if finding.kind == "duplicates" else _shortened(value),
                "no duplicate rows" if finding.kind == "duplicates" else required,
                row_content,
            )
            for file, row, value, row_content in rows
        ]

    def actual(self, finding: Finding) -> str:
        """Return what the data has instead of what the schema requires; "" if nothing more exact.

        Args:
          finding: a finding of this split.
        """
        name, condition = finding.feature, self._condition(finding)
        if finding.kind == "missing_column":
            hint = nearest(name, self._kinds)
            return f"no such column; {hint}" if hint else "no such column"
        if finding.kind == "new_column":
            hint = difference(name, self._features)
            return "a column that the schema does not have" + (f"; {hint}" if hint else "")
        if name not in self._kinds:
            return ""
        if finding.kind == "type":
            texts = self._texts(finding)
            shown = ", ".join(f'"{visible(value)}"' for value in texts)
            kind = TYPES[self._type(name)]
            return f"{kind}, such as {shown}" if shown else kind
        if condition is None:
            return ""
        if finding.kind == "presence":
            missing, total = self.count(condition), self.count()
            return f"no value in {missing:,} of {total:,} rows" if missing else ""
        if finding.kind == "domain":
            return self._unexpected(finding, condition)
        if finding.kind == "range":
            row = self._database.execute(
                f"SELECT min({identifier(name)}), max({identifier(name)}) FROM rows "
                f"WHERE {condition}"
            ).fetchone()
            low, high = row or (None, None)
            if low is None:
                return ""
            return number(low) if low == high else f"{number(low)} to {number(high)}"
        return ""

    def cure(self, finding: Finding, role: str) -> str:
        """Return what to do about a finding that no change of the schema solves; "" if one does.

        Args:
          finding: a finding of this split.
          role: `label`, `input` or "" for a column that the model does not use.
        """
        if not role:
            return ""
        if finding.kind == "missing_column":
            return cures.MISSING_COLUMN
        if finding.kind == "type" and finding.feature in self._kinds:
            expected_type = schema_pb2.FeatureType.Name(self._features[finding.feature].type)
            actual_type = self._type(finding.feature)
            return cures.cure(role, expected_type, actual_type, self._texts(finding))
        if role == "label" and finding.kind == "presence":
            return cures.LABEL_WITHOUT_VALUE
        return cures.LABEL_OUT_OF_RANGE if role == "label" and finding.kind == "range" else ""

    def _type(self, name: str) -> str:
        kind = self._kinds[name]
        return "FLOAT" if kind in _FLOATS else "BYTES" if kind == "VARCHAR" else "INT"

    def _texts(self, finding: Finding) -> list[str]:
        """Return the most frequent texts of another type."""
        condition = self._condition(finding)
        if condition is None or self._kinds[finding.feature] != "VARCHAR":
            return []
        # Beside a text of another kind, the marks of missing values stay texts too.
        values = self._frequent(finding.feature, condition, _TEXTS_SHOWN + len(MISSING))
        return [value for value, _ in values if value not in MISSING][:_TEXTS_SHOWN]

    def _unexpected(self, finding: Finding, condition: str) -> str:
        """Return the most frequent values that the schema does not list."""
        values = self._frequent(finding.feature, condition, _TEXTS_SHOWN + 1)
        listed = columns.categories(self._schema, self._features[finding.feature]) or []
        shown = []
        for value, rows in values[:_TEXTS_SHOWN]:
            hint = difference(value, listed)
            counted = f"{rows:,} row{'s' if rows > 1 else ''}"
            shown.append(f"{visible(value)} ({counted}{f', {hint}' if hint else ''})")
        return ", ".join(shown) + (", …" if len(values) > _TEXTS_SHOWN else "")

    def _frequent(self, name: str, condition: str, limit: int) -> list[tuple[str, int]]:
        return self._database.execute(
            f"SELECT {identifier(name)} AS value, count(*) FROM rows WHERE ({condition}) "
            f"AND {identifier(name)} IS NOT NULL GROUP BY value ORDER BY 2 DESC, 1 LIMIT {limit}"
        ).fetchall()

    def _value(self, query: str) -> Any:
        """Return the only value of a query's only row."""
        row = self._database.execute(query).fetchone()
        assert row is not None
        return row[0]

    def _condition(self, finding: Finding) -> str | None:
        if finding.kind == "duplicates":
            names = ", ".join(map(identifier, self._kinds))
            return (
                f"({', '.join(PROVENANCE)}) IN (SELECT ({', '.join(PROVENANCE)}) FROM rows "
                f"QUALIFY row_number() OVER (PARTITION BY {names} ORDER BY {', '.join(PROVENANCE)})"
                " > 1)"
            )
        feature = self._features.get(finding.feature)
        if feature is None or finding.feature not in self._kinds:
            return None
        column, kind = identifier(finding.feature), self._kinds[finding.feature]
        if finding.kind == "presence":
            return f"{column} IS NULL"
        if finding.kind == "number" and kind in _FLOATS:
            return _not_finite(finding.feature)
        if finding.kind == "domain" and kind == "VARCHAR":
            values = columns.categories(self._schema, feature) or []
            return f"{column} NOT IN ({', '.join(map(text, values)) or 'NULL'})"
        if finding.kind == "range" and kind != "VARCHAR":
            low, high = columns.value_range(feature)
            if feature.type == schema_pb2.FLOAT and kind in _FLOATS:
                # A tf.Example has 32 bits, and so has a bound; a greater number has no 32-bit form.
                column = f"coalesce(try_cast({column} AS FLOAT)::DOUBLE, {column})"
            conditions = [] if low is None else [f"{column} < {low!r}"]
            conditions += [] if high is None else [f"{column} > {high!r}"]
            return " OR ".join(conditions) or None
        if finding.kind == "type":
            return _not_of_type(column, kind, schema_pb2.FeatureType.Name(feature.type))
        return None


def unique(findings: Iterable[Finding]) -> list[Finding]:
    """Return the first finding of every kind for every column and split.

    Args:
      findings: findings, which may repeat.
    """
    first: dict[tuple[str, str, str], Finding] = {}
    for finding in findings:
        first.setdefault((finding.split, finding.kind, finding.feature), finding)
    return list(first.values())


def _not_finite(name: str) -> str:
    column = identifier(name)
    # DuckDB 2 computes isnan from Parquet's minimum and maximum, which omit NaN.
    return f"(NOT isfinite({column}) OR abs({column}) > {_MAX_FLOAT!r})"


def _not_of_type(column: str, kind: str, expected_type: str) -> str | None:
    """Return a condition for values of another type; None if the whole column has another type."""
    if kind == "VARCHAR" and expected_type == "INT":
        return (
            f"try_cast({column} AS BIGINT) IS NULL OR NOT regexp_full_match({column}, '{_WHOLE}')"
        )
    if kind == "VARCHAR" and expected_type == "FLOAT":
        return f"{column} IS NOT NULL AND try_cast({column} AS DOUBLE) IS NULL"
    if kind in _FLOATS and expected_type == "INT":
        return f"{column} IS NOT NULL AND {column} IS DISTINCT FROM try_cast({column} AS BIGINT)"
    return None


def _shortened(value: object) -> str:
    shown = "no value" if value is None else str(value)
    return shown if len(shown) <= 100 else shown[:100] + "…"
