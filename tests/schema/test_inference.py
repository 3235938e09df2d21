"""What statistics of the train spans make of a schema, and what they leave as it is."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from schema import columns
from schema.inference import ColumnStatistics, Roles, infer
from tests.conftest import PROJECT

_ROLES = Roles("late", ("city", "km", "hour"), ("weekday",), {"hour": 24}, "started")


def _text(name: str, values: str, **statistics: Any) -> ColumnStatistics:
    listed = tuple(values.split())
    return ColumnStatistics(
        name, "BYTES", **({"rows": 1000, "present": 1000, "distinct": len(listed)} | statistics),
        values=listed,
    )  # fmt: skip


def _number(name: str, low: float, high: float, **statistics: Any) -> ColumnStatistics:
    kind = "INT" if isinstance(low, int) else "FLOAT"
    sizes = {"rows": 1000, "present": 1000, "distinct": 2 if low < high else 1}
    return ColumnStatistics(name, kind, **(sizes | statistics), minimum=low, maximum=high)


def _feature(column: ColumnStatistics, listed: str = "") -> schema_pb2.Feature:
    curated = text_format.Parse(listed, schema_pb2.Schema()) if listed else None
    return infer([column], _ROLES, curated).feature[0]


def _expected(text: str) -> schema_pb2.Feature:
    return text_format.Parse(text, schema_pb2.Feature())


def test_a_text_input_gets_its_values_and_a_comparator_for_text() -> None:
    assert _feature(_text("city", "Bonn Köln")) == _expected(
        'name: "city" type: BYTES string_domain { value: "Bonn" value: "Köln" } '
        "presence { min_fraction: 1 min_count: 1 } "
        "drift_comparator { infinity_norm { threshold: 0.15 } }"
    )


def test_a_number_gets_a_range_with_slack_and_a_comparator_for_numbers() -> None:
    assert _feature(_number("km", 32.1, 59.6)) == _expected(
        'name: "km" type: FLOAT float_domain { min: 18 max: 74 } '
        "presence { min_fraction: 0.95 min_count: 1 } "
        "drift_comparator { jensen_shannon_divergence { threshold: 0.3 } }"
    )


def test_the_label_is_zero_or_one_in_every_row_and_not_in_requests() -> None:
    assert _feature(_number("late", 0, 1)) == _expected(
        'name: "late" type: INT int_domain { min: 0 max: 1 } '
        'presence { min_fraction: 1 min_count: 1 } not_in_environment: "SERVING" '
        "drift_comparator { jensen_shannon_divergence { threshold: 0.3 } }"
    )


@pytest.mark.parametrize("name", ["note", "started"])
def test_a_column_without_a_role_has_a_type_only(name: str) -> None:
    assert _feature(_text(name, "a b")) == _expected(
        f'name: "{name}" type: BYTES not_in_environment: "SERVING"'
    )


def test_without_roles_every_column_may_be_an_input() -> None:
    feature = infer([_text("note", "a b")], Roles()).feature[0]
    assert list(feature.string_domain.value) == ["a", "b"]
    assert not feature.not_in_environment


@pytest.mark.parametrize(
    ("low", "high", "bounds"),
    [
        (80, 4983, (0, 7500)),
        (-4, 12, (-12, 20)),
        (-10, -2, (-14, 0)),
        (0, 1, (0, 1)),
        (0, 0, (0, 1)),
        (7, 7, None),
        (980.5, 1041.5, (950, 1072)),
        (0.001, 0.0015, (0.00075, 0.00175)),
        (-(2**63), 2**63 - 1, (-(2**63), 2**63 - 1)),
    ],
)
def test_a_range_has_slack_on_the_side_of_zero_only(
    low: float, high: float, bounds: tuple[float, float] | None
) -> None:
    feature = _feature(_number("km", low, high))
    domain = feature.int_domain if isinstance(low, int) else feature.float_domain
    assert (feature.WhichOneof("domain_info") is None) == (bounds is None)
    if bounds is not None:
        assert (domain.min, domain.max) == pytest.approx(bounds)


def test_a_bucket_has_the_range_of_the_features_file() -> None:
    domain = _feature(_number("hour", 5, 21)).int_domain
    assert (domain.min, domain.max) == (0, 23)


@pytest.mark.parametrize(
    "statistics",
    [
        {"single": 1},
        {"single": 3, "spans": 2},
        {"new": 1, "spans": 5},
    ],
    ids=["a value occurs once", "new values are likely", "the last span has a new value"],
)
def test_an_open_list_of_values_is_no_domain(statistics: dict[str, int]) -> None:
    feature = _feature(_text("city", "Bonn Köln", **statistics))
    assert not feature.HasField("string_domain")
    assert feature.drift_comparator.HasField("infinity_norm")


def test_a_rare_value_in_many_spans_is_part_of_a_domain() -> None:
    assert _feature(_text("city", "Bonn Köln", single=1, spans=12)).HasField("string_domain")


def test_many_values_and_ids_get_no_domain_and_ids_no_comparator() -> None:
    many = ColumnStatistics("city", "BYTES", 9000, 9000, 400)
    ids = ColumnStatistics("city", "BYTES", 9000, 9000, 8900)
    assert not _feature(many).HasField("string_domain")
    assert _feature(many).HasField("drift_comparator")
    assert ids.id_like and not many.id_like
    assert not _feature(ids).HasField("drift_comparator")


@pytest.mark.parametrize(
    ("present", "rows", "kind", "share"),
    [
        (1000, 1000, 5, 1.0),
        (1000, 1000, 5.0, 0.95),
        (970, 1000, 5.0, 0.92),
        (700, 1000, 5, 0.4),
        (400, 1000, 5.0, 0.0),
        (48, 50, 5, 0.87),
    ],
)
def test_presence_has_slack_where_values_are_missing(
    present: int, rows: int, kind: float, share: float
) -> None:
    presence = _feature(_number("km", kind, kind * 2, rows=rows, present=present)).presence
    assert presence.min_fraction == pytest.approx(share)
    assert presence.min_count == 1


@pytest.mark.parametrize(
    ("statistics", "threshold"),
    [
        ({}, 0.3),
        ({"distance": 0.1}, 0.3),
        ({"distance": 0.25}, 0.5),
        ({"distance": 0.6}, None),
        ({"rows": 40, "present": 40}, 0.37),
        ({"distinct": 1}, None),
    ],
)
def test_a_threshold_is_above_the_distances_of_the_train_spans_and_of_chance(
    statistics: dict[str, float], threshold: float | None
) -> None:
    comparator = _feature(_number("km", 1.0, 9.0, **statistics)).drift_comparator
    if threshold is None:
        assert not comparator.HasField("jensen_shannon_divergence")
    else:
        assert comparator.jensen_shannon_divergence.threshold == pytest.approx(threshold)


def test_what_is_written_by_hand_stays() -> None:
    by_hand = (
        'feature { name: "km" type: FLOAT presence { } float_domain { min: 0 max: 9 } '
        "drift_comparator { } }"
    )
    assert _feature(_number("km", 1.0, 900.0), by_hand) == _expected(by_hand[9:-1])


def test_a_listed_column_gets_only_what_it_does_not_state() -> None:
    assert _feature(
        _number("km", 1.0, 9.0), 'feature { name: "km" type: FLOAT float_domain { max: 5 } }'
    ) == _expected(
        'name: "km" type: FLOAT float_domain { max: 5 } '
        "presence { min_fraction: 0.95 min_count: 1 } "
        "drift_comparator { jensen_shannon_divergence { threshold: 0.3 } }"
    )
    shared = 'feature { name: "city" type: BYTES domain: "cities" drift_comparator { } }'
    assert _feature(_text("city", "Bonn"), shared).domain == "cities"


@pytest.mark.parametrize(
    ("column", "listed"),
    [
        (_text("km", "1,5 2,5"), 'feature { name: "km" type: FLOAT }'),
        (_number("km", 1.0, 2.0, present=0), 'feature { name: "km" type: FLOAT }'),
        (_text("note", "a b"), 'feature { name: "note" type: BYTES }'),
    ],
    ids=["another type", "no value", "no role"],
)
def test_a_column_that_the_statistics_do_not_describe_stays(
    column: ColumnStatistics, listed: str
) -> None:
    assert _feature(column, listed) == _expected(listed[9:-1])


def test_the_time_of_a_row_has_no_range_and_no_comparator() -> None:
    roles = Roles("late", ("started",), time="started")
    feature = infer([_number("started", 1, 9)], roles).feature[0]
    assert feature.WhichOneof("domain_info") is None
    assert not feature.HasField("drift_comparator")
    assert feature.presence.min_fraction == 1


def test_the_flights_schema_states_everything_so_nothing_is_inferred() -> None:
    schema = columns.load(PROJECT / "schema/schema.pbtxt")
    flights = Roles("late", [feature.name for feature in schema.feature][:20], ("hour_band",))
    measured = [
        ColumnStatistics(
            feature.name,
            schema_pb2.FeatureType.Name(feature.type), 1000, 1000, 50,
            values=("a", "b") if feature.type == schema_pb2.BYTES else None,
            minimum=0, maximum=9,
        )
        for feature in schema.feature
    ]  # fmt: skip
    assert infer(measured, flights, schema) == schema


def test_a_new_schema_states_both_environments() -> None:
    schema = infer([], Roles())
    assert list(schema.default_environment) == ["TRAINING", "SERVING"]


def test_tensorflow_is_not_imported() -> None:
    code = "import sys, schema.inference\nsys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True)
