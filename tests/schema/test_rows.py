"""Rows and requests against the schema, compared with TensorFlow Data Validation."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_metadata.proto.v0 import schema_pb2

from schema import columns, requests
from schema.environments import SERVING, TRAINING
from schema.rows import Row, RowFinding, check
from tests.conftest import PROJECT

_FLIGHTS = columns.load(PROJECT / "schema/schema.pbtxt")


def _schema() -> schema_pb2.Schema:
    schema = schema_pb2.Schema(default_environment=[TRAINING, SERVING])
    carrier = schema.feature.add(name="carrier", type=schema_pb2.BYTES)
    carrier.presence.min_fraction = 1
    carrier.string_domain.value.extend(["AA", "UA"])
    hour = schema.feature.add(name="hour", type=schema_pb2.INT)
    hour.int_domain.min, hour.int_domain.max = 0, 23
    wind = schema.feature.add(name="wind", type=schema_pb2.FLOAT)
    wind.presence.min_fraction = 0.5
    late = schema.feature.add(name="late", type=schema_pb2.INT, not_in_environment=[SERVING])
    late.presence.min_fraction = 1
    return schema


_GOOD: Row = {"carrier": "AA", "hour": 5, "wind": 2.5, "late": 0}


@pytest.mark.parametrize(
    ("change", "column", "expected"),
    [
        ({"carrier": "ZZ"}, "carrier", "one of AA, UA (2 values)"),
        ({"carrier": 5}, "carrier", "text"),
        ({"carrier": None}, "carrier", "a value in every row"),
        ({"hour": 24}, "hour", "at most 23"),
        ({"hour": -1}, "hour", "at least 0"),
        ({"hour": 5.5}, "hour", "a whole number"),
        ({"hour": True}, "hour", "a whole number"),
        ({"hour": 2**63}, "hour", "a whole number"),
        ({"hour": [5]}, "hour", "a whole number"),
        ({"wind": "strong"}, "wind", "a number"),
        ({"wind": 1e308}, "wind", "a finite number of 32 bits"),
        ({"wind": float("nan")}, "wind", "a finite number of 32 bits"),
        ({"carrier": "aa"}, "carrier",
         "one of AA, UA (2 values); differs from AA in case: "
         "U+0061 U+0061 instead of U+0041 U+0041"),
        ({"carrier": "UA\u200b"}, "carrier",
         "one of AA, UA (2 values); differs from UA in an invisible character: "
         "U+200B instead of nothing"),
        ({"hour ": 5}, "hour ",
         "no such column; differs from hour in spaces: U+0020 instead of nothing"),
        ({"hours": 5}, "hours", "no such column; did you mean hour?"),
        ({"zzz": 5}, "zzz", "no such column"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_reported_with_its_row_and_column(
    change: Row, column: str, expected: str
) -> None:
    [finding] = check([_GOOD, {**_GOOD, **change}], _schema())
    assert (finding.row, finding.column, finding.expected) == (2, column, expected)


def test_a_label_may_be_absent_when_serving() -> None:
    request = {name: value for name, value in _GOOD.items() if name != "late"}
    assert check([request], _schema(), SERVING) == []
    assert check([request], _schema()) == [RowFinding(1, "late", "nothing", "a value in every row")]
    with pytest.raises(
        ValueError, match="expected one of the environments SERVING, TRAINING, got PROD"
    ):
        check([request], _schema(), "PROD")


def test_a_column_that_is_not_required_may_be_missing() -> None:
    request = {name: value for name, value in _GOOD.items() if name != "late"}
    assert check([request], _schema(), required=["hour", "carrier"]) == []
    findings = check([{}], _schema(), SERVING, required=["carrier"])
    assert [finding.column for finding in findings] == ["carrier"]


def test_a_share_of_missing_values_is_reported_for_all_rows() -> None:
    calm = {**_GOOD, "wind": None}
    assert check([_GOOD, calm], _schema()) == []
    assert check([_GOOD, calm, calm], _schema()) == [
        RowFinding(None, "wind", "a value in 33.3% of the rows", "a value in 50.0% of the rows")
    ]
    assert check([calm], _schema(), SERVING) == []


def test_a_number_is_compared_in_32_bits_and_shown_with_its_digits() -> None:
    schema = _schema()
    schema.feature[1].int_domain.max = 12_345_678
    schema.feature[2].float_domain.max = 24.3
    assert check([{**_GOOD, "wind": 24.3}], schema) == []
    [finding] = check([{**_GOOD, "wind": 24.31, "hour": 12_345_678}], schema)
    assert finding.expected == "at most 24.3"
    [finding] = check([{**_GOOD, "hour": 12_345_679}], schema)
    assert finding.expected == "at most 12345678"


_ROWS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "carrier": st.sampled_from(["AA", "UA", "ZZ"]),
            "hour": st.integers(-2, 25),
            "wind": st.floats(-1e6, 1e6, width=32),
            "late": st.integers(0, 1),
        },
    ),
    min_size=1,
    max_size=6,
).filter(lambda rows: all(any(name in row for row in rows) for name in _GOOD))


@settings(deadline=None, max_examples=30)
@given(_ROWS)
def test_findings_agree_with_data_validation(rows: list[Row]) -> None:
    """Compare columns with a value only: TFDV reports a column without values as missing."""
    import tensorflow_data_validation as tfdv
    from tensorflow_data_validation.statistics.stats_impl import generate_statistics_in_memory

    from pipeline.components.example_gen import shards

    types = {"carrier": pa.string(), "hour": pa.int64(), "wind": pa.float32(), "late": pa.int64()}
    batch = pa.RecordBatch.from_arrays(
        [pa.array([row.get(name) for row in rows], kind) for name, kind in types.items()],
        list(types),
    )
    statistics = generate_statistics_in_memory(shards.as_lists(batch))
    anomalies = tfdv.validate_statistics(statistics, _schema(), environment=TRAINING)
    assert {finding.column for finding in check(rows, _schema())} == set(anomalies.anomaly_info)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("rows.jsonl", b"{}\n{", r"rows\.jsonl: line 2 is not JSON"),
        ("rows.json", b"[1]", r"rows\.json holds no rows"),
        ("rows.json", b"[]", r"rows\.json holds no rows"),
        ("rows.json", b'{"inputs": {"a": [1], "b": [1, 2]}}', "lists of the same length"),
    ],
)
def test_a_file_without_rows_is_refused(
    name: str, content: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        list(requests.load_rows(tmp_path / name))


def test_every_form_of_a_request_is_read() -> None:
    rows = [{"carrier": "AA", "hour": 5}, {"carrier": "UA", "hour": 6}]
    columns_ = {"carrier": ["AA", "UA"], "hour": [5, 6]}
    assert requests.parse_rows(json.dumps(rows[0])) == rows[:1]
    for form in (rows, {"instances": rows}, {"inputs": columns_}):
        assert requests.parse_rows(json.dumps(form)) == rows


def test_tensorflow_is_not_imported() -> None:
    code = (
        "import sys\nfrom schema import requests, rows\n"
        "sys.exit(any(name.split('.')[0] in ('tensorflow', 'tfx') for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True)
