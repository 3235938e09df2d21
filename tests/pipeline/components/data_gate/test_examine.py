"""DataGate's findings about real flights that a test spoils."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from tensorflow_metadata.proto.v0 import schema_pb2

from models.features import Features
from pipeline.components.data_gate.examine import Clock, Examination
from pipeline.findings import Finding
from pipeline.sources.layout import Layout
from schema import columns, policy
from tests.conftest import PROJECT, span_file
from tests.pipeline.components.data_gate.looking import look, statistics

SCHEMA = columns.load(PROJECT / "schema" / "schema.pbtxt")
POLICY = policy.load(PROJECT / "schema" / "policy.toml")
LENIENT = POLICY.model_copy(
    update={"limits": POLICY.limits.model_copy(update={"min_rows": 100, "max_age_days": 40})}
)

Tables = dict[str, pa.Table]


def _month(flights: Layout, span: int) -> pa.Table:
    return pq.read_table(span_file(flights, span))


def _sample(table: pa.Table, rows: int) -> pa.Table:
    chosen = np.random.default_rng(1).choice(len(table), rows, replace=False)
    return table.take(np.sort(chosen))


@pytest.fixture
def tables(flights: Layout) -> Tables:
    """A sample of two months: small enough to be quick, large enough for stable shares."""
    return {
        "train": _sample(_month(flights, 201301), 2500),
        "eval": _sample(_month(flights, 201302), 2500),
    }


def _set(table: pa.Table, column: str, values: pa.Array) -> pa.Table:
    return table.set_column(table.schema.get_field_index(column), column, values)


def _first(table: pa.Table, column: str, value: Any, rows: int = 3) -> pa.Table:
    values = table[column].to_pylist()
    values[:rows] = [value] * rows
    return _set(table, column, pa.array(values))


def _repeated(table: pa.Table) -> pa.Table:
    """Return the same rows with later row numbers in the file."""
    rows = pc.add(table["_source_row"], 1_000_000)
    return _set(table, "_source_row", rows).cast(table.schema)


def _findings(
    examination: Examination, action: str = "stop"
) -> list[tuple[str, str, str, int | None]]:
    return [
        (
            verdict.finding.kind,
            verdict.finding.feature,
            verdict.finding.split,
            verdict.finding.rows,
        )
        for verdict in examination.with_action(action)
    ]


def _stopping(examination: Examination) -> list[Finding]:
    return [verdict.finding for verdict in examination.with_action("stop")]


@pytest.mark.slow
@pytest.mark.parametrize("span", [201304])
def test_real_months_pass(flights: Layout, tmp_path: Path, span: int) -> None:
    tables = {
        "train": pa.concat_tables(_month(flights, month) for month in range(span - 3, span)),
        "eval": _month(flights, span),
    }
    before = _month(flights, span - 1)
    pq.write_table(before, tmp_path / "before.parquet")
    examination = look(
        tmp_path,
        tables,
        SCHEMA,
        POLICY,
        span=span,
        accepted=statistics(tmp_path / "before.parquet", SCHEMA),
    )
    assert _findings(examination) == []
    assert examination.passed
    assert examination.counts == {name: len(table) for name, table in tables.items()}


def test_a_sample_of_flights_passes(tables: Tables, tmp_path: Path) -> None:
    assert _findings(look(tmp_path, tables, SCHEMA, LENIENT)) == []


@pytest.mark.parametrize(
    ("spoil", "kind", "column", "rows"),
    [
        (lambda t: _first(t, "carrier", "ZZ"), "domain", "carrier", 3),
        (lambda t: _first(t, "distance", 99_999), "range", "distance", 3),
        (lambda t: _first(t, "carrier", None), "presence", "carrier", 3),
        (lambda t: _first(t, "temp", 1e308), "number", "temp", 3),
        (lambda t: _first(t, "temp", float("nan")), "number", "temp", 3),
        (lambda t: _first(t, "temp", float("-inf")), "number", "temp", 3),
        (lambda t: t.drop(["origin"]), "missing_column", "origin", None),
        (lambda t: t.append_column("gate", t["origin"]), "new_column", "gate", None),
        (
            lambda t: _first(_set(t, "distance", t["distance"].cast(pa.string())), "distance", "x"),
            "type",
            "distance",
            3,
        ),
        (lambda t: _set(t, "late", pa.array([0] * len(t))), "label", "late", None),
        (lambda t: pa.concat_tables([t, _repeated(t.slice(0, 500))]), "duplicates", "", 500),
        (lambda t: t.slice(0, 50), "rows", "", 50),
    ],
)
def test_a_spoiled_split_stops_the_run(
    tables: Tables,
    tmp_path: Path,
    spoil: Callable[[pa.Table], pa.Table],
    kind: str,
    column: str,
    rows: int | None,
) -> None:
    tables["train"] = spoil(tables["train"])
    examination = look(tmp_path, tables, SCHEMA, LENIENT)
    assert not examination.passed
    assert (kind, column, "train", rows) in _findings(examination)
    [finding] = [finding for finding in _stopping(examination) if finding.kind == kind]
    assert finding.actual and finding.expected


@pytest.mark.parametrize(
    "empty",
    [lambda t: _set(t, "seats", pa.nulls(len(t), pa.int64())), lambda t: t.drop(["seats"])],
    ids=["every value missing", "no column"],
)
def test_an_input_may_miss_values_but_not_all(
    tables: Tables, tmp_path: Path, empty: Callable[[pa.Table], pa.Table]
) -> None:
    schema = schema_pb2.Schema()
    schema.CopyFrom(SCHEMA)
    next(feature for feature in schema.feature if feature.name == "seats").ClearField("presence")
    some = {**tables, "train": _first(tables["train"], "seats", None)}
    with_seats = Features(label="late", numeric=("seats", "distance"))
    assert look(tmp_path, some, schema, LENIENT, with_seats).passed
    none = {**tables, "train": empty(tables["train"])}
    examination = look(tmp_path, none, schema, LENIENT, with_seats)
    [verdict] = examination.with_action("stop")
    assert (verdict.finding.kind, verdict.finding.feature) == ("empty", "seats")
    assert look(tmp_path, none, schema, LENIENT).passed, (
        "a column that is not an input may be empty"
    )


def test_offending_rows_are_named_by_file_and_row(tables: Tables, tmp_path: Path) -> None:
    tables["eval"] = _first(tables["eval"], "carrier", "ZZ", 2)
    first, second = sorted(tables["eval"]["_source_row"].to_pylist()[:2])
    examination = look(tmp_path, tables, SCHEMA, LENIENT)
    bad = [(row.file, row.row, row.column, row.actual) for row in examination.rows]
    assert bad == [
        ("flights.csv", str(first), "carrier", "ZZ"),
        ("flights.csv", str(second), "carrier", "ZZ"),
    ]
    assert examination.rows[0].expected.startswith("one of 9E, AA")
    assert '"carrier":"ZZ"' in examination.rows[0].content


def test_no_more_rows_are_kept_than_the_policy_says(tables: Tables, tmp_path: Path) -> None:
    limits = LENIENT.limits.model_copy(update={"quarantine_rows": 5})
    tables["eval"] = _first(tables["eval"], "carrier", "ZZ", 9)
    examination = look(tmp_path, tables, SCHEMA, LENIENT.model_copy(update={"limits": limits}))
    assert len(examination.rows) == 5
    assert ("domain", "carrier", "eval", 9) in _findings(examination)


def test_drift_is_found_against_training_and_against_the_last_span(
    flights: Layout, tables: Tables, tmp_path: Path
) -> None:
    from_newark = pc.equal(tables["eval"]["origin"], "EWR")
    file = tmp_path / "accepted.parquet"
    pq.write_table(tables["eval"], file)
    accepted = statistics(file, SCHEMA)
    tables["eval"] = tables["eval"].filter(from_newark)
    examination = look(tmp_path, tables, SCHEMA, LENIENT, accepted=accepted)
    drifts = [finding for finding in _stopping(examination) if finding.kind == "drift"]
    assert "origin" in {drift.feature for drift in drifts}
    assert {drift.split for drift in drifts} == {"eval"}
    alone = look(tmp_path, tables | {"train": tables["eval"]}, SCHEMA, LENIENT, accepted=accepted)
    [drift] = [finding for finding in _stopping(alone) if finding.feature == "origin"]
    assert "from the last span" in drift.actual and drift.expected == "at most 0.05"


def test_skew_is_found_against_logged_requests(tables: Tables, tmp_path: Path) -> None:
    file = tmp_path / "served.parquet"
    pq.write_table(tables["eval"].filter(pc.equal(tables["eval"]["origin"], "EWR")), file)
    served = statistics(file, SCHEMA)
    examination = look(tmp_path, tables, SCHEMA, LENIENT, served=served)
    assert "origin" in {feature for kind, feature, _, _ in _findings(examination) if kind == "skew"}


@pytest.mark.parametrize(("span", "fresh"), [(201302, True), (201303, False), (201301, False)])
def test_the_newest_event_must_be_near_the_end_of_the_span(
    flights: Layout, tables: Tables, tmp_path: Path, span: int, fresh: bool
) -> None:
    limits = LENIENT.limits.model_copy(update={"max_age_days": 1.0})
    examination = look(
        tmp_path, tables, SCHEMA, LENIENT.model_copy(update={"limits": limits}), span=span
    )
    assert (
        ("freshness", "scheduled_departure", "eval", None) in _findings(examination)
    ) is not fresh


def test_the_policy_decides(tables: Tables, tmp_path: Path) -> None:
    tables["eval"] = _first(tables["eval"], "carrier", "ZZ")
    for action in ("warn", "ignore"):
        rule = policy.Rule(action=action, reason="a new airline is welcome")
        kinds = LENIENT.kinds.model_copy(update={"domain": rule})
        examination = look(tmp_path, tables, SCHEMA, LENIENT.model_copy(update={"kinds": kinds}))
        assert examination.passed
        assert _findings(examination, action) == [("domain", "carrier", "eval", 3)]
        assert examination.rows == ()


@pytest.mark.parametrize(
    ("span", "zone", "fresh"),
    [
        (20130228, "America/New_York", True),
        (20131, "America/New_York", False),
        (2013009, "America/New_York", False),
        (20130226, "America/New_York", False),
        (2013022823, "America/New_York", True),
        (2013022617, "America/New_York", False),
    ],
)
def test_the_newest_event_is_compared_in_the_time_zone(
    tables: Tables, tmp_path: Path, span: int, zone: str, fresh: bool
) -> None:
    limits = LENIENT.limits.model_copy(update={"max_age_days": 0.25})
    local = LENIENT.model_copy(update={"limits": limits})
    examination = look(tmp_path, tables, SCHEMA, local, span=span, clock=Clock(zone))
    is_stale = "freshness" in {kind for kind, *_ in _findings(examination)}
    assert is_stale is not fresh


@pytest.mark.parametrize("label", [0, 1])
def test_a_constant_label_is_refused_whatever_the_limits(
    tables: Tables, tmp_path: Path, label: int
) -> None:
    limits = LENIENT.limits.model_copy(update={"min_label_share": 0.0, "max_label_share": 1.0})
    labels = pa.array([label] * len(tables["eval"]), tables["eval"]["late"].type)
    tables["eval"] = _set(tables["eval"], "late", labels)
    lenient = LENIENT.model_copy(update={"limits": limits})
    findings = _stopping(look(tmp_path, tables, SCHEMA, lenient))
    # All labels of one kind are another distribution too.
    [finding] = [finding for finding in findings if finding.kind == "label"]
    assert (finding.feature, finding.split) == ("late", "eval")
    assert finding.actual == f"every label is {label}"


@pytest.mark.parametrize(
    ("spoil", "actual", "expected", "cure"),
    [
        (
            lambda t: _first(t, "carrier", "ZZ"),
            "ZZ (3 rows)",
            "one of 9E, AA, AS, B6, DL, EV, F9, FL, … (16 values)",
            "",
        ),
        (
            lambda t: _first(t, "carrier", "ua"),
            "ua (3 rows, differs from UA in case: U+0075 U+0061 instead of U+0055 U+0041)",
            "one of 9E, AA, AS, B6, DL, EV, F9, FL, … (16 values)",
            "",
        ),
        (
            lambda t: _first(t, "carrier", "UA\u200b"),
            "UA\\u200b (3 rows, differs from UA in an invisible character: "
            "U+200B instead of nothing)",
            "one of 9E, AA, AS, B6, DL, EV, F9, FL, … (16 values)",
            "",
        ),
        (
            lambda t: _first(t, "distance", 99_999),
            "99999",
            "at least 50 and at most 6000",
            "",
        ),
        (
            lambda t: _first(t, "late", 2),
            "2",
            "at least 0 and at most 1",
            "write 0 and 1 in the data",
        ),
        (
            lambda t: _first(t, "late", None),
            "no value in 3 of 2,500 rows",
            "a value in every row",
            "remove these rows from the data, or write 0 or 1 in them",
        ),
        (
            lambda t: _first(t, "carrier", None),
            "no value in 3 of 2,500 rows",
            "a value in every row",
            "",
        ),
        (
            lambda t: t.rename_columns(["orign" if n == "origin" else n for n in t.column_names]),
            "no such column; did you mean orign?",
            "a column of text",
            "rename the column in the data",
        ),
        (
            lambda t: t.append_column("gate", t["origin"]),
            "a column that the schema does not have",
            "no such column",
            "",
        ),
        (
            lambda t: _first(
                _set(t, "distance", t["distance"].cast(pa.string())), "distance", "1,5"
            ),
            'text, such as "1,5"',
            "a whole number",
            'set decimal = "," under [source]',
        ),
    ],
)
def test_a_finding_states_what_the_data_has_and_what_to_do(
    tables: Tables,
    tmp_path: Path,
    spoil: Callable[[pa.Table], pa.Table],
    actual: str,
    expected: str,
    cure: str,
) -> None:
    tables["train"] = spoil(tables["train"])
    features = Features(label="late", numeric=("distance",), categorical=("origin", "carrier"))
    examination = look(tmp_path, tables, SCHEMA, LENIENT, features)
    # A renamed column is new too.
    finding = min(_stopping(examination), key=lambda finding: finding.kind == "new_column")
    assert (finding.actual, finding.expected) == (actual, expected)
    assert finding.cure.startswith(cure) and bool(finding.cure) == bool(cure)


def test_a_value_that_equals_a_bound_in_32_bits_passes(tables: Tables, tmp_path: Path) -> None:
    schema = schema_pb2.Schema()
    schema.CopyFrom(SCHEMA)
    [temp] = [feature for feature in schema.feature if feature.name == "temp"]
    temp.float_domain.max = 130.3
    tables["train"] = _first(tables["train"], "temp", 130.3)
    assert _findings(look(tmp_path, tables, schema, LENIENT)) == []
    tables["train"] = _first(tables["train"], "temp", 130.4)
    [finding] = _stopping(look(tmp_path, tables, schema, LENIENT))
    assert (finding.actual, finding.expected) == ("130.4", "at least -60 and at most 130.3")
