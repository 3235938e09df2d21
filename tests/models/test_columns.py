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
