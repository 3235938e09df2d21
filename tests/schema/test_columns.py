"""Reading the columns of the curated schema."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from schema import columns, text


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


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("end", ["", "\n"])
def test_a_file_of_any_editor_is_read(tmp_path: Path, mark: str, line_end: str, end: str) -> None:
    content = f'# Zürich\nfeature {{\n  name: "a"  # {{\n  type: INT\n}}{end}'
    (tmp_path / "schema.pbtxt").write_bytes((mark + content.replace("\n", line_end)).encode())
    assert columns.types(columns.load(tmp_path / "schema.pbtxt")) == {"a": "INT"}
    read = text.read(tmp_path / "schema.pbtxt")
    assert read.content == content
    assert read.encode(content).encode() == (tmp_path / "schema.pbtxt").read_bytes()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("feature { }".encode("utf-16"), "expected UTF-8, got UTF-16"),
        ("\n# Zürich".encode("latin-1"), "line 2: expected UTF-8, got the byte 0xfc"),
    ],
)
def test_a_file_in_another_encoding_is_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "schema.pbtxt").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        columns.load(tmp_path / "schema.pbtxt")


@pytest.mark.parametrize("content", ["feature { nam: 1 }", 'feature { name: "x" domain: "gone" }'])
def test_an_invalid_schema_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "schema.pbtxt").write_text(content)
    with pytest.raises(ValueError, match=r"nam|gone"):
        columns.load(tmp_path / "schema.pbtxt")
