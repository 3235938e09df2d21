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
            lambda schema: schema.feature[0].presence.Clear(),
            ["-  presence { min_fraction: 1.0 min_count: 1 }", "+  presence { }"],
        ),
        (
            lambda schema: schema.feature[0].annotation.tag.append("key"),
            ['+  annotation { tag: "key" }'],
        ),
    ],
    ids=[
        "a bound",
        "a value",
        "a column",
        "a comparator less",
        "nothing in a field",
        "an annotation more",
    ],
)
def test_a_change_touches_its_own_lines_only(change: object, lines: list[str]) -> None:
    schema = columns.load(_FILE)
    change(schema)  # type: ignore[operator]
    assert sorted(_changed_lines(_CURATED, text.update(_CURATED, schema))) == sorted(lines)


@pytest.mark.parametrize("broken", ["feature {", "nonsense: 1", 'feature { name: "a" '])
def test_an_invalid_text_is_refused(broken: str) -> None:
    with pytest.raises(ValueError, match=r"the schema's text ends within|no field named"):
        text.update(broken, schema_pb2.Schema())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("  type: INT  # whole\n", "  type: INT  # whole\n  presence { min_count: 1 }\n"),
        (
            "  type: INT  # {\n  # next\n",
            "  type: INT  # {\n  presence { min_count: 1 }\n  # next\n",
        ),
        ("  type: INT\n  # last\n", "  type: INT\n  presence { min_count: 1 }\n  # last\n"),
        ("  type: INT # a\n\n", "  type: INT # a\n  presence { min_count: 1 }\n\n"),
    ],
)
def test_a_new_line_comes_after_the_comment_behind_the_line_before(before: str, after: str) -> None:
    head, tail = 'feature {  # the first\n  name: "a"  # key\n', "}  # end\n# rest\n"
    schema = _parsed(head + before + tail)
    schema.feature[0].presence.min_count = 1
    assert text.update(head + before + tail, schema) == head + after + tail


def test_a_changed_line_keeps_the_comment_behind_it() -> None:
    before = 'feature {\n  name: "a"\n  type: INT  # whole\n}  # end\n'
    schema = _parsed(before)
    schema.feature[0].type = schema_pb2.FLOAT
    schema.feature.add(name="b", type=schema_pb2.INT)
    assert text.update(before, schema) == (
        before.replace("INT", "FLOAT") + 'feature {\n  name: "b"\n  type: INT\n}\n'
    )


def test_a_feature_in_one_line_becomes_several_lines_before_its_comment() -> None:
    before = 'feature { name: "km" type: FLOAT }  # kilometres\nfeature { name: "b" type: INT }\n'
    schema = _parsed(before)
    schema.feature[0].presence.min_count = 1
    assert text.update(before, schema) == (
        'feature {\n  name: "km"\n  type: FLOAT\n  presence { min_count: 1 }\n}  # kilometres\n'
        'feature { name: "b" type: INT }\n'
    )


def test_a_value_before_the_first_one_is_inserted() -> None:
    before = 'string_domain {\n  name: "d"\n  value: "b"  # big\n  value: "c"\n}'
    schema = _parsed(before)
    schema.string_domain[0].value.insert(0, "a")
    assert text.update(before, schema) == before.replace(
        '  value: "b"', '  value: "a"\n  value: "b"'
    )


def test_an_angle_bracket_and_an_empty_file_are_updated() -> None:
    before = 'feature <\n  name: "a"\n  type: INT\n>\n'
    schema = _parsed(before)
    schema.feature[0].presence.min_count = 1
    assert _parsed(text.update(before, schema)) == schema
    assert text.update("", schema) == text.write(schema)
    assert text.update("# mine\n", schema) == "# mine\n" + text.write(schema)


@settings(deadline=None)
@given(schemas())
def test_the_line_of_every_feature_is_exact(schema: schema_pb2.Schema) -> None:
    written = "# a { comment\n" + text.write(schema)
    rows = written.splitlines()
    lines = text.lines(written, schema)
    for index, _ in enumerate(schema.feature):
        assert rows[lines["feature", index] - 1] == "feature {"
