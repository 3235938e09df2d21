"""Decide what each column of a table is used for, and state why."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from schema.inference import ColumnStatistics

# Single-column AUC from which a column is left out, and from which the user is asked to check it.
LEAK_AUC, CHECK_AUC = 0.97, 0.93
# Text with more values than rows of this share each is not repeated often enough.
_ID_SHARE = 0.5
_MIN_ID_ROWS = 20
# Share of rows whose value occurs `min_frequency` times, below which a vocabulary says nothing.
_MIN_COVERED = 0.5
_HIGH_CARDINALITY = 1000
_MIN_PRESENT = 0.01
# Larger whole numbers are rarely amounts.
_LARGE = 10**9
_LONG_ID_DIGITS = 10
_MAX_BUCKETS = 366

_ID_NAME = re.compile(
    r"(^|[^a-z])(id|ids|key|uuid|guid|index|idx|rownames?|nr|no|번호|아이디)$", re.I
)
_CAMEL_ID = re.compile(r"[a-z](Id|ID|No|Key)$")
# Parts of a date, with the number of buckets that every value fits.
_CALENDAR = {
    "hour": 24, "시간": 24, "weekday": 8, "day_of_week": 8, "dayofweek": 8, "dow": 8, "요일": 8,
    "day": 32, "month": 13, "월": 13, "quarter": 5, "분기": 5, "week": 54,
}  # fmt: skip


@dataclass(frozen=True)
class Values:
    """What a decision needs to know beyond the statistics of a column.

    Args:
      dates: share of the present values that are dates or times.
      numbers: share of the present values of a text column that are numbers.
      covered: share of the rows whose value is frequent enough for a vocabulary.
      row_number: whether whole numbers are all different and have no gaps.
      auc: AUC of the column alone; None if it cannot be measured.
    """

    dates: float = 0.0
    numbers: float = 0.0
    covered: float = 1.0
    row_number: bool = False
    auc: float | None = None


@dataclass(frozen=True)
class Decision:
    """What a column is used for.

    Args:
      column: name of the column.
      type: `INT`, `FLOAT` or `BYTES`.
      role: `label`, `numeric`, `categorical`, `bucket`, `time`, `key` or `left out`.
      missing: share of the rows without a value.
      distinct: number of distinct values.
      auc: AUC of the column alone; None if it is not measured.
      reason: why the column has this role.
      remedy: how to use a column that is left out, or what to check; default "".
      size: number of buckets; default 0 for other roles.
    """

    column: str
    type: str
    role: str
    missing: float
    distinct: int
    auc: float | None
    reason: str
    remedy: str = ""
    size: int = 0

    @property
    def used(self) -> bool:
        """Whether the model reads the column."""
        return self.role in ("numeric", "categorical", "bucket")


@dataclass(frozen=True)
class Given:
    """The roles that the user states.

    Args:
      label: name of the label's column.
      time: name of the time column; default "" for none.
      keys: names of the columns that the hash split keeps together; default none.
      keep: names of the columns to use although they look like a leak or an id; default none.
      drop: names of the columns to leave out; default none.
    """

    label: str
    time: str = ""
    keys: Sequence[str] = ()
    keep: Sequence[str] = ()
    drop: Sequence[str] = ()


def decide(
    column: ColumnStatistics,
    evaluation: ColumnStatistics,
    given: Given,
    measure: Callable[[ColumnStatistics], Values],
) -> Decision:
    """Return the decision about a column.

    Args:
      column: statistics of the column in the train split.
      evaluation: statistics of the column in the eval split.
      given: roles that the user states.
      measure: function that reads the column's values; it is called only if they matter.
    """
    for names, role, reason in (
        ((given.label,), "label", "stated with --label"),
        ((given.time,), "time", "stated with --time; it divides the rows into spans"),
        (given.keys, "key", "stated with --key; its rows stay in one split"),
        (given.drop, "left out", "stated with --drop"),
    ):
        if column.name in names:
            return _decision(column, role, reason)
    without_use = _has_no_use(column, evaluation)
    if without_use:
        return _decision(column, "left out", without_use, "no model can learn from it")
    values = measure(column)
    left_out = _identifies(column, values) or _not_a_feature(column, values)
    if left_out is None or column.name in given.keep:
        return _feature(column, values)
    reason, remedy = left_out
    remedy += f"pass --keep {shlex.quote(column.name)} to use it as it is"
    return _decision(column, "left out", reason, remedy, values.auc)


def _has_no_use(column: ColumnStatistics, evaluation: ColumnStatistics) -> str:
    """Return why no model can learn from a column; "" if one can."""
    for split, rows in (("train", column), ("eval", evaluation)):
        if not rows.present:
            return f"no value in any {split} row"
    if column.distinct <= 1 and (column.present == column.rows or column.type != "BYTES"):
        return "constant: one value in all train rows that have one"
    if column.present < _MIN_PRESENT * column.rows:
        return f"almost empty: {column.present:,} of {column.rows:,} train rows have a value"
    return ""


def _identifies(column: ColumnStatistics, values: Values) -> tuple[str, str] | None:
    """Return why a column identifies rows, and how to use it; None if it does not."""
    distinct = column.distinct / max(1, column.present)
    remedy = "for a key with several rows, pass --key; "
    if column.type == "FLOAT" or column.present < _MIN_ID_ROWS or distinct < _ID_SHARE:
        return None
    if column.type == "BYTES":
        if values.dates > 0.9:
            return None
        return f"id-like: {column.distinct:,} values in {column.present:,} rows", remedy
    if values.row_number:
        return "id-like: whole numbers without a gap or a repetition", remedy
    named = bool(_ID_NAME.search(column.name) or _CAMEL_ID.search(column.name))
    long = max(abs(column.minimum or 0), abs(column.maximum or 0)) >= 10**_LONG_ID_DIGITS
    if distinct > 0.9 and (named or (long and values.dates < 0.9)):
        return f"id-like: {column.distinct:,} values in {column.present:,} rows", remedy
    return None


def _not_a_feature(column: ColumnStatistics, values: Values) -> tuple[str, str] | None:
    if values.dates > 0.9:
        return (
            "dates or times: the model reads numbers and categories",
            f"pass --time {shlex.quote(column.name)} to evaluate on the newest rows, add columns "
            "such as the hour, or ",
        )
    if values.auc is not None and values.auc >= LEAK_AUC:
        return (
            f"suspected leak: it alone has an AUC of {values.auc:.3f}",
            "if its value is available before the prediction, ",
        )
    if column.type == "BYTES" and values.covered < _MIN_COVERED:
        return (
            f"high cardinality: only {values.covered:.0%} of the rows have a frequent value",
            "add a column with fewer categories, or ",
        )
    return None


def _feature(column: ColumnStatistics, values: Values) -> Decision:
    remedy = ""
    if values.auc is not None and values.auc >= CHECK_AUC:
        remedy = (
            f"it alone has an AUC of {values.auc:.3f}; check that its value is available before "
            "the prediction"
        )
    if column.type == "BYTES":
        reason = f"text with {column.distinct:,} values"
        if column.distinct > _HIGH_CARDINALITY:
            reason += f", high cardinality; {values.covered:.0%} of the rows have a frequent one"
        if values.numbers > 0.9:
            reason += f"; {values.numbers:.1%} are numbers"
            remedy = remedy or "correct the other values to make it a number"
        return _decision(column, "categorical", reason, remedy, values.auc)
    low, high = column.minimum or 0, column.maximum or 0
    usual = _calendar(column.name)
    if column.type == "INT" and usual and 0 <= low <= high < _MAX_BUCKETS and column.distinct > 2:
        reason = f"part of a date, {int(low)} to {int(high)}"
        size = max(usual, int(high) + 1)
        return _decision(column, "bucket", reason, remedy, values.auc, size)
    if column.type == "INT" and high >= _LARGE:
        remedy = remedy or (
            "if it is a code, set its type to BYTES in schema.pbtxt, and move it to categorical"
        )
    kind = "whole number" if column.type == "INT" else "number"
    return _decision(column, "numeric", f"{kind}, {low:g} to {high:g}", remedy, values.auc)


def _calendar(name: str) -> int:
    """Return the number of buckets of a part of a date by its name; 0 for another column."""
    parts = re.split(r"[^a-z가-힣]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
    for part, size in _CALENDAR.items():
        if parts[-len(part.split("_")) :] == part.split("_"):
            return size
    return 0


def _decision(
    column: ColumnStatistics,
    role: str,
    reason: str,
    remedy: str = "",
    auc: float | None = None,
    size: int = 0,
) -> Decision:
    missing = 1 - column.present / max(1, column.rows)
    return Decision(
        column.name, column.type, role, missing, column.distinct, auc, reason, remedy, size
    )
