"""Convert the label of two classes to 0 and 1."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.errors import DataRefused
from pipeline.findings import RejectedRow
from pipeline.sources.base import ROW_COLUMN
from pipeline.sources.sql import text
from pipeline.sources.values import column_types
from pipeline.sources.values.reading import Reading

if TYPE_CHECKING:
    import duckdb

    from pipeline.sources.files.tables import Table

_POSITIVE = ("1", "true", "yes", "y", "t")
_NEGATIVE = ("0", "false", "no", "n", "f")
# More values are not two classes; the first of them are named in a message.
_MAX_VALUES = 10
_MAX_ROWS_OF_VALUE = 20
_MAX_REJECTED_ROWS = 1000


@dataclass(frozen=True)
class Label:
    """The label of a model.

    Args:
      column: name of the column.
      positive: value that counts as 1; default None for 1, true and yes.
      negative: values that count as 0; default none for the only other value.
    """

    column: str
    positive: str | None = None
    negative: tuple[str, ...] = ()

    def value(self, kind: str, reading: Reading) -> str:
        """Return the SQL of the label's value as text; a whole number has no decimal places.

        Args:
          kind: DuckDB type of the column.
          reading: how the text of cells is read.
        """
        shown = f"trim(({column_types.present(self.column, kind, reading)})::VARCHAR)"
        number = f"try_cast({shown} AS DOUBLE)"
        # DuckDB casts 1_000 too.
        is_whole = f"regexp_full_match({shown}, '[+-]?\\d+(\\.0*)?') AND abs({number}) < 1e15"
        return f"CASE WHEN {is_whole} THEN try_cast({number} AS BIGINT)::VARCHAR ELSE {shown} END"

    def convert(self, kind: str, reading: Reading) -> str:
        """Return the SQL of the label as 0 or 1; NULL for no value, or for one of no class.

        Args:
          kind: DuckDB type of the column.
          reading: how the text of cells is read.
        """
        value = self.value(kind, reading)
        if self.positive is not None:
            negative = ", ".join(text(_normalized(other)) for other in self.negative)
            is_other = f"{value} IN ({negative})" if negative else f"{value} IS NOT NULL"
            positive = text(_normalized(self.positive))
            return f"CASE WHEN {value} = {positive} THEN 1 WHEN {is_other} THEN 0 END"
        cases = (
            f"WHEN lower({value}) IN ({', '.join(map(text, texts))}) THEN {number}"
            for number, texts in ((1, _POSITIVE), (0, _NEGATIVE))
        )
        return f"CASE {' '.join(cases)} END"

    def offending(self, kind: str, reading: Reading) -> str:
        """Return the SQL of a value that is not the positive one, or of no class; NULL for others.

        Args:
          kind: DuckDB type of the column.
          reading: how the text of cells is read.
        """
        value, number = self.value(kind, reading), self.convert(kind, reading)
        return (
            f"CASE WHEN coalesce({number}, 0) = 0 THEN {value} END"
            if self.positive is not None and not self.negative
            else (f"CASE WHEN ({number}) IS NULL THEN {value} END")
        )

    def mismatch(self, values: Collection[str]) -> str:
        """Return why values are not those of two classes; "" if they are.

        Args:
          values: different values of the label as text, without missing ones.
        """
        shown = _shown(values)
        if self.positive is None:
            unclear = [v for v in values if v.lower() not in (*_POSITIVE, *_NEGATIVE)]
            return (
                f"expected 0 and 1, true and false, or yes and no, got {shown}" if unclear else ""
            )
        positive = _normalized(self.positive)
        others = [value for value in values if value != positive]
        if self.negative:
            unlisted = set(others) - {_normalized(other) for other in self.negative}
            expected = f"{positive}, {_shown(self.negative)}"
            return f"expected one of {expected}, got {_shown(unlisted)}" if unlisted else ""
        if len(others) > 1:
            return f"expected {positive} and one other value, got {shown}"
        return ""


def check_values(
    label: Label,
    values: Collection[str],
    database: duckdb.DuckDBPyConnection,
    tables: Iterable[Table],
    reading: Reading,
) -> None:
    """Check that the values of a label are those of two classes.

    Args:
      label: the label.
      values: different values of the label as text, without missing ones.
      database: database that reads the files.
      tables: tables of the files.
      reading: how the text of cells is read.

    Raises:
      DataRefused: there are other values; the error holds their first rows.
    """
    mismatch = label.mismatch(values)
    if not mismatch:
        return
    rows: list[RejectedRow] = []
    for table in tables:
        if label.column not in table.columns:
            continue
        value = label.offending(table.columns[label.column], reading)
        rows += [
            RejectedRow(table.name, str(row), label.column, text, "one of two classes")
            for row, text in database.execute(
                f"SELECT {ROW_COLUMN}, {value} AS value FROM {table.rows} WHERE value IS NOT NULL "
                f"QUALIFY row_number() OVER (PARTITION BY value ORDER BY {ROW_COLUMN}) "
                f"<= {_MAX_ROWS_OF_VALUE} ORDER BY 1 LIMIT {_MAX_REJECTED_ROWS}"
            ).fetchall()
        ]
    raise DataRefused(
        f"label {label.column}: {mismatch}.",
        'set positive = "..." in the features file, with negative = ["...", "..."] for several '
        "other values, or fix the rows",
        rows=tuple(rows[:_MAX_REJECTED_ROWS]),
    )


def _normalized(stated: str) -> str:
    """Return a stated value as `Label.value` returns it."""
    stated = stated.strip()
    try:
        number = float(stated)
    except ValueError:
        return stated
    is_plain = not set(stated) - set("+-.0123456789")
    return str(int(number)) if is_plain and number == int(number) else stated


def _shown(values: Collection[str]) -> str:
    first = sorted(values)[:_MAX_VALUES]
    return ", ".join(first) + (", …" if len(values) > _MAX_VALUES else "")
