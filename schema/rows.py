"""Rows against the curated schema, without TensorFlow."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2

from schema import columns

TRAINING, SERVING = "TRAINING", "SERVING"

# The greatest finite 32-bit float, which is what a tf.Example holds.
_MAX_FLOAT = 3.4028234663852886e38
_INT64 = range(-(2**63), 2**63)

_WORDS = {"INT": "a whole number", "FLOAT": "a number", "BYTES": "text"}

Row = Mapping[str, Any]


@dataclass(frozen=True)
class RowFinding:
    """A value, or a row, that is not as the schema says.

    Args:
      row: its number, from 1 on; None for what concerns all rows.
      column: the column.
      found: what is there.
      expected: what should be there.
    """

    row: int | None
    column: str
    found: str
    expected: str


def check(
    rows: Iterable[Row],
    schema: schema_pb2.Schema,
    environment: str = TRAINING,
    asked: Collection[str] | None = None,
) -> list[RowFinding]:
    """Compare rows with a schema.

    Args:
      rows: values by column; None, and a column that is left out, is a missing value.
      schema: the curated schema.
      environment: one of the schema's: a column that is not in it may be missing.
      asked: columns that the environment asks for, where the schema asks for more; None for all.

    Returns:
      What is wrong, in the order of the rows; nothing when they are as the schema says.

    Raises:
      ValueError: the schema has no such environment.
    """
    known = set(schema.default_environment) | {TRAINING, SERVING}
    if environment not in known:
        raise ValueError(f"no environment {environment}; there are {', '.join(sorted(known))}")
    features = {feature.name: feature for feature in schema.feature}
    expected_here = {
        name
        for name, feature in features.items()
        if feature.presence.min_fraction == 1
        and _expected_in(feature, schema, environment)
        and (asked is None or name in asked)
    }
    present = dict.fromkeys(features, 0)
    found: list[RowFinding] = []
    count = 0
    for count, row in enumerate(rows, 1):
        for name in row.keys() - features.keys():
            found.append(RowFinding(count, name, _short(row[name]), _no_column(name, features)))
        for name, feature in features.items():
            value = row.get(name)
            if value is not None:
                present[name] += 1
                if expected := mismatch(value, schema, feature):
                    found.append(RowFinding(count, name, _short(value), expected))
            elif name in expected_here:
                found.append(RowFinding(count, name, "nothing", "a value in every row"))
    found += _too_often_missing(schema, present, count, environment)
    return found


def mismatch(value: Any, schema: schema_pb2.Schema, feature: schema_pb2.Feature) -> str:
    """Say what was expected in a value's place; "" when it is as the schema says.

    Args:
      value: not None.
      schema: the curated schema.
      feature: the value's column.
    """
    kind = schema_pb2.FeatureType.Name(feature.type)
    if not _fits(value, kind):
        return _WORDS.get(kind, "a value")
    if kind == "FLOAT" and not (math.isfinite(value) and abs(value) <= _MAX_FLOAT):
        return "a finite number of 32 bits"
    values = columns.categories(schema, feature)
    if values is not None and value not in values:
        shown = ", ".join(values[:8]) + (", …" if len(values) > 8 else "")
        return f"one of {shown} ({len(values)} values)"
    low, high = columns.bounds(feature)
    if low is not None and value < low:
        return f"at least {low:g}"
    if high is not None and value > high:
        return f"at most {high:g}"
    return ""


def _fits(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return False
    if kind == "INT":
        return isinstance(value, int) and value in _INT64
    if kind == "FLOAT":
        return isinstance(value, int | float)
    return isinstance(value, str)


def _expected_in(feature: schema_pb2.Feature, schema: schema_pb2.Schema, environment: str) -> bool:
    if environment in feature.not_in_environment:
        return False
    defaults = schema.default_environment
    return not defaults or environment in {*defaults, *feature.in_environment}


def _too_often_missing(
    schema: schema_pb2.Schema, present: Mapping[str, int], rows: int, environment: str
) -> Iterator[RowFinding]:
    # One request says nothing of how often a value is missing.
    for feature in schema.feature if environment != SERVING else ():
        wanted = feature.presence.min_fraction
        if rows and wanted < 1 and present[feature.name] / rows < wanted:
            yield RowFinding(
                None,
                feature.name,
                f"a value in {present[feature.name] / rows:.1%} of the rows",
                f"a value in {wanted:.1%} of the rows",
            )


def _no_column(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"no such column; did you mean {close[0]}?" if close else "no such column"


def _short(value: Any) -> str:
    shown = str(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
