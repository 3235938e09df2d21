"""Reading the columns of the curated schema."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from schema import columns


def _schema(text: str) -> schema_pb2.Schema:
    return text_format.Parse(text, schema_pb2.Schema())


@pytest.mark.parametrize(
    ("feature", "values"),
    [
        ('string_domain { value: "a" value: "b" }', ["a", "b"]),
        ('domain: "shared"', ["c"]),
        ("type: BYTES", None),
    ],
)
def test_categories_are_those_of_the_feature_or_of_a_shared_domain(
    feature: str, values: list[str] | None
) -> None:
    schema = _schema(
        f'feature {{ name: "x" {feature} }} string_domain {{ name: "shared" value: "c" }}'
    )
    assert columns.categories(schema, schema.feature[0]) == values


@pytest.mark.parametrize(
    ("feature", "expected"),
    [
        ("int_domain { min: 0 max: 9 }", (0, 9)),
        ("float_domain { max: 1.5 }", (None, 1.5)),
        ("type: INT", (None, None)),
    ],
)
def test_a_range_may_be_open(feature: str, expected: tuple[float | None, float | None]) -> None:
    assert columns.value_range(_schema(f'feature {{ name: "x" {feature} }}').feature[0]) == expected


@pytest.mark.parametrize("content", ["feature { nam: 1 }", 'feature { name: "x" domain: "gone" }'])
def test_an_invalid_schema_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "schema.pbtxt").write_text(content)
    with pytest.raises(ValueError, match=r"nam|gone"):
        columns.load(tmp_path / "schema.pbtxt")
