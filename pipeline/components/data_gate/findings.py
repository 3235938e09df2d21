"""Turn TensorFlow Data Validation's anomalies into findings."""

from __future__ import annotations

from collections.abc import Iterator

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from pipeline.findings import Finding
from schema import columns
from schema.messages import expected as messages

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
    "BOOL_TYPE_BIG_INT": "range",
    "BOOL_TYPE_SMALL_INT": "range",
    "BOOL_TYPE_UNEXPECTED_STRING": "domain",
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


def from_anomalies(
    anomalies: anomalies_pb2.Anomalies, schema: schema_pb2.Schema, split: str
) -> Iterator[Finding]:
    """Yield the findings for a split's anomalies.

    Args:
      anomalies: ExampleValidator's anomalies of the split.
      schema: the curated schema.
      split: name of the split.

    Yields:
      A finding for every reason of an anomaly.
    """
    features = {feature.name: feature for feature in schema.feature}
    if anomalies.data_missing:
        yield Finding("rows", "", split, "no data", "rows", 0)
    for key, info in sorted(anomalies.anomaly_info.items()):
        # TFDV puts parentheses around a name with a point, so the key is not always the name.
        name = ".".join(info.path.step) or key
        for reason in info.reason:
            kind = _KINDS.get(_TYPE.Name(reason.type), "other")
            yield Finding(
                kind, name, split, reason.description, expected(kind, schema, features.get(name))
            )


def from_comparison(
    anomalies: anomalies_pb2.Anomalies, kind: str, split: str, control: str
) -> Iterator[Finding]:
    """Yield the findings for a comparison of a split's distributions with those of other data.

    Args:
      anomalies: result of TFDV's drift or skew comparators.
      kind: `drift` or `skew`.
      split: name of the split.
      control: name of the other data, for the finding.

    Yields:
      A finding for every column whose distance exceeds its threshold.
    """
    for info in anomalies.drift_skew_info:
        for measurement in info.drift_measurements or info.skew_measurements:
            if measurement.value > measurement.threshold:
                yield Finding(
                    kind,
                    ".".join(info.path.step),
                    split,
                    f"distance {measurement.value:.3f} from {control}",
                    f"at most {measurement.threshold:g}",
                )


def expected(kind: str, schema: schema_pb2.Schema, feature: schema_pb2.Feature | None) -> str:
    """Return a text for what the schema requires of a column.

    Args:
      kind: kind of the finding, which selects the rule of the schema.
      schema: the curated schema.
      feature: the column in the schema; None for a column that the schema does not have.
    """
    if feature is None:
        return "no such column"
    if kind == "domain":
        return messages.one_of(columns.categories(schema, feature) or [])
    if kind == "range":
        return messages.bounds(feature)
    if kind == "presence":
        share = feature.presence.min_fraction
        return "a value in every row" if share == 1 else f"a value in {share:.0%} of the rows"
    if kind == "number":
        return "a finite 32-bit number"
    if kind == "missing_column":
        return f"a column of {messages.type_of(feature)}"
    return messages.type_of(feature)
