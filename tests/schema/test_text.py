"""An update of a schema file keeps its unchanged parts."""

from __future__ import annotations

import difflib

import pytest
from google.protobuf import text_format
from hypothesis import given, settings
from tensorflow_metadata.proto.v0 import schema_pb2

from schema import columns, text
from tests.conftest import PROJECT
from tests.schema.schemas import schemas

_FILE = PROJECT / "schema/schema.pbtxt"
_CURATED = _FILE.read_text(encoding="utf-8")


def _parsed(written: str) -> schema_pb2.Schema:
    return text_format.Parse(written, schema_pb2.Schema())


def _changed_lines(before: str, after: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


@settings(deadline=None)
@given(schemas())
def test_a_written_schema_is_read_back(schema: schema_pb2.Schema) -> None:
    written = text.write(schema)
    assert _parsed(written) == schema
    assert text.write(_parsed(written)) == written


@settings(deadline=None)
@given(schemas(), schemas())
def test_any_schema_can_be_written_into_any_other(
    before: schema_pb2.Schema, after: schema_pb2.Schema
) -> None:
    old = text.write(before)
    new = text.update(old, after)
    assert _parsed(new) == after
    assert text.update(new, after) == new
    assert _parsed(text.update(new, before)) == before


@settings(deadline=None)
@given(schemas())
def test_an_unchanged_schema_keeps_every_byte(schema: schema_pb2.Schema) -> None:
    by_library = "# a comment\n" + text_format.MessageToString(schema, as_utf8=True)
    for written in (text.write(schema), by_library, _CURATED):
        assert text.update(written, _parsed(written)) == written


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        (
            lambda schema: setattr(schema.feature[3].int_domain, "max", 7000),
            ["-  int_domain { min: 50 max: 6000 }", "+  int_domain { min: 50 max: 7000 }"],
        ),
        (
            lambda schema: schema.string_domain[0].value.insert(1, "9Z"),
            ['+  value: "9Z"'],
        ),
        (
            lambda schema: schema.feature.add(name="fare", type=schema_pb2.FLOAT),
            ["+feature {", '+  name: "fare"', "+  type: FLOAT", "+}"],
        ),
        (
            lambda schema: schema.feature[0].ClearField("drift_comparator"),
            ["-  drift_comparator { infinity_norm { threshold: 0.05 } }"],
        ),
        (
            lambda schema: schema.feature[0].annotation.tag.append("key"),
            ['+  annotation { tag: "key" }'],
        ),
    ],
    ids=["a bound", "a value", "a column", "a comparator less", "an annotation more"],
)
def test_a_change_touches_its_own_lines_only(change: object, lines: list[str]) -> None:
    schema = columns.load(_FILE)
    change(schema)  # type: ignore[operator]
    assert sorted(_changed_lines(_CURATED, text.update(_CURATED, schema))) == sorted(lines)


@pytest.mark.parametrize("broken", ["feature {", "nonsense: 1", 'feature { name: "a" '])
def test_an_invalid_text_is_refused(broken: str) -> None:
    with pytest.raises(ValueError, match=r"the schema's text ends within|no field named"):
        text.update(broken, schema_pb2.Schema())
