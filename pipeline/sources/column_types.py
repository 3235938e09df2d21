"""The type of a column: whole numbers, numbers or text, as a tf.Example can hold them."""

from __future__ import annotations

import duckdb

from pipeline.sources.sql import identifier

_WHOLE_KINDS = frozenset({
    "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER",
})  # fmt: skip
# The widest do not all fit 64 bits.
_NUMBER_KINDS = frozenset({"FLOAT", "DOUBLE", "HUGEINT", "UBIGINT", "UHUGEINT"})
_WHOLE = r"[+-]?\d{1,18}"
# A zero in front is a part of a code, such as a postcode; a number would lose it.
_INFERRED_WHOLE = r"[+-]?(0|[1-9]\d{0,17})"
_TRUTH = r"(?i)true|false"


def cast(database: duckdb.DuckDBPyConnection, name: str, kind: str, expected: str | None) -> str:
    """Return the SQL that selects a column of the table `raw` in its plain type.

    No value is lost: where one value does not fit the type, the column stays as it is.

    Args:
      database: holds `raw`.
      name: the column.
      kind: its DuckDB type.
      expected: `INT`, `FLOAT` or `BYTES` when the schema says which; None infers it.
    """
    column = identifier(name)
    if kind == "VARCHAR":
        return f"{_of_text(database, column, expected)} AS {column}"
    if kind in _WHOLE_KINDS:
        # Every whole number up to 2**53 is a double too.
        return f"{column}::{'DOUBLE' if expected == 'FLOAT' else 'BIGINT'} AS {column}"
    if kind in _NUMBER_KINDS or kind.startswith("DECIMAL"):
        whole = f"{column}::DOUBLE = try_cast({column} AS BIGINT)"
        # What has whole numbers and gaps is written as floats by many a library.
        as_int = expected == "INT" and _all(database, column, f"coalesce({whole}, false)")
        return f"{column}::{'BIGINT' if as_int else 'DOUBLE'} AS {column}"
    return f"{column}::VARCHAR AS {column}"


def _of_text(database: duckdb.DuckDBPyConnection, column: str, expected: str | None) -> str:
    def is_a(pattern: str) -> bool:
        return _all(database, column, f"regexp_full_match({column}, '{pattern}')")

    number = f"try_cast({column} AS DOUBLE) IS NOT NULL"
    if expected == "BYTES":
        return column
    if expected == "INT":
        return f"{column}::BIGINT" if is_a(_WHOLE) else column
    if expected == "FLOAT":
        return f"{column}::DOUBLE" if _all(database, column, number) else column
    if not _all(database, column, "false"):
        if is_a(_INFERRED_WHOLE):
            return f"{column}::BIGINT"
        if is_a(_TRUTH):
            return f"{column}::BOOLEAN::BIGINT"
        if not _any_code(database, column) and _all(database, column, number):
            return f"{column}::DOUBLE"
    return column


def _any_code(database: duckdb.DuckDBPyConnection, column: str) -> bool:
    return not _all(database, column, rf"NOT regexp_full_match({column}, '[+-]?0\d.*')")


def _all(database: duckdb.DuckDBPyConnection, column: str, condition: str) -> bool:
    """Return whether a condition holds for every value; it does when there is none."""
    found = database.execute(
        f"SELECT 1 FROM raw WHERE {column} IS NOT NULL AND NOT ({condition}) LIMIT 1"
    )
    return found.fetchone() is None
