"""Convert columns to the types that a tf.Example has: whole numbers, numbers or text.

The type of a column depends on all of its values in all files. So a first pass counts the values
that break a condition, file by file; the counts of all files decide the type; and a second pass
converts the values.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping

from pipeline.sources.sql import identifier, text
from pipeline.sources.values.reading import Reading

_WHOLE_KINDS = frozenset({
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER",
})  # fmt: skip
_WIDE_KINDS = re.compile(r"U?HUGEINT|UBIGINT|BIGNUM|DECIMAL\(\d+,0\)")
_FLOAT_KINDS = frozenset({"FLOAT", "DOUBLE"})
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_NESTED = re.compile(r"(?s)(STRUCT|MAP|UNION|VARIANT|GEOMETRY).*|.*\[\d*\]")
TEXT = "VARCHAR"

# What pandas.read_csv reads as a missing value, and the mark of many public data sets.
MISSING = (
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null", "?",
)  # fmt: skip

# DuckDB reads 1_000, 0x10 and 1.5 as whole numbers, so the form of a text is checked first.
_WHOLE = r"\s*[+-]?\d+\s*"
_NUMBER = r"\s*[+-]?(\d+{0}?\d*|{0}\d+)([eE][+-]?\d+)?\s*"
_INFINITE = r"(?i)[+-]?inf(inity)?"
# A leading zero belongs to a code, such as a postcode; a number would lose the zero.
_CODE = r"\s*[+-]?0\d.*"
_BOOLEAN = r"(?i)true|false"
# A double represents every whole number up to this one exactly.
_MAX_EXACT = 2**53

# Conditions whose exceptions are reported, so they are counted in all rows.
COUNTED = frozenset({"present", "exact"})


def is_nested(kind: str) -> bool:
    """Return whether the values of a type are lists or structures, which no column may hold.

    Args:
      kind: DuckDB type.
    """
    return _NESTED.fullmatch(kind) is not None


def conditions(name: str, kind: str, reading: Reading) -> Mapping[str, str]:
    """Return the conditions in SQL that decide the type of a column, by their names.

    Args:
      name: name of the column.
      kind: DuckDB type of the column in one file.
      reading: how the text of cells is read.
    """
    column = identifier(name)
    if _is_text(kind):
        cell = _Cell(column, kind, reading)
        return {
            "present": f"NOT {cell.missing}",
            **{
                condition: f"({cell.missing} OR {sql})"
                for condition, sql in {
                    "whole": cell.whole,
                    "no_code": f"NOT {cell.code}",
                    "boolean": cell.boolean,
                    "int": f"({cell.whole} OR {cell.integral} OR {cell.boolean})",
                    "float": f"({cell.number} OR {cell.boolean})",
                    "number": cell.number,
                    "exact": cell.exact,
                }.items()
            },
        }
    if kind == "BOOLEAN":
        return {"whole": "false", "number": "false"}
    broken = {"boolean": "false"}
    if kind in _FLOAT_KINDS:
        # Many libraries write whole numbers with missing values as floats.
        whole = f"{column}::DOUBLE = try_cast({column} AS BIGINT)"
        return {"whole": whole, "int": whole, **broken}
    if kind in _WHOLE_KINDS:
        if kind != "BIGINT":
            return broken
        return {"exact": f"{column}::DOUBLE::HUGEINT = {column}", **broken}
    if _is_number(kind):
        whole = f"try_cast({column} AS BIGINT) = {column}"
        exact = f"try_cast({column}::DOUBLE AS {kind}) = {column}"
        return {"whole": whole, "int": whole, "exact": exact, **broken}
    return dict.fromkeys(("whole", "int", "float", "boolean", "number"), "false")


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
    values -= exceptions["present"]
    if not values and expected is not None:
        return {"INT": "BIGINT", "FLOAT": "DOUBLE"}.get(expected, TEXT)
    if not all(_is_number(kind) or kind == "BOOLEAN" for kind in kinds):
        return _text_target(values, exceptions, expected)
    if expected == "BYTES" and all(kind in _WHOLE_KINDS or _is_wide(kind) for kind in kinds):
        return TEXT
    if all(kind in _WHOLE_KINDS or kind == "BOOLEAN" for kind in kinds):
        return "DOUBLE" if expected == "FLOAT" else "BIGINT"
    # A number that does not fit 64 bits, such as an id, would lose digits as a double.
    if expected != "FLOAT" and not any(kind in _FLOAT_KINDS for kind in kinds):
        wide = all(kind in _WHOLE_KINDS or _is_wide(kind) for kind in kinds)
        if wide:
            return TEXT if exceptions["whole"] else "BIGINT"
    return "BIGINT" if expected == "INT" and not exceptions["whole"] else "DOUBLE"


def _text_target(values: int, exceptions: Counter[str], expected: str | None) -> str:
    if expected is not None:
        fits = {"INT": "int", "FLOAT": "float"}.get(expected)
        if fits is None or exceptions[fits]:
            return TEXT
        return "BIGINT" if expected == "INT" else "DOUBLE"
    if values:
        if not exceptions["boolean"]:
            return "BIGINT"
        if not exceptions["no_code"] and not exceptions["whole"]:
            return "BIGINT"
        if not exceptions["no_code"] and not exceptions["number"] and not exceptions["exact"]:
            return "DOUBLE"
    return TEXT


def remarks(name: str, exceptions: Counter[str], to: str, reading: Reading) -> list[str]:
    """Return what a user must know about the values of a column.

    Args:
      name: name of the column.
      exceptions: number of values that break a condition, by the condition's name.
      to: type that the column is converted to.
      reading: how the text of cells is read.
    """
    lines = []
    if exceptions["present"] and (to != TEXT or reading.nulls is not None):
        lines.append(f"{exceptions['present']:,} cells of {name} are missing values")
    if exceptions["exact"] and to == "DOUBLE":
        lines.append(f"{exceptions['exact']:,} values of {name} are rounded to 64-bit numbers")
    return lines


def present(name: str, kind: str, reading: Reading) -> str:
    """Return the SQL of a column whose missing values are NULL.

    Args:
      name: name of the column.
      kind: DuckDB type of the column in one file.
      reading: how the text of cells is read.
    """
    if not _is_text(kind):
        return identifier(name)
    cell = _Cell(identifier(name), kind, reading)
    return f"CASE WHEN {cell.missing} THEN NULL ELSE {cell.value} END"


def convert(name: str, kind: str, to: str, reading: Reading) -> str:
    """Return the SQL that converts a column of one file; NULL for a text that does not fit.

    Args:
      name: name of the column.
      kind: DuckDB type of the column in the file.
      to: `BIGINT`, `DOUBLE` or `VARCHAR`.
      reading: how the text of cells is read.
    """
    column = identifier(name)
    if kind.startswith("TIME WITH"):
        return f"{column}::TIME::{to}"
    if not _is_text(kind):
        return column if kind == to else f"{column}::{to}"
    cell = _Cell(column, kind, reading)
    if to == TEXT:
        if reading.nulls is None:
            return cell.value
        return f"CASE WHEN {cell.missing} THEN NULL ELSE {cell.value} END"
    as_boolean = f"WHEN {cell.boolean} THEN trim({cell.value})::BOOLEAN::BIGINT"
    if to == "BIGINT":
        return (
            f"CASE WHEN {cell.missing} THEN NULL {as_boolean} "
            f"WHEN {cell.whole} THEN try_cast(trim({cell.value}) AS BIGINT) "
            f"WHEN {cell.integral} THEN try_cast({cell.double} AS BIGINT) END"
        )
    return (
        f"CASE WHEN {cell.missing} THEN NULL {as_boolean} WHEN {cell.number} THEN {cell.double} END"
    )


def as_text(name: str, kind: str, reading: Reading) -> str:
    """Return the SQL of a column as text; NULL for numbers whose text is not theirs alone.

    Args:
      name: name of the column.
      kind: DuckDB type of the column in the file.
      reading: how the text of cells is read.
    """
    is_ambiguous = kind == "BOOLEAN" or (
        _is_number(kind) and kind not in _WHOLE_KINDS and not _is_wide(kind)
    )
    return "NULL" if is_ambiguous else convert(name, kind, TEXT, reading)


class _Cell:
    """The SQL of conditions on a cell of text.

    Args:
      column: quoted name of the column.
      kind: DuckDB type of the column.
      reading: how the text of cells is read.
    """

    def __init__(self, column: str, kind: str, reading: Reading) -> None:
        self.value = column if kind == TEXT else f"{column}::{TEXT}"
        nulls = MISSING if reading.nulls is None else reading.nulls
        # DuckDB keeps a vector for every text of an IN list, for every column and thread.
        texts = f"[{', '.join(map(text, nulls))}]"
        self.missing = f"list_contains({texts}, {self.value})" if nulls else "false"
        number = _NUMBER.format(re.escape(reading.decimal))
        point = "" if reading.decimal == "." else f", {text(reading.decimal)}, '.'"
        self.double = (
            f"try_cast({f'replace({self.value}{point})' if point else self.value} AS DOUBLE)"
        )
        self.whole = (
            f"(regexp_full_match({self.value}, '{_WHOLE}') "
            f"AND try_cast({self.value} AS BIGINT) IS NOT NULL)"
        )
        self.code = f"regexp_full_match({self.value}, '{_CODE}')"
        self.boolean = f"regexp_full_match({self.value}, '{_BOOLEAN}')"
        # DuckDB reads 1e400 as infinite; pandas reads it as text.
        self.number = (
            f"((regexp_full_match({self.value}, '{number}') AND isfinite({self.double})) "
            f"OR regexp_full_match({self.value}, '{_INFINITE}'))"
        )
        self.integral = (
            f"({self.number} AND abs({self.double}) <= {_MAX_EXACT} "
            f"AND {self.double} = floor({self.double}))"
        )
        self.exact = (
            f"(NOT regexp_full_match({self.value}, '\\s*[+-]?\\d{{16,}}\\s*') "
            f"OR try_cast({self.double} AS HUGEINT) = try_cast({self.value} AS HUGEINT))"
        )


def _is_text(kind: str) -> bool:
    return kind == TEXT or kind == "JSON" or kind.startswith("ENUM")


def _is_wide(kind: str) -> bool:
    return _WIDE_KINDS.fullmatch(kind) is not None


def _is_number(kind: str) -> bool:
    return (
        kind in _WHOLE_KINDS
        or kind in _FLOAT_KINDS
        or _is_wide(kind)
        or _DECIMAL.fullmatch(kind) is not None
    )
