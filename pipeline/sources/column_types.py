"""Convert columns to the types that a tf.Example has: whole numbers, numbers or text.

The type of a column depends on all of its values in all files. So a first pass counts the values
that break a condition, file by file; the counts of all files decide the type; and a second pass
converts the values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from pipeline.sources.sql import identifier

_WHOLE_KINDS = frozenset({
    "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER",
})  # fmt: skip
# The widest kinds do not fit 64 bits, so they become numbers.
_NUMBER_KINDS = frozenset({"FLOAT", "DOUBLE", "HUGEINT", "UBIGINT", "UHUGEINT"})
TEXT = "VARCHAR"
_WHOLE = r"[+-]?\d{1,18}"
# A leading zero belongs to a code, such as a postcode; a number would lose the zero.
_INFERRED_WHOLE = r"[+-]?(0|[1-9]\d{0,17})"
_BOOLEAN = r"(?i)true|false"


def conditions(name: str, kind: str) -> Mapping[str, str]:
    """Return the conditions in SQL that decide the type of a column, by their names.

    Args:
      name: name of the column.
      kind: DuckDB type of the column in one file.
    """
    column = identifier(name)
    if kind == TEXT:
        return {
            "whole": f"regexp_full_match({column}, '{_WHOLE}')",
            "inferred_whole": f"regexp_full_match({column}, '{_INFERRED_WHOLE}')",
            "boolean": f"regexp_full_match({column}, '{_BOOLEAN}')",
            "no_code": rf"NOT regexp_full_match({column}, '[+-]?0\d.*')",
            "number": f"try_cast({column} AS DOUBLE) IS NOT NULL",
        }
    if _is_number(kind):
        # Many libraries write whole numbers with missing values as floats.
        return {"whole": f"{column}::DOUBLE = try_cast({column} AS BIGINT)", "boolean": "false"}
    if kind in _WHOLE_KINDS:
        return {} if kind == "BOOLEAN" else {"boolean": "false"}
    return dict.fromkeys(("whole", "inferred_whole", "boolean", "number"), "false")


def target(
    kinds: Collection[str], values: int, exceptions: Counter[str], expected: str | None
) -> str:
    """Return the type that a column is converted to: `BIGINT`, `DOUBLE` or `VARCHAR`.

    No value is lost: if one value does not fit the expected type, the column keeps its type.

    Args:
      kinds: DuckDB types of the column in all files.
      values: number of values in all files, missing ones not counted.
      exceptions: number of values that break a condition, by the condition's name.
      expected: `INT`, `FLOAT` or `BYTES` if the schema states a type; None infers the type.
    """
    if all(kind in _WHOLE_KINDS for kind in kinds):
        # A double represents every whole number up to 2**53 exactly.
        return "DOUBLE" if expected == "FLOAT" else "BIGINT"
    if all(kind in _WHOLE_KINDS or _is_number(kind) for kind in kinds):
        return "BIGINT" if expected == "INT" and not exceptions["whole"] else "DOUBLE"
    if expected == "BYTES":
        return TEXT
    if expected == "INT":
        return TEXT if exceptions["whole"] else "BIGINT"
    if expected == "FLOAT":
        return TEXT if exceptions["number"] else "DOUBLE"
    if values:
        if not exceptions["inferred_whole"] or not exceptions["boolean"]:
            return "BIGINT"
        if not exceptions["no_code"] and not exceptions["number"]:
            return "DOUBLE"
    return TEXT


def convert(name: str, kind: str, to: str) -> str:
    """Return the SQL that converts a column of one file.

    Args:
      name: name of the column.
      kind: DuckDB type of the column in the file.
      to: `BIGINT`, `DOUBLE` or `VARCHAR`.
    """
    column = identifier(name)
    if kind == to:
        return column
    if kind == TEXT and to == "BIGINT":
        boolean = f"{column}::BOOLEAN::BIGINT"
        is_boolean = f"regexp_full_match({column}, '{_BOOLEAN}')"
        return f"CASE WHEN {is_boolean} THEN {boolean} ELSE {column}::BIGINT END"
    return f"{column}::{to}"


def _is_number(kind: str) -> bool:
    return kind in _NUMBER_KINDS or kind.startswith("DECIMAL")
