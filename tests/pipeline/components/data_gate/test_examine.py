"""What the gate finds in real flights that were made wrong."""

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

from pipeline.components.data_gate.examine import Examination
from pipeline.sources.layout import Layout
from schema import columns, policy
from tests.conftest import PROJECT
from tests.pipeline.components.data_gate.looking import look, statistics

SCHEMA = columns.load(PROJECT / "schema" / "schema.pbtxt")
POLICY = policy.load(PROJECT / "schema" / "policy.toml")
LENIENT = POLICY.model_copy(
    update={"limits": POLICY.limits.model_copy(update={"min_rows": 100, "max_age_days": 40})}
)

Tables = dict[str, pa.Table]


def _month(flights: Layout, span: int) -> pa.Table:
    return pq.read_table(flights.base.parent / "spans" / f"{span}.parquet")


def _sample(table: pa.Table, rows: int) -> pa.Table:
    chosen = np.random.default_rng(1).choice(len(table), rows, replace=False)
    return table.take(np.sort(chosen))


@pytest.fixture
def tables(flights: Layout) -> Tables:
    """A sample of two months, small enough to be quick and large enough for its shares to hold."""
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


def _again(table: pa.Table) -> pa.Table:
    """The same rows, further down in the file."""
    rows = pc.add(table["_source_row"], 1_000_000)
    return _set(table, "_source_row", rows).cast(table.schema)


def _found(seen: Examination, action: str = "stop") -> list[tuple[str, str, str, int | None]]:
    return [
        (each.finding.kind, each.finding.feature, each.finding.split, each.finding.rows)
        for each in seen.of(action)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("span", [201304])
def test_real_months_pass(flights: Layout, tmp_path: Path, span: int) -> None:
    tables = {
        "train": pa.concat_tables(_month(flights, each) for each in range(span - 3, span)),
        "eval": _month(flights, span),
    }
    before = pq.read_table(flights.base.parent / "spans" / f"{span - 1}.parquet")
    pq.write_table(before, tmp_path / "before.parquet")
    seen = look(
        tmp_path,
        tables,
        SCHEMA,
        POLICY,
        span=span,
        accepted=statistics(tmp_path / "before.parquet", SCHEMA),
    )
    assert _found(seen) == []
    assert seen.passed
    assert seen.counts == {name: len(table) for name, table in tables.items()}


def test_a_sample_of_flights_passes(tables: Tables, tmp_path: Path) -> None:
    assert _found(look(tmp_path, tables, SCHEMA, LENIENT)) == []


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
        (lambda t: pa.concat_tables([t, _again(t.slice(0, 500))]), "duplicates", "", 500),
        (lambda t: t.slice(0, 50), "rows", "", 50),
    ],
)
def test_what_is_wrong_in_a_split_stops_the_run(
    tables: Tables,
    tmp_path: Path,
    spoil: Callable[[pa.Table], pa.Table],
    kind: str,
    column: str,
    rows: int | None,
) -> None:
    tables["train"] = spoil(tables["train"])
    seen = look(tmp_path, tables, SCHEMA, LENIENT)
    assert not seen.passed
    assert (kind, column, "train", rows) in _found(seen)
    [finding] = [each.finding for each in seen.of("stop") if each.finding.kind == kind]
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
    next(each for each in schema.feature if each.name == "seats").ClearField("presence")
    some = {**tables, "train": _first(tables["train"], "seats", None)}
    assert look(tmp_path, some, schema, LENIENT, inputs=("seats",)).passed
    none = {**tables, "train": empty(tables["train"])}
    seen = look(tmp_path, none, schema, LENIENT, inputs=("seats",))
    [verdict] = seen.of("stop")
    assert (verdict.finding.kind, verdict.finding.feature) == ("empty", "seats")
    assert look(tmp_path, none, schema, LENIENT).passed, "what is not learned may be empty"


def test_offending_rows_are_named_by_file_and_row(tables: Tables, tmp_path: Path) -> None:
    tables["eval"] = _first(tables["eval"], "carrier", "ZZ", 2)
    first, second = sorted(tables["eval"]["_source_row"].to_pylist()[:2])
    seen = look(tmp_path, tables, SCHEMA, LENIENT)
    bad = [(row.file, row.row, row.column, row.actual) for row in seen.rows]
    assert bad == [
        ("flights.csv", str(first), "carrier", "ZZ"),
        ("flights.csv", str(second), "carrier", "ZZ"),
    ]
    assert seen.rows[0].expected.startswith("one of 9E, AA")
    assert '"carrier":"ZZ"' in seen.rows[0].content


def test_no_more_rows_are_kept_than_the_policy_says(tables: Tables, tmp_path: Path) -> None:
    limits = LENIENT.limits.model_copy(update={"quarantine_rows": 5})
    tables["eval"] = _first(tables["eval"], "carrier", "ZZ", 9)
    seen = look(tmp_path, tables, SCHEMA, LENIENT.model_copy(update={"limits": limits}))
    assert len(seen.rows) == 5
    assert ("domain", "carrier", "eval", 9) in _found(seen)


def test_drift_is_found_against_training_and_against_the_last_span(
    flights: Layout, tables: Tables, tmp_path: Path
) -> None:
    from_newark = pc.equal(tables["eval"]["origin"], "EWR")
    file = tmp_path / "accepted.parquet"
    pq.write_table(tables["eval"], file)
    accepted = statistics(file, SCHEMA)
    tables["eval"] = tables["eval"].filter(from_newark)
    seen = look(tmp_path, tables, SCHEMA, LENIENT, accepted=accepted)
    drifts = [each.finding for each in seen.of("stop") if each.finding.kind == "drift"]
    assert "origin" in {drift.feature for drift in drifts}
    assert {drift.split for drift in drifts} == {"eval"}
    alone = look(tmp_path, tables | {"train": tables["eval"]}, SCHEMA, LENIENT, accepted=accepted)
    [drift] = [each.finding for each in alone.of("stop") if each.finding.feature == "origin"]
    assert "from the last span" in drift.actual and drift.expected == "at most 0.05"


def test_skew_is_found_against_what_was_served(tables: Tables, tmp_path: Path) -> None:
    file = tmp_path / "served.parquet"
    pq.write_table(tables["eval"].filter(pc.equal(tables["eval"]["origin"], "EWR")), file)
    served = statistics(file, SCHEMA)
    seen = look(tmp_path, tables, SCHEMA, LENIENT, served=served)
    assert "origin" in {feature for kind, feature, _, _ in _found(seen) if kind == "skew"}


@pytest.mark.parametrize(("span", "fresh"), [(201302, True), (201303, False), (201301, False)])
def test_the_newest_event_must_be_near_the_end_of_the_span(
    flights: Layout, tables: Tables, tmp_path: Path, span: int, fresh: bool
) -> None:
    limits = LENIENT.limits.model_copy(update={"max_age_days": 1.0})
    seen = look(tmp_path, tables, SCHEMA, LENIENT.model_copy(update={"limits": limits}), span=span)
    assert (("freshness", "scheduled_departure", "eval", None) in _found(seen)) is not fresh


def test_the_policy_decides(tables: Tables, tmp_path: Path) -> None:
    tables["eval"] = _first(tables["eval"], "carrier", "ZZ")
    for action in ("warn", "ignore"):
        known = policy.Rule(action=action, reason="a new airline is welcome")
        kinds = LENIENT.kinds.model_copy(update={"domain": known})
        seen = look(tmp_path, tables, SCHEMA, LENIENT.model_copy(update={"kinds": kinds}))
        assert seen.passed
        assert _found(seen, action) == [("domain", "carrier", "eval", 3)]
        assert seen.rows == ()
