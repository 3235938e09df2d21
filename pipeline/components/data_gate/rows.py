"""The rows of a split: which of them break a rule, and where they came from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import duckdb
from tensorflow_metadata.proto.v0 import schema_pb2

from pipeline.components.data_gate.findings import expected
from pipeline.findings import Finding, RejectedRow
from pipeline.sources.base import FILE_COLUMN, PROVENANCE, ROW_COLUMN
from pipeline.sources.sql import identifier, text
from schema import columns

# The greatest finite 32-bit float, which is what a tf.Example holds.
_MAX_FLOAT = 3.4028234663852886e38
_FLOATS = ("FLOAT", "DOUBLE")


class Rows:
    """The rows of one split, as the source laid them out.

    Args:
      pattern: of the Parquet files.
      split: its name.
      schema: the curated schema.
    """

    def __init__(self, pattern: str, split: str, schema: schema_pb2.Schema) -> None:
        self._split = split
        self._schema = schema
        self._features = {feature.name: feature for feature in schema.feature}
        self._database = duckdb.connect()
        self._database.execute("SET TimeZone = 'UTC'")
        self._database.execute(f"CREATE VIEW rows AS FROM read_parquet({text(pattern)})")
        described = self._database.execute("DESCRIBE rows").fetchall()
        self._kinds = {name: kind for name, kind, *_ in described if name not in PROVENANCE}

    def count(self, condition: str = "true") -> int:
        """Return how many rows meet a condition in SQL."""
        found = self._database.execute(f"SELECT count(*) FROM rows WHERE {condition}").fetchone()
        return int(found[0]) if found else 0

    def duplicates(self) -> int:
        """Return how many rows repeat an earlier one in every column."""
        kept = ", ".join(map(identifier, self._kinds))
        found = self._database.execute(
            f"SELECT count(*) FROM (SELECT DISTINCT {kept} FROM rows)"
        ).fetchone()
        return self.count() - (int(found[0]) if found else 0)

    def numbers(self) -> Iterator[Finding]:
        """Find values that are no finite numbers of 32 bits."""
        for name, kind in self._kinds.items():
            if kind in _FLOATS and (rows := self.count(_no_number(name))):
                yield Finding(
                    "number",
                    name,
                    self._split,
                    "not a number, infinite, or too great",
                    "a finite number of 32 bits",
                    rows,
                )

    def empty(self, names: Sequence[str]) -> Iterator[Finding]:
        """Find columns that have no value at all."""
        for name in names:
            filled = f"{identifier(name)} IS NOT NULL" if name in self._kinds else "false"
            if not self.count(filled):
                yield Finding(
                    "empty", name, self._split, "no value in any row", "a value in some of the rows"
                )

    def newest(self, column: str) -> float | None:
        """Return the time of the newest row in seconds since 1970; None without a time.

        Raises:
          KeyError: there is no such column.
        """
        moment = identifier(column)
        if self._kinds[column] == "VARCHAR":
            moment = f"epoch({moment}::TIMESTAMPTZ)"
        found = self._database.execute(f"SELECT max({moment}) FROM rows").fetchone()
        return None if found is None or found[0] is None else float(found[0])

    def label_share(self, label: str) -> float | None:
        """Return the share of positive labels; None without such a column of numbers."""
        if self._kinds.get(label) != "BIGINT":
            return None
        found = self._database.execute(
            f"SELECT avg(({identifier(label)} = 1)::INT) FROM rows"
        ).fetchone()
        return None if found is None or found[0] is None else float(found[0])

    def offending(self, finding: Finding, limit: int) -> tuple[int | None, list[RejectedRow]]:
        """Find the rows behind a finding.

        Args:
          finding: of this split.
          limit: rows that are returned, at most.

        Returns:
          How many there are, None when the finding is not a matter of single rows, and the first.
        """
        condition = self._condition(finding)
        if condition is None:
            return finding.rows, []
        column = identifier(finding.feature) if finding.feature in self._kinds else "NULL"
        known = {name for name, *_ in self._database.execute("DESCRIBE rows").fetchall()}
        where = ", ".join(
            identifier(name) if name in known else "'' AS " + name for name in PROVENANCE
        )
        content = ", ".join(f"{identifier(name)}" for name in self._kinds)
        rows = self._database.execute(
            f"SELECT {where}, {column}, to_json(struct_pack({content})) FROM rows "
            f"WHERE {condition} ORDER BY {FILE_COLUMN}, {ROW_COLUMN} LIMIT {limit}"
        ).fetchall()
        wanted = expected(finding.kind, self._schema, self._features.get(finding.feature))
        return self.count(condition), [
            RejectedRow(
                file,
                str(row),
                finding.feature,
                "another row again" if finding.kind == "duplicates" else _shown(value),
                "each row once" if finding.kind == "duplicates" else wanted,
                row_content,
            )
            for file, row, value, row_content in rows
        ]

    def _condition(self, finding: Finding) -> str | None:
        if finding.kind == "duplicates":
            kept = ", ".join(map(identifier, self._kinds))
            return (
                f"({', '.join(PROVENANCE)}) IN (SELECT ({', '.join(PROVENANCE)}) FROM rows "
                f"QUALIFY row_number() OVER (PARTITION BY {kept} ORDER BY {', '.join(PROVENANCE)})"
                " > 1)"
            )
        feature = self._features.get(finding.feature)
        if feature is None or finding.feature not in self._kinds:
            return None
        column, kind = identifier(finding.feature), self._kinds[finding.feature]
        if finding.kind == "presence":
            return f"{column} IS NULL"
        if finding.kind == "number" and kind in _FLOATS:
            return _no_number(finding.feature)
        if finding.kind == "domain" and kind == "VARCHAR":
            values = columns.categories(self._schema, feature) or []
            return f"{column} NOT IN ({', '.join(map(text, values)) or 'NULL'})"
        if finding.kind == "range" and kind != "VARCHAR":
            low, high = columns.bounds(feature)
            parts = [] if low is None else [f"{column} < {low!r}"]
            parts += [] if high is None else [f"{column} > {high!r}"]
            return " OR ".join(parts) or None
        if finding.kind == "type":
            return _no_type(column, kind, schema_pb2.FeatureType.Name(feature.type))
        return None


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings without those that say the same of the same column and split."""
    seen: dict[tuple[str, str, str], Finding] = {}
    for finding in findings:
        seen.setdefault((finding.split, finding.kind, finding.feature), finding)
    return list(seen.values())


def _no_number(name: str) -> str:
    column = identifier(name)
    # Not isnan: DuckDB 2 answers that from Parquet's minimum and maximum, which leave NaN out.
    return f"(NOT isfinite({column}) OR abs({column}) > {_MAX_FLOAT!r})"


def _no_type(column: str, kind: str, expected_type: str) -> str | None:
    """Return what is true of values of another type; None when all of the column are."""
    if kind == "VARCHAR" and expected_type == "INT":
        return f"NOT regexp_full_match({column}, '[+-]?\\d{{1,18}}')"
    if kind == "VARCHAR" and expected_type == "FLOAT":
        return f"{column} IS NOT NULL AND try_cast({column} AS DOUBLE) IS NULL"
    if kind in _FLOATS and expected_type == "INT":
        return f"{column} IS NOT NULL AND {column} IS DISTINCT FROM try_cast({column} AS BIGINT)"
    return None


def _shown(value: object) -> str:
    words = "no value" if value is None else str(value)
    return words if len(words) <= 100 else words[:100] + "…"
