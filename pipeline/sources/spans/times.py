"""Read times of many forms, and cut them into spans, as SQL for DuckDB.

The time zone is that of the database: `SET TimeZone`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import duckdb

from pipeline.errors import DataRefused
from pipeline.findings import RejectedRow
from pipeline.sources.base import ROW_COLUMN
from pipeline.sources.files.tables import Table
from pipeline.sources.sql import identifier, text

# The greatest span of TFX is 2**31 - 1, so the span of an hour ends with the year 2147.
_SPANS = {
    "year": "year({0})",
    "quarter": "year({0}) * 10 + quarter({0})",
    "month": "year({0}) * 100 + month({0})",
    "week": "isoyear({0}) * 1000 + week({0})",
    "day": "year({0}) * 10000 + month({0}) * 100 + day({0})",
    "hour": "(year({0}) * 10000 + month({0}) * 100 + day({0})) * 100 + hour({0})",
}
PERIODS = tuple(_SPANS)

# Number of units in a second, for the forms of `source.time_format` that count since 1970.
_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}

# Seconds since 1970 of the years 1973 and 2100. A smaller number is a date, such as 20130401.
_EARLIEST, _LATEST = 100_000_000, 4_102_444_800
_MAX_REJECTED_ROWS = 1000
_IN_CENTURIES = "CASE WHEN year(m) BETWEEN 1900 AND 2100 THEN m END"
_NUMBERS = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT|INTEGER|UINTEGER|FLOAT|DOUBLE|DECIMAL.*")
_DIGITS = r"\d{1,19}(\.\d*)?"
_ISO_DATE = r"\d{4}[-/]\d{1,2}[-/]\d{1,2}"
_COMMON_FORMATS = (
    "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%Y", "%Y.%m.%d", "%Y. %m. %d.",
    "%d/%m/%y", "%m/%d/%y", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p",
    "%d-%b-%Y", "%d %b %Y", "%b %d %Y", "%b %d, %Y", "%d-%b-%y", "%Y-%m-%d %I:%M:%S %p",
    "%Y%m%d%H", "%Y%m%d%H%M", "%Y%m%d %H:%M:%S", "%Y%m%d %H%M%S",
)  # fmt: skip


@dataclass(frozen=True)
class Times:
    """The forms of time in one column.

    Args:
      column: name of the column.
      kind: DuckDB type of the column.
      format: format of `strptime`, or `s`, `ms`, `us` or `ns` for numbers since 1970; default
        None for ISO dates and timestamps, numbers since 1970, and numbers such as 2024, 202401 and
        20240115.
    """

    column: str
    kind: str
    format: str | None = None

    def moment(self) -> str:
        """Return the SQL of the column as TIMESTAMPTZ; it is NULL for a value of another form."""
        return self._moment("hour", coarse=True)

    def span(self, period: str) -> str:
        """Return the SQL of the span of a row; it is NULL without a time as fine as the period.

        Args:
          period: length of a span, one of `PERIODS`.
        """
        number = _SPANS[period].format("m")
        moment = self._moment(period, coarse=False)
        return f"list_transform([{moment}], lambda m: {number})[1]::BIGINT"

    def expected(self, period: str) -> str:
        """Return a text for the forms that are read.

        Args:
          period: length of a span, one of `PERIODS`.
        """
        if self.format in _UNITS:
            return f"a number since 1970 in {self.format}"
        if self.format:
            return f"a time in the form {self.format}"
        form = {"hour": "a timestamp", "year": "a timestamp, a date, a year"}.get(
            period, "a timestamp, a date"
        )
        return f"{form}, or seconds, ms, us or ns since 1970"

    def formats(self) -> str:
        """Return the SQL of a list of the formats of `strptime` that fit every value."""
        column = f"trim({identifier(self.column)}::VARCHAR)"
        fits = ", ".join(
            f"CASE WHEN bool_and(try_strptime({column}, {text(form)}) IS NOT NULL) "
            f"THEN {text(form)} END"
            for form in _COMMON_FORMATS
        )
        return f"list_filter([{fits}], lambda form: form IS NOT NULL)"

    def _moment(self, period: str, coarse: bool) -> str:
        column = identifier(self.column)
        if self.kind == "DATE":
            return f"{column}::TIMESTAMPTZ" if coarse or period != "hour" else "NULL::TIMESTAMPTZ"
        if self.kind.startswith("TIMESTAMP"):
            return f"{column}::TIMESTAMPTZ"
        value = f"trim({column}::VARCHAR)"
        is_text = not _NUMBERS.fullmatch(self.kind)
        number = f"try_cast(floor({column}) AS BIGINT)"
        if is_text:
            number = f"try_cast(regexp_extract({value}, '^[+-]?\\d+') AS BIGINT)"
        if self.format in _UNITS:
            form = f"regexp_full_match({value}, '[+-]?{_DIGITS}')" if is_text else "true"
            return f"CASE WHEN {form} THEN {_since_1970(number, _UNITS[self.format])} END"
        if self.format:
            whole = value if is_text else f"{number}::VARCHAR"
            return f"try_strptime({whole}, {text(self.format)})::TIMESTAMPTZ"
        # A function of one element computes the number once.
        of_number = f"list_transform([{number}], lambda n: {_from_number(period, coarse)})[1]"
        if not is_text:
            return of_number
        return (
            f"CASE WHEN regexp_full_match({value}, '[+]?{_DIGITS}') THEN {of_number} "
            f"ELSE {_from_text(value, period, coarse)} END"
        )


def without_time(
    database: duckdb.DuckDBPyConnection, table: Table, times: Times, period: str, count: int
) -> DataRefused:
    """Return the error of a file with rows that have no readable time.

    Args:
      database: database that reads the file.
      table: the file's table.
      times: the column of the time.
      period: length of a span, one of `PERIODS`.
      count: number of these rows.
    """
    column, expected = identifier(times.column), times.expected(period)
    rows = database.execute(
        f"SELECT {ROW_COLUMN}, {column}::VARCHAR FROM {table.rows} "
        f"WHERE ({times.span(period)}) IS NULL LIMIT {_MAX_REJECTED_ROWS}"
    ).fetchall()
    [formats] = database.execute(
        f"SELECT {times.formats()} FROM {table.rows} WHERE {column} IS NOT NULL"
    ).fetchone() or [[]]
    cure = f"set source.time_format = {' or '.join(map(repr, formats))}, or fix the rows"
    return DataRefused(
        f"{table.name}: {count:,} rows have no readable {times.column}; expected {expected}.",
        cure if formats else "fix the rows, or remove them; or set source.time_format",
        rows=tuple(
            RejectedRow(table.name, str(row), times.column, value or "no value", expected)
            for row, value in rows
        ),
    )


def _since_1970(number: str, units: int) -> str:
    micros = f"{number} * {10**6 // units}" if units <= 10**6 else f"{number} // {units // 10**6}"
    return f"make_timestamptz(try_cast({micros} AS BIGINT))"


def _from_number(period: str, coarse: bool) -> str:
    """Return the SQL of the time of the number `n`."""

    def parsed(form: str, minimum: int, maximum: int) -> str:
        return (
            f"WHEN n BETWEEN {minimum} AND {maximum} "
            f"THEN try_strptime(n::VARCHAR, {text(form)})::TIMESTAMPTZ"
        )

    cases = []
    if coarse or period == "year":
        cases.append(parsed("%Y", 1900, 2100))
    if coarse or period in ("year", "quarter", "month"):
        cases.append(parsed("%Y%m", 190001, 210012))
    if coarse or period != "hour":
        cases.append(parsed("%Y%m%d", 19000101, 21001231))
    # Such a number is a time of this form or a number since 1970, so it needs a format.
    cases += [
        f"WHEN n BETWEEN {minimum} AND {maximum} "
        f"AND try_strptime(n::VARCHAR, {text(form)}) IS NOT NULL THEN NULL"
        for form, minimum, maximum in (
            ("%Y%m%d%H", 1900010100, 2100123123),
            ("%Y%m%d%H%M", 190001010000, 210012312359),
        )
    ]
    cases.append(parsed("%Y%m%d%H%M%S", 19000101000000, 21001231235959))
    cases += [
        f"WHEN n BETWEEN {_EARLIEST * units} AND {_LATEST * units} THEN {_since_1970('n', units)}"
        for units in _UNITS.values()
    ]
    return f"CASE {' '.join(cases)} END"


def _from_text(value: str, period: str, coarse: bool) -> str:
    months = dates = ""
    if coarse or period in ("year", "quarter", "month"):
        month = f"try_strptime(replace({value}, '/', '-'), '%Y-%m')::TIMESTAMPTZ"
        months = f"WHEN regexp_full_match({value}, '(19|20)\\d\\d[-/]\\d{{1,2}}') THEN {month}"
    if not coarse and period == "hour":
        dates = f"WHEN regexp_full_match({value}, '{_ISO_DATE}') THEN NULL"
    moment = f"list_transform([try_cast({value} AS TIMESTAMPTZ)], lambda m: {_IN_CENTURIES})[1]"
    form = f"regexp_full_match({value}, '{_ISO_DATE}([ T][^()]*)?')"
    return f"CASE {months} {dates} WHEN {form} THEN {moment} END"
