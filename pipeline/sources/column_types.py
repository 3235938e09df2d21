"""Convert columns to the types that a tf.Example has: whole numbers, numbers or text."""

from __future__ import annotations

import duckdb

from pipeline.sources.sql import identifier

_WHOLE_KINDS = frozenset({
    "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER",
})  # fmt: skip
# The widest kinds do not fit 64 bits, so they become numbers.
_NUMBER_KINDS = frozenset({"FLOAT", "DOUBLE", "HUGEINT", "UBIGINT", "UHUGEINT"})
_WHOLE = r"[+-]?\d{1,18}"
# A leading zero belongs to a code, such as a postcode; a number would lose the zero.
_INFERRED_WHOLE = r"[+-]?(0|[1-9]\d{0,17})"
_BOOLEAN = r"(?i)true|false"


def cast(database: duckdb.DuckDBPyConnection, name: str, kind: str, expected: str | None) -> str:
    """Return the SQL that selects a column of the table `raw` in its converted type.

    No value is lost: if one value does not fit the type, the column keeps its type.

    Args:
      database: database that has the table `raw`.
      name: name of the column.
      kind: DuckDB type of the column.
      expected: `INT`, `FLOAT` or `BYTES` if the schema states a type; None infers the type.
    """
    column = identifier(name)
    if kind == "VARCHAR":
        return f"{_cast_text(database, column, expected)} AS {column}"
    if kind in _WHOLE_KINDS:
        # A double represents every whole number up to 2**53 exactly.
        return f"{column}::{'DOUBLE' if expected == 'FLOAT' else 'BIGINT'} AS {column}"
    if kind in _NUMBER_KINDS or kind.startswith("DECIMAL"):
        whole = f"{column}::DOUBLE = try_cast({column} AS BIGINT)"
        # Many libraries write whole numbers with missing values as floats.
        as_int = expected == "INT" and _all(database, column, f"coalesce({whole}, false)")
        return f"{column}::{'BIGINT' if as_int else 'DOUBLE'} AS {column}"
    return f"{column}::VARCHAR AS {column}"


def _cast_text(database: duckdb.DuckDBPyConnection, column: str, expected: str | None) -> str:
    def matches(pattern: str) -> bool:
        return _all(database, column, f"regexp_full_match({column}, '{pattern}')")

    number = f"try_cast({column} AS DOUBLE) IS NOT NULL"
    if expected == "BYTES":
        return column
    if expected == "INT":
        return f"{column}::BIGINT" if matches(_WHOLE) else column
    if expected == "FLOAT":
        return f"{column}::DOUBLE" if _all(database, column, number) else column
    if not _all(database, column, "false"):
        if matches(_INFERRED_WHOLE):
            return f"{column}::BIGINT"
        if matches(_BOOLEAN):
            return f"{column}::BOOLEAN::BIGINT"
        if not _has_codes(database, column) and _all(database, column, number):
            return f"{column}::DOUBLE"
    return column


def _has_codes(database: duckdb.DuckDBPyConnection, column: str) -> bool:
    return not _all(database, column, rf"NOT regexp_full_match({column}, '[+-]?0\d.*')")


def _all(database: duckdb.DuckDBPyConnection, column: str, condition: str) -> bool:
    """Return whether a condition is true for every value; it is true if there are no values."""
    exceptions = database.execute(
        f"SELECT 1 FROM raw WHERE {column} IS NOT NULL AND NOT ({condition}) LIMIT 1"
    )
    return exceptions.fetchone() is None
