"""Infer a schema from statistics of the train spans, without TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tensorflow_metadata.proto.v0 import schema_pb2

from schema.environments import SERVING, TRAINING

# A text column with more values is not a closed list, so its values are no domain.
MAX_VALUES = 100
# More values that are probably new in the next span make a domain that stops it.
_MAX_NEW_VALUES = 0.5
# More distinct values than this share of the rows identify rows, so their shares say nothing.
_ID_SHARE = 0.5

_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1
# Share of a range's width that is added at both ends.
_SLACK = 0.5
# Share of the rows by which a column with gaps may have more of them.
_PRESENCE_SLACK = 0.05
# A smaller threshold alarms on harmless changes; above the largest, the column moves with time.
_MIN_INFINITY_NORM, _MIN_DIVERGENCE, _MAX_THRESHOLD = 0.15, 0.3, 0.8
# Multiples of the distance between train spans, and of the distance that chance alone makes.
_HISTORY_FACTOR, _NOISE_FACTOR = 2.0, 4.0
_HISTOGRAM_BUCKETS = 10


@dataclass(frozen=True)
class ColumnStatistics:
    """Statistics of a column in the train spans.

    Args:
      name: name of the column.
      type: `INT`, `FLOAT` or `BYTES`.
      rows: number of rows.
      present: number of rows with a value.
      distinct: number of distinct values; an estimate for more than a few hundred.
      values: all values of a text column, sorted; None for numbers, and for more values than
        `MAX_VALUES`.
      single: number of values that occur in one row only; default 0.
      new: number of values that only the last of several train spans has; default 0.
      minimum: smallest finite number; None for text, and without a number.
      maximum: largest finite number; None for text, and without a number.
      distance: largest distance of a train span from the train spans before it, between 0 and 1:
        the L-infinity norm for text, the Jensen-Shannon divergence for numbers; default None for
        a single train span.
      spans: number of train spans; default 1.
    """

    name: str
    type: str
    rows: int
    present: int
    distinct: int
    values: tuple[str, ...] | None = None
    single: int = 0
    new: int = 0
    minimum: float | None = None
    maximum: float | None = None
    distance: float | None = None
    spans: int = 1

    @property
    def constant(self) -> bool:
        """Whether the column has at most one value."""
        return self.distinct <= 1

    @property
    def id_like(self) -> bool:
        """Whether the values of a text or whole-number column identify rows."""
        return self.type != "FLOAT" and self.distinct > max(MAX_VALUES, _ID_SHARE * self.present)


@dataclass(frozen=True)
class Roles:
    """What the model uses the columns for.

    Args:
      label: name of the label's column; default "".
      inputs: names of the columns that the model reads; default none. Without a label and inputs,
        every column is an input.
      slices: names of the columns that the Evaluator slices by; default none.
      buckets: number of values of an input by name, such as 24 for the hour; default none.
      time: name of the column with the time of a row; default "" for none.
    """

    label: str = ""
    inputs: Sequence[str] = ()
    slices: Sequence[str] = ()
    buckets: Mapping[str, int] = field(default_factory=dict)
    time: str = ""

    def role(self, name: str) -> str:
        """Return `label`, `input`, `slice` or "" for a column without a role.

        Args:
          name: name of the column.
        """
        if name == self.label:
            return "label"
        if not self.label and not self.inputs:
            return "input"
        if name in self.inputs:
            return "input"
        return "slice" if name in self.slices else ""


def infer(
    statistics: Iterable[ColumnStatistics],
    roles: Roles,
    curated: schema_pb2.Schema | None = None,
) -> schema_pb2.Schema:
    """Infer the schema of a table, or complete a curated schema.

    A column that the curated schema does not list is added. A listed column with a role gets what
    it does not state: presence, a domain or a range, and a drift comparator. An empty field, such
    as `drift_comparator { }`, states that there is none.

    Args:
      statistics: statistics of the columns in the train spans, in the order of the table.
      roles: what the model uses the columns for.
      curated: curated schema, which is not modified and whose statements are kept; default None
        for a new schema with the environments `TRAINING` and `SERVING`.

    Returns:
      The schema.

    Example:
      >>> columns = [ColumnStatistics("late", "INT", 100, 100, 2, minimum=0, maximum=1)]
      >>> infer(columns, Roles(label="late")).feature[0].int_domain.max
      1
    """
    schema = schema_pb2.Schema()
    if curated is None:
        schema.default_environment.extend([TRAINING, SERVING])
    else:
        schema.CopyFrom(curated)
    listed = {feature.name: feature for feature in schema.feature}
    for column in statistics:
        complete(listed.get(column.name) or _add(schema, column, roles), column, roles)
    return schema


def complete(feature: schema_pb2.Feature, column: ColumnStatistics, roles: Roles) -> None:
    """Add to a feature what it does not state and the statistics support.

    Args:
      feature: feature of the schema; changed in place.
      column: statistics of the same column; another type than the feature's changes nothing.
      roles: what the model uses the columns for; a column without a role has a type only.
    """
    role = roles.role(column.name)
    if schema_pb2.FeatureType.Name(feature.type) != column.type or not column.present or not role:
        return
    if not feature.HasField("presence"):
        _set_presence(feature, column, role)
    moving = column.name == roles.time
    if not feature.WhichOneof("domain_info") and not moving:
        _set_values(feature, column, roles.buckets.get(column.name))
    if not feature.HasField("drift_comparator") and not moving:
        _set_drift(feature, column)


def _add(schema: schema_pb2.Schema, column: ColumnStatistics, roles: Roles) -> schema_pb2.Feature:
    feature = schema.feature.add(name=column.name)
    feature.type = schema_pb2.FeatureType.Value(column.type)
    if roles.role(column.name) != "input":
        feature.not_in_environment.append(SERVING)  # requests need only the inputs
    return feature


def _set_presence(feature: schema_pb2.Feature, column: ColumnStatistics, role: str) -> None:
    missing = 1 - column.present / column.rows
    # Measurements fail, so a number without a gap so far may have one; a code or a count has none.
    if role == "label" or (not missing and column.type != "FLOAT"):
        share = 1.0
    else:
        # The next span is smaller than all train spans, so its share varies more.
        chance = 3 * math.sqrt(missing * (1 - missing) / _span_rows(column))
        slack = max(_PRESENCE_SLACK, missing, chance)
        share = math.floor(100 * max(0.0, 1 - missing - slack) + 1e-9) / 100
    if share:
        feature.presence.min_fraction = share
    feature.presence.min_count = 1


def _set_values(feature: schema_pb2.Feature, column: ColumnStatistics, buckets: int | None) -> None:
    if column.type == "BYTES":
        if _is_closed(column):
            feature.string_domain.value.extend(column.values or ())
        return
    low, high = column.minimum, column.maximum
    if low is None or high is None:
        return
    if buckets is not None:
        low, high = 0, buckets - 1
    elif column.type == "INT" and low >= 0 and high <= 1:
        low, high = 0, 1
    elif low == high:
        return
    else:
        low, high = _with_slack(low, high)
    if column.type == "INT":
        feature.int_domain.min = max(_INT64_MIN, math.floor(low))
        feature.int_domain.max = min(_INT64_MAX, math.ceil(high))
    else:
        feature.float_domain.min, feature.float_domain.max = low, high


def _is_closed(column: ColumnStatistics) -> bool:
    """Return whether the next span probably has the same values."""
    # The share of values that occur once estimates the share of new values (Good and Turing).
    new = column.single / column.spans + column.new
    return bool(column.values) and new < _MAX_NEW_VALUES


def _with_slack(low: float, high: float) -> tuple[float, float]:
    """Widen a range on both sides to round numbers; it does not cross zero."""
    width = high - low
    step = 10.0 ** (math.floor(math.log10(width)) - 1)
    below = math.floor((low - _SLACK * width) / step) * step
    above = math.ceil((high + _SLACK * width) / step) * step
    digits = max(0, round(-math.log10(step)))
    below, above = round(below, digits), round(above, digits)
    return (max(0, below) if low >= 0 else below), (min(0, above) if high <= 0 else above)


def _set_drift(feature: schema_pb2.Feature, column: ColumnStatistics) -> None:
    if column.constant or (column.type == "BYTES" and column.id_like):
        return
    rows = _span_rows(column)
    if column.type == "BYTES":
        minimum, chance = _MIN_INFINITY_NORM, math.sqrt(0.5 / rows)
    else:
        minimum, chance = _MIN_DIVERGENCE, _HISTOGRAM_BUCKETS / (4 * math.log(2) * rows)
    history = _HISTORY_FACTOR * (column.distance or 0)
    threshold = math.ceil(100 * max(minimum, history, _NOISE_FACTOR * chance)) / 100
    if threshold > _MAX_THRESHOLD:
        return
    if column.type == "BYTES":
        feature.drift_comparator.infinity_norm.threshold = threshold
    else:
        feature.drift_comparator.jensen_shannon_divergence.threshold = threshold


def _span_rows(column: ColumnStatistics) -> float:
    return max(1.0, column.rows / column.spans)
