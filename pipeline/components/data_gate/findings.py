"""What TensorFlow Data Validation's anomalies mean."""

from __future__ import annotations

from collections.abc import Iterator

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from pipeline.findings import Finding
from schema import columns

_TYPE = anomalies_pb2.AnomalyInfo.Type

_KINDS = {
    "SCHEMA_MISSING_COLUMN": "missing_column",
    "FEATURE_TYPE_NOT_PRESENT": "missing_column",
    "SCHEMA_NEW_COLUMN": "new_column",
    "FEATURE_TYPE_LOW_FRACTION_PRESENT": "presence",
    "FEATURE_TYPE_LOW_NUMBER_PRESENT": "presence",
    "FEATURE_TYPE_NO_VALUES": "presence",
    "FEATURE_TYPE_LOW_NUMBER_VALUES": "presence",
    "INVALID_FEATURE_SHAPE": "presence",
    "ENUM_TYPE_UNEXPECTED_STRING_VALUES": "domain",
    "ENUM_TYPE_INVALID_UTF8": "domain",
    "INT_TYPE_BIG_INT": "range",
    "INT_TYPE_SMALL_INT": "range",
    "FLOAT_TYPE_BIG_FLOAT": "range",
    "FLOAT_TYPE_SMALL_FLOAT": "range",
    "FLOAT_TYPE_HAS_NAN": "number",
    "FLOAT_TYPE_HAS_INF": "number",
    "UNEXPECTED_DATA_TYPE": "type",
    "ENUM_TYPE_BYTES_NOT_STRING": "type",
    "ENUM_TYPE_FLOAT_NOT_STRING": "type",
    "ENUM_TYPE_INT_NOT_STRING": "type",
    "FLOAT_TYPE_NOT_FLOAT": "type",
    "FLOAT_TYPE_STRING_NOT_FLOAT": "type",
    "INT_TYPE_INT_EXPECTED": "type",
    "INT_TYPE_NOT_INT_STRING": "type",
    "INT_TYPE_NOT_STRING": "type",
    "INT_TYPE_STRING_EXPECTED": "type",
}
_WORDS = {"INT": "a whole number", "FLOAT": "a number", "BYTES": "text"}


def of_anomalies(
    anomalies: anomalies_pb2.Anomalies, schema: schema_pb2.Schema, split: str
) -> Iterator[Finding]:
    """Translate what ExampleValidator found in a split."""
    features = {feature.name: feature for feature in schema.feature}
    if anomalies.data_missing:
        yield Finding("rows", "", split, "no data", "rows", 0)
    for name, info in sorted(anomalies.anomaly_info.items()):
        for reason in info.reason:
            kind = _KINDS.get(_TYPE.Name(reason.type), "other")
            yield Finding(
                kind, name, split, reason.description, expected(kind, schema, features.get(name))
            )


def of_comparison(
    anomalies: anomalies_pb2.Anomalies, kind: str, split: str, control: str
) -> Iterator[Finding]:
    """Translate a comparison of a split's distributions with those of other data.

    Args:
      anomalies: of TFDV's drift or skew comparators.
      kind: `drift` or `skew`.
      split: the split that was compared.
      control: what it was compared with, in words.
    """
    for info in anomalies.drift_skew_info:
        for measured in info.drift_measurements or info.skew_measurements:
            if measured.value > measured.threshold:
                yield Finding(
                    kind,
                    ".".join(info.path.step),
                    split,
                    f"distance {measured.value:.3f} from {control}",
                    f"at most {measured.threshold:g}",
                )


def expected(kind: str, schema: schema_pb2.Schema, feature: schema_pb2.Feature | None) -> str:
    """Say in words what the schema expects of a column, as far as it concerns a kind."""
    if feature is None:
        return "no such column"
    if kind == "domain":
        values = columns.categories(schema, feature) or []
        shown = ", ".join(values[:8]) + (", …" if len(values) > 8 else "")
        return f"one of {shown} ({len(values)} values)"
    if kind == "range":
        low, high = columns.bounds(feature)
        return " and ".join(
            words
            for words in (
                "" if low is None else f"at least {low:g}",
                "" if high is None else f"at most {high:g}",
            )
            if words
        )
    if kind == "presence":
        share = feature.presence.min_fraction
        return "a value in every row" if share == 1 else f"a value in {share:.0%} of the rows"
    if kind == "number":
        return "a finite number of 32 bits"
    return _WORDS.get(schema_pb2.FeatureType.Name(feature.type), "as in the schema")
