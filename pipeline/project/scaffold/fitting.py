"""Check an inferred schema against the eval split, so that the first run is not refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tensorflow_metadata.proto.v0 import schema_pb2

from schema import columns
from schema.inference import ColumnStatistics

# Multiple of the measured distance, so that the next span passes too.
_DRIFT_SLACK = 1.5


def fit(
    schema: schema_pb2.Schema,
    evaluation: Sequence[ColumnStatistics],
    together: Sequence[ColumnStatistics],
) -> list[str]:
    """Loosen what the eval split breaks, and state it.

    The schema is inferred from the train split. A value of the eval split that breaks it is no
    error that the user can judge before there is a schema.

    Args:
      schema: inferred schema; changed in place.
      evaluation: statistics of the eval split.
      together: statistics of both splits, with the distance of the eval split.

    Returns:
      One sentence for every statement that is loosened.
    """
    features = {feature.name: feature for feature in schema.feature}
    changes: list[str] = []
    distances = {column.name: column.distance for column in together}
    for column in evaluation:
        feature = features[column.name]
        changes += _presence(feature, column)
        changes += _values(schema, feature, column)
        changes += _drift(feature, distances[column.name])
    return changes


def _presence(feature: schema_pb2.Feature, column: ColumnStatistics) -> Iterator[str]:
    share = column.present / column.rows
    if share < feature.presence.min_fraction:
        before = feature.presence.min_fraction
        feature.presence.min_fraction = int(50 * share) / 100
        yield (
            f"{column.name}: {share:.1%} of the eval rows have a value, and all but "
            f"{1 - before:.0%} of the train rows do; the schema requires "
            f"{feature.presence.min_fraction:.0%}"
        )
        if not feature.presence.min_fraction:
            feature.presence.ClearField("min_fraction")
    if not column.present:
        feature.ClearField("presence")


def _values(
    schema: schema_pb2.Schema, feature: schema_pb2.Feature, column: ColumnStatistics
) -> Iterator[str]:
    categories = columns.categories(schema, feature)
    if categories is not None:
        new = sorted(set(column.values or ()) - set(categories))
        if new or (column.values is None and column.present):
            feature.ClearField("string_domain")
            shown = ", ".join(new[:3]) or "many values"
            yield f"{column.name}: eval has {shown}, train does not; the schema lists no values"
        return
    low, high = columns.value_range(feature)
    below = low is not None and column.minimum is not None and column.minimum < low
    above = high is not None and column.maximum is not None and column.maximum > high
    if below or above:
        domain = feature.int_domain if feature.HasField("int_domain") else feature.float_domain
        if below:
            domain.ClearField("min")
        if above:
            domain.ClearField("max")
        yield (
            f"{column.name}: eval has {column.minimum:g} to {column.maximum:g}, outside of "
            f"{low:g} to {high:g}; the schema leaves this end open"
        )


def _drift(feature: schema_pb2.Feature, distance: float | None) -> Iterator[str]:
    comparator = feature.drift_comparator
    for name in ("infinity_norm", "jensen_shannon_divergence"):
        if distance is None or not comparator.HasField(name):
            continue
        norm = getattr(comparator, name)
        if _DRIFT_SLACK * distance <= norm.threshold:
            continue
        before = norm.threshold
        norm.threshold = round(_DRIFT_SLACK * distance + 0.005, 2)
        if distance > before:
            yield (
                f"{feature.name}: eval has the distance {distance:.2f} from train; the schema "
                f"allows {norm.threshold:g}"
            )
        if norm.threshold >= 1:
            feature.ClearField("drift_comparator")
