"""A schema that follows the data, and columns of the model that it never takes out of use."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from schema import columns
from schema.fit import Proposal, fit
from schema.inference import ColumnStatistics, Roles

_ROLES = Roles("late", ("km", "city", "hour"), ("band",), {"hour": 24})
_BY_HAND = "presence { } drift_comparator { }"


def _number(name: str, low: float, high: float, **sizes: Any) -> ColumnStatistics:
    kind = "INT" if isinstance(low, int) else "FLOAT"
    counts = {"rows": 100, "present": 100, "distinct": 2} | sizes
    return ColumnStatistics(name, kind, minimum=low, maximum=high, **counts)


def _text(name: str, *values: str, **sizes: Any) -> ColumnStatistics:
    counts = {"rows": 100, "present": 100, "distinct": len(values)} | sizes
    return ColumnStatistics(name, "BYTES", values=values, **counts)


def _fit(
    features: str,
    train: list[ColumnStatistics],
    evaluation: list[ColumnStatistics] | None = None,
    samples: tuple[str, ...] = (),
) -> Proposal:
    splits = {"train": train, "eval": train if evaluation is None else evaluation}
    return fit(columns.parse(features), splits, _ROLES, lambda name, kind: samples)


def _feature(text: str) -> schema_pb2.Feature:
    return text_format.Parse(text, schema_pb2.Feature())


@pytest.mark.parametrize(
    ("feature", "column", "samples", "actual", "cure"),
    [
        ('name: "km" type: FLOAT', _text("km", "1,5"), ("1,5", "-1.234,5"),
         'text, such as "1,5", "-1.234,5"', 'set decimal = "," under [source]'),
        ('name: "km" type: FLOAT', _text("km", "n.a."), ("n.a.", "-"),
         'text, such as "n.a.", "-"', 'set nulls = ["n.a.", "-"] under [source]'),
        ('name: "km" type: INT', _text("km", "2.5"), ("2.5", "1e3"),
         'text, such as "2.5", "1e3"', "set type: FLOAT in the schema"),
        ('name: "km" type: FLOAT', _text("km", "1,5"), ("1,5", "-"),
         'text, such as "1,5", "-"', 'set nulls = ["-"] under [source] in the settings file, '
         'or leave these cells empty, and set decimal = ","'),
        ('name: "km" type: INT', _text("km", "1_000"), ("1_000",),
         'text, such as "1_000"', "without separators of thousands"),
        ('name: "km" type: FLOAT', _text("km", "€ 5"), ("€ 5", "7 km"),
         'text, such as "€ 5", "7 km"', "without signs and units"),
        ('name: "km" type: INT', _text("km", "1"), ("12345678901234567890",),
         'text, such as "12345678901234567890"', "list the column under categorical"),
        ('name: "km" type: INT', _text("km", "Yes"), ("Yes", "No"),
         'text, such as "Yes", "No"', "write 1 and 0 in the data"),
        ('name: "km" type: INT', _text("km", "Bonn"), ("Bonn",),
         'text, such as "Bonn"', 'nulls = ["Bonn"]'),
        ('name: "km" type: INT', _number("km", 1.0, 2.5), (), "a number", "set type: FLOAT"),
        ('name: "hour" type: INT', _number("hour", 1.0, 2.5), (), "a number", "write whole"),
        ('name: "city" type: BYTES', _number("city", 1, 2), (), "a whole number",
         "list the column under numeric or buckets"),
        ('name: "band" type: BYTES', _number("band", 1.5, 2.5), (), "a number", "type: FLOAT"),
        ('name: "late" type: INT', _text("late", "Yes", "No"), ("Yes", "No"),
         'text, such as "Yes", "No"', 'set positive = "…" in the features file'),
        ('name: "late" type: INT', _text("late", "1", "NA"), ("NA",),
         'text, such as "NA"', "or remove them"),
        ('name: "late" type: INT', _number("late", 0.0, 1.5), (), "a number", "0 and 1"),
    ],
)  # fmt: skip
def test_another_type_is_told_with_its_cure_and_changes_nothing(
    feature: str,
    column: ColumnStatistics,
    samples: tuple[str, ...],
    actual: str,
    cure: str,
) -> None:
    proposal = _fit(f"feature {{ {feature} }}", [column], samples=samples)
    [mismatch] = proposal.mismatches
    assert (mismatch.feature, mismatch.actual) == (column.name, actual)
    assert cure in mismatch.cure
    assert list(proposal.schema.feature) == [_feature(feature)]


@pytest.mark.parametrize("name", ["late", "km", "city", "band"])
def test_a_column_of_the_model_that_the_data_lacks_stays_in_use(name: str) -> None:
    kind = "BYTES" if name in ("city", "band") else "INT"
    stated = f'name: "{name}" type: {kind} presence {{ min_fraction: 1 }}'
    proposal = _fit(f"feature {{ {stated} }}", [_number(f"{name}s", 0, 1)])
    [mismatch] = proposal.mismatches
    assert mismatch.actual == f"no such column; did you mean {name}s?"
    assert "rename the column in the data" in mismatch.cure
    assert proposal.schema.feature[0] == _feature(stated)


@pytest.mark.parametrize("stage", ["DEPRECATED", "DISABLED", "PLANNED", "ALPHA", "DEBUG_ONLY"])
def test_a_column_of_the_model_that_is_out_of_use_is_told(stage: str) -> None:
    stated = f'name: "km" type: FLOAT lifecycle_stage: {stage}'
    proposal = _fit(f"feature {{ {stated} }}", [_text("km", "1,5")])
    [mismatch] = proposal.mismatches
    assert mismatch.actual == f"lifecycle_stage {stage} in the schema"
    assert mismatch.cure.startswith("remove lifecycle_stage from the schema")


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (_number("late", 0, 2), "values from 0 to 2"),
        (_number("late", -1, 1), "values from -1 to 1"),
        (_number("late", 0, 1, present=97), "no value in 3 rows of the train split"),
        (_number("late", 0, 1, present=0), "no value in any row of the train split"),
    ],
)
def test_the_label_is_never_widened(column: ColumnStatistics, expected: str) -> None:
    stated = (
        'name: "late" type: INT presence { min_fraction: 1 } int_domain { min: 0 max: 1 } '
        "drift_comparator { }"
    )
    proposal = _fit(f"feature {{ {stated} }}", [column], [_number("late", 0, 1)])
    [mismatch] = proposal.mismatches
    assert mismatch.actual == expected
    assert proposal.schema.feature[0] == _feature(stated)


def test_a_bucket_is_not_widened_past_the_features_file() -> None:
    stated = f'name: "hour" type: INT {_BY_HAND} int_domain {{ min: 0 max: 23 }}'
    [mismatch] = _fit(f"feature {{ {stated} }}", [_number("hour", 0, 24)]).mismatches
    assert "set hour = 25 under [buckets]" in mismatch.cure


@pytest.mark.parametrize(
    ("stated", "column", "changed"),
    [
        ('type: INT int_domain { min: 0 max: 9 }', _number("x", -1, 12),
         "type: INT int_domain { min: -1 max: 12 }"),
        ("type: INT int_domain { min: 0 }", _number("x", 3, 12), "type: INT int_domain { min: 0 }"),
        ("type: FLOAT float_domain { max: 9 }", _number("x", -1.0, 9.25),
         "type: FLOAT float_domain { max: 9.25 }"),
        ("type: INT bool_domain { }", _number("x", 0, 7), "type: INT int_domain { min: 0 max: 7 }"),
        ("type: INT bool_domain { }", _number("x", 0, 1), "type: INT bool_domain { }"),
        ('type: BYTES string_domain { value: "a" value: "c" }', _text("x", "b"),
         'type: BYTES string_domain { value: "a" value: "b" value: "c" }'),
        ('type: BYTES string_domain { value: "z" value: "c" }', _text("x", "b"),
         'type: BYTES string_domain { value: "z" value: "c" value: "b" }'),
        ("type: INT presence { min_fraction: 1 min_count: 1 }", _number("x", 1, 2, present=97),
         "type: INT presence { min_fraction: 0.97 min_count: 1 }"),
        ("type: INT presence { min_fraction: 1 min_count: 1 }",
         ColumnStatistics("x", "INT", 100, 0, 0), "type: INT presence { }"),
        ("type: INT shape { dim { size: 1 } }", _number("x", 1, 2, present=97),
         "type: INT value_count { min: 1 max: 1 }"),
        ("type: INT int_domain { min: 0 }", _number("x", 1.0, 2.5), "type: FLOAT"),
        ("type: INT drift_comparator { jensen_shannon_divergence { threshold: 0.1 } }",
         _text("x", "a"), "type: BYTES"),
        ("type: INT lifecycle_stage: DEPRECATED", _text("x", "a"),
         "type: INT lifecycle_stage: DEPRECATED"),
    ],
)  # fmt: skip
def test_a_column_without_a_role_follows_the_data(
    stated: str, column: ColumnStatistics, changed: str
) -> None:
    proposal = _fit(f'feature {{ name: "x" {stated} }}', [column])
    assert proposal.schema.feature[0] == _feature(f'name: "x" {changed}')
    assert not proposal.mismatches


def test_a_column_that_no_one_uses_may_disappear() -> None:
    required = 'name: "x" type: INT presence { min_fraction: 1 }'
    optional = 'name: "y" type: INT'
    serving = 'name: "z" type: INT presence { min_count: 1 } not_in_environment: "TRAINING"'
    features = "".join(f"feature {{ {text} }}" for text in (required, optional, serving))
    x, y, z = _fit(features, []).schema.feature
    assert x == _feature(f"{required} lifecycle_stage: DEPRECATED")
    assert (y, z) == (_feature(optional), _feature(serving))


def test_data_outside_the_environment_enters_it() -> None:
    [feature] = _fit(
        'default_environment: "TRAINING" '
        'feature { name: "x" type: INT not_in_environment: "TRAINING" }',
        [_number("x", 1, 2)],
    ).schema.feature
    assert feature == _feature('name: "x" type: INT')


def test_a_shared_domain_gets_the_values_of_every_column() -> None:
    schema = _fit(
        'feature { name: "x" type: BYTES domain: "d" } feature { name: "y" type: BYTES '
        'domain: "d" } string_domain { name: "d" value: "a" value: "c" }',
        [_text("x", "b"), _text("y", "d")],
    ).schema
    assert list(schema.string_domain[0].value) == ["a", "b", "c", "d"]


def test_more_values_than_a_list_may_have_end_the_list() -> None:
    many = ColumnStatistics("x", "BYTES", 9000, 9000, 4000)
    [feature] = _fit(
        'feature { name: "x" type: BYTES string_domain { value: "a" } }', [many]
    ).schema.feature
    assert feature == _feature('name: "x" type: BYTES')


def test_what_is_inferred_follows_the_train_split_alone() -> None:
    train = [_text("city", "Bonn", "Köln"), _number("km", 32.1, 59.6)]
    evaluation = [_text("city", "Bonn", "Ulm"), _number("km", -39.0, 50.0)]
    proposal = _fit(
        'feature { name: "city" type: BYTES } feature { name: "km" type: FLOAT }', train, evaluation
    )
    city, km = proposal.schema.feature
    assert list(city.string_domain.value) == ["Bonn", "Köln"]
    assert (km.float_domain.min, km.float_domain.max) == (18, 74)
    assert proposal.unmatched == ("city", "km"), "the user reviews the next difference"
    widened = fit(proposal.schema, {"train": train, "eval": evaluation}, _ROLES)
    assert list(widened.schema.feature[0].string_domain.value) == ["Bonn", "Köln", "Ulm"]
    assert widened.schema.feature[1].float_domain.min == -39
    assert widened.unmatched == ()


def test_a_hand_written_list_follows_both_splits() -> None:
    stated = f'name: "city" type: BYTES {_BY_HAND} string_domain {{ value: "Bonn" }}'
    proposal = _fit(f"feature {{ {stated} }}", [_text("city", "Bonn")], [_text("city", "Ulm")])
    assert list(proposal.schema.feature[0].string_domain.value) == ["Bonn", "Ulm"]


def test_an_empty_schema_gets_every_column() -> None:
    proposal = _fit("", [_number("late", 0, 1), _text("note", "a")], [_text("only_new", "b")])
    assert [feature.name for feature in proposal.schema.feature] == ["late", "note", "only_new"]


def test_a_bound_of_a_float_is_the_number_that_an_example_stores() -> None:
    [feature] = _fit(
        f'feature {{ name: "km" type: FLOAT {_BY_HAND} float_domain {{ max: 24.3 }} }}',
        [_number("km", 1.0, 24.3)],
    ).schema.feature
    assert feature.float_domain.max == pytest.approx(24.3, rel=1e-6)
    assert (
        _fit(
            f'feature {{ name: "km" type: FLOAT {_BY_HAND} float_domain {{ max: 24.3 }} }}',
            [_number("km", 1.0, 24.3)],
        ).unmatched
        == ()
    )
