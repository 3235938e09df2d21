"""The features file against the schema."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from models import columns, features
from tests.conftest import PROJECT


def _schema(file: Path) -> schema_pb2.Schema:
    return text_format.Parse(file.read_text(), schema_pb2.Schema())


def test_the_flights_fit_their_schema() -> None:
    flights = features.load(PROJECT / "models/flights.toml")
    assert not list(columns.mismatches(flights, _schema(PROJECT / "schema/schema.pbtxt")))


@pytest.mark.parametrize(
    ("role", "message"),
    [
        ({"label": "lates"}, "no label column lates; did you mean late?"),
        ({"label": "carrier"}, "label column carrier is BYTES in the schema; it must be INT"),
        ({"label": "hour"}, r"label column hour must be in every row and 0 or 1"),
        ({"numeric": ["zzz"]}, "no numeric column zzz"),
        ({"numeric": ["origin"]}, "numeric column origin is BYTES .* must be FLOAT or INT"),
        ({"buckets": {"temp": 9}}, "bucket column temp is FLOAT .* must be INT"),
        ({"categorical": ["hour"]}, "categorical column hour is INT .* must be BYTES"),
        ({"slices": ["hour_bands"]}, "no slice column hour_bands; did you mean hour_band?"),
    ],
)
def test_a_column_that_does_not_fit_is_named(role: dict[str, object], message: str) -> None:
    changed = features.Features.model_validate({"label": "late", "numeric": ["distance"]} | role)
    [problem] = columns.mismatches(changed, _schema(PROJECT / "schema/schema.pbtxt"))
    assert re.search(message, problem)


@pytest.mark.parametrize(
    ("column", "statement", "message"),
    [
        *[
            (column, f"lifecycle_stage: {stage}", f"has lifecycle_stage: {stage} in the schema")
            for column in ("late", "distance", "hour", "carrier", "hour_band")
            for stage in ("PLANNED", "ALPHA", "DEBUG_ONLY", "DEPRECATED", "DISABLED")
        ],
        ("distance", "deprecated: true", "has deprecated: true in the schema"),
        ("distance", "lifecycle_stage: VALIDATION_DERIVED", "so no component reads it; remove"),
        ("late", 'not_in_environment: "TRAINING"', "the model reads it in every row; remove"),
        ("hour_band", 'not_in_environment: "TRAINING"', "the model reads it in every row"),
        ("distance", 'not_in_environment: "TRAINING"', 'not_in_environment: "TRAINING"'),
        ("distance", 'not_in_environment: "SERVING"', "the model reads it in requests; remove"),
        ("distance", "type: BYTES", "numeric column distance is BYTES in the schema"),
    ],
)
def test_a_column_that_the_schema_takes_out_of_use_is_named(
    column: str, statement: str, message: str
) -> None:
    schema = _schema(PROJECT / "schema/schema.pbtxt")
    [feature] = [feature for feature in schema.feature if feature.name == column]
    feature.MergeFrom(text_format.Parse(statement, schema_pb2.Feature()))
    flights = features.load(PROJECT / "models/flights.toml")
    [problem] = columns.mismatches(flights, schema)
    assert message in problem
    assert f"column {column} " in problem


@pytest.mark.parametrize("stage", ["UNKNOWN_STAGE", "BETA", "PRODUCTION"])
def test_a_column_in_use_fits(stage: str) -> None:
    schema = _schema(PROJECT / "schema/schema.pbtxt")
    schema.feature[0].lifecycle_stage = schema_pb2.LifecycleStage.Value(stage)
    flights = features.load(PROJECT / "models/flights.toml")
    assert not list(columns.mismatches(flights, schema))


def test_columns_outside_the_default_environment_are_named() -> None:
    schema = _schema(PROJECT / "schema/schema.pbtxt")
    schema.default_environment[:] = ["SERVING"]
    schema.feature[0].in_environment.append("TRAINING")
    flights = features.load(PROJECT / "models/flights.toml")
    problems = list(columns.mismatches(flights, schema))
    assert problems[0] == (
        "label column late is not in the environment TRAINING of the schema; "
        'add default_environment: "TRAINING"'
    )
    assert not any("column carrier" in problem for problem in problems)
