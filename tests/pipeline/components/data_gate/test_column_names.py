"""Findings and rejected rows name columns whose names are no names in SQL or in a path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tensorflow_metadata.proto.v0 import schema_pb2

from models.features import Features
from pipeline.components.data_gate.examine import Examination
from schema.policy import Policy
from tests import column_names
from tests.pipeline.components.data_gate.looking import look

_LABEL = column_names.LABEL
_NAMES = (
    *column_names.NUMBERS, "plain.text", "(in) parentheses", "'quoted'", "[0]", "select", "*", "%s",
    "null", "_source", "a\nb", ";--",
)  # fmt: skip


def _schema() -> schema_pb2.Schema:
    schema = schema_pb2.Schema()
    label = schema.feature.add(name=_LABEL, type=schema_pb2.INT)
    label.presence.min_fraction = 1
    for name in _NAMES:
        feature = schema.feature.add(name=name, type=schema_pb2.FLOAT)
        feature.presence.min_fraction = 1
        feature.float_domain.min, feature.float_domain.max = 0, 100
        feature.drift_comparator.jensen_shannon_divergence.threshold = 0.3
    return schema


def _look(folder: Path, changes: dict[str, list[Any]], policy: str = "{}") -> Examination:
    count = 200
    columns: dict[str, list[Any]] = {_LABEL: [row % 2 for row in range(count)]}
    columns |= {name: [float(row % 90) for row in range(count)] for name in _NAMES}
    columns |= {"_source_file": ["rides.csv"] * count, "_source_row": list(range(count))}
    train = pa.table(columns)
    spoiled = pa.table(
        columns
        | {
            name: pa.array((values * count)[:count], pa.float64())
            for name, values in changes.items()
        }
    )
    features = Features(label=_LABEL, numeric=_NAMES)
    tables = {"train": train, "eval": spoiled}
    return look(folder, tables, _schema(), Policy.model_validate_json(policy), features, span=1)


def test_rows_without_faults_pass(tmp_path: Path) -> None:
    assert _look(tmp_path, {}).verdicts == ()


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([None, 50.0], "presence"),
        ([None], "missing_column"),
        ([101.0], "range"),
        ([99.0], "drift"),
        ([1e39], "number"),
    ],
)
def test_every_column_is_named(tmp_path: Path, values: list[float | None], kind: str) -> None:
    examination = _look(tmp_path, dict.fromkeys(_NAMES, values))
    named = {verdict.finding.feature for verdict in examination.with_action("stop")
             if verdict.finding.kind == kind}  # fmt: skip
    assert named == set(_NAMES)
    if kind in ("presence", "range"):
        assert {row.column for row in examination.rows} >= set(_NAMES)
        assert set(json.loads(examination.rows[0].content)) == {_LABEL, *_NAMES}


def test_the_policy_names_a_column_as_it_is(tmp_path: Path) -> None:
    decision = {"action": "warn", "reason": "the meter was changed"}
    features = dict.fromkeys(("v1.0", "거리 (km)", 'so "good"'), decision)
    policy = json.dumps({"kinds": {"range": {"features": features}}})
    examination = _look(tmp_path, {name: [101.0, 50.0] for name in features}, policy)
    ranges = [verdict for verdict in examination.verdicts if verdict.finding.kind == "range"]
    assert {verdict.finding.feature for verdict in ranges} == set(features)
    assert {verdict.decision.action for verdict in ranges} == {"warn"}
