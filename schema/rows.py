"""Compare rows with the curated schema, without TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2

from schema import columns, environments
from schema.environments import SERVING, TRAINING
from schema.messages import expected
from schema.messages.cures import TYPES
from schema.messages.spelling import nearest, visible

# A tf.Example has 32-bit floats; this is the greatest finite one.
_MAX_FLOAT = 3.4028234663852886e38
_INT64 = range(-(2**63), 2**63)

Row = Mapping[str, Any]


@dataclass(frozen=True)
class RowFinding:
    """A value that does not match the schema.

    Args:
      row: number of the row, counted from 1; None if the finding is about all rows.
      column: name of the column.
      actual: value of the row.
      expected: value that the schema requires.
    """

    row: int | None
    column: str
    actual: str
    expected: str

    def as_json(self) -> dict[str, Any]:
        """Return the finding as `--json` prints it."""
        return {
            "row": self.row,
            "column": self.column,
            "found": self.actual,
            "expected": self.expected,
        }


def check(
    rows: Iterable[Row],
    schema: schema_pb2.Schema,
    environment: str = TRAINING,
    required: Collection[str] | None = None,
) -> list[RowFinding]:
    """Compare rows with a schema.

    Args:
      rows: values by column; None or a column that is not present is a missing value.
      schema: curated schema.
      environment: environment of the schema; a column that is not in it may be missing. Default
        `TRAINING`.
      required: columns that must have a value, if fewer than the schema requires; default None for
        all columns of the schema.

    Returns:
      The findings, in the order of the rows; empty if the rows match the schema.

    Raises:
      ValueError: the schema has no such environment.
    """
    if environment not in environments.all_of(schema):
        names = ", ".join(sorted(environments.all_of(schema)))
        raise ValueError(f"expected one of the environments {names}, got {environment}")
    features = {feature.name: feature for feature in schema.feature}
    without_gaps = {
        name
        for name, feature in features.items()
        if feature.presence.min_fraction == 1
        and environments.is_expected(feature, schema, environment)
        and (required is None or name in required)
    }
    present = dict.fromkeys(features, 0)
    findings: list[RowFinding] = []
    count = 0
    for count, row in enumerate(rows, 1):
        for name in row.keys() - features.keys():
            findings.append(RowFinding(count, name, _short(row[name]), _no_column(name, features)))
        for name, feature in features.items():
            value = row.get(name)
            if value is not None:
                present[name] += 1
                if wrong := mismatch(value, schema, feature):
                    findings.append(RowFinding(count, name, _short(value), wrong))
            elif name in without_gaps:
                findings.append(RowFinding(count, name, "nothing", "a value in every row"))
    findings += _low_presence(schema, present, count, environment)
    return findings


def mismatch(value: Any, schema: schema_pb2.Schema, feature: schema_pb2.Feature) -> str:
    """Return what the schema expects instead of a value; "" if the value matches.

    Args:
      value: value of a row; not None.
      schema: curated schema.
      feature: column of the value.
    """
    kind = schema_pb2.FeatureType.Name(feature.type)
    if not _fits(value, kind):
        return TYPES.get(kind, "a value")
    if kind == "FLOAT" and not (math.isfinite(value) and abs(value) <= _MAX_FLOAT):
        return "a finite number of 32 bits"
    values = columns.categories(schema, feature)
    if values is not None and value not in values:
        return expected.one_of(values, value)
    low, high = columns.value_range(feature)
    stored = columns.as_stored(feature, value) if kind != "BYTES" else 0
    if low is not None and stored < low:
        return f"at least {expected.number(low)}"
    if high is not None and stored > high:
        return f"at most {expected.number(high)}"
    return ""


def _fits(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return False
    if kind == "INT":
        return isinstance(value, int) and value in _INT64
    if kind == "FLOAT":
        return isinstance(value, int | float)
    return isinstance(value, str)


def _low_presence(
    schema: schema_pb2.Schema, present: Mapping[str, int], rows: int, environment: str
) -> Iterator[RowFinding]:
    # One request is not evidence of how often a value is missing.
    for feature in schema.feature if environment != SERVING else ():
        minimum = feature.presence.min_fraction
        if rows and minimum < 1 and present[feature.name] / rows < minimum:
            yield RowFinding(
                None,
                feature.name,
                f"a value in {present[feature.name] / rows:.1%} of the rows",
                f"a value in {minimum:.1%} of the rows",
            )


def _no_column(name: str, columns: Iterable[str]) -> str:
    hint = nearest(name, columns)
    return f"no such column; {hint}" if hint else "no such column"


def _short(value: Any) -> str:
    shown = visible(str(value))
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
