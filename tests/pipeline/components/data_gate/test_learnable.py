"""Features that a model cannot learn from are named, with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tensorflow_metadata.proto.v0 import schema_pb2

from models.features import Features
from pipeline.components.data_gate import learnable
from pipeline.components.data_gate.rows import Rows

_COUNT = 120
_NUMBERS = [float(number) for number in range(_COUNT)]


def _findings(
    folder: Path, column: list[Any] | pa.Array, **roles: Any
) -> list[tuple[str, str, str]]:
    table = pa.table({"city?": column, "distance": _NUMBERS})
    pq.write_table(table, folder / "train.parquet")
    rows = Rows(str(folder / "train.parquet"), "train", schema_pb2.Schema())
    features = Features(label="late", min_frequency=20, **roles)
    return [
        (finding.kind, finding.feature, finding.actual)
        for finding in learnable.findings(rows, features)
    ]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (
            [f"stop {number}" for number in range(_COUNT)],
            "all 120 values are in fewer than 20 rows (min_frequency)",
        ),
        ([f"{n}\n" for n in range(_COUNT)], "all 120 values are in fewer than 20 rows"),
        (["Rome"] * 5 + [None] * (_COUNT - 5), "the only value is in fewer than 20 rows"),
        (["Rome"] * _COUNT, "every value is Rome"),
        (["", None] * 60, "every value is empty"),
    ],
)
def test_a_text_without_frequent_values(tmp_path: Path, values: list[Any], reason: str) -> None:
    [(kind, name, actual)] = _findings(
        tmp_path, values, numeric=["distance"], categorical=["city?"]
    )
    assert (kind, name) == ("unlearnable", "city?")
    assert actual.startswith(reason)


@pytest.mark.parametrize(
    "values",
    [
        ["Rome"] * 60 + ["Bonn"] * 60,
        ["Rome"] * 60 + [None] * 60,  # a missing value tells something too
        ["Rome"] * 60 + [""] * 60,
        ["Rome"] * 60 + [f"rare {number}" for number in range(60)],
        ["two\nlines"] * 20 + ["Rome"] * 100,
    ],
)
def test_a_text_with_a_frequent_value_is_learnable(tmp_path: Path, values: list[Any]) -> None:
    assert _findings(tmp_path, values, numeric=["distance"], categorical=["city?"]) == []


def test_the_share_of_rows_outside_a_vocabulary_is_stated(tmp_path: Path) -> None:
    values = ["Rome"] * 30 + [f"rare {number}" for number in range(90)]
    [(kind, name, actual)] = _findings(
        tmp_path, values, numeric=["distance"], categorical=["city?"]
    )
    assert (kind, name) == ("rare_values", "city?")
    assert actual.startswith("75% of the rows with a value have one of 90 values in fewer than 20")


@pytest.mark.parametrize(
    ("role", "values", "reason"),
    [
        ({"numeric": ["distance", "city?"]}, [3.5] * _COUNT, "every number is 3.5"),
        # A missing number becomes the mean, which is the only number.
        ({"numeric": ["distance", "city?"]}, [3, None] * 60, "every number is 3"),
        (
            {"numeric": ["distance", "city?"]},
            [2**53 + 2 * (number % 2) for number in range(_COUNT)],
            "every number is 9.0072e+15",
        ),
        ({"numeric": ["distance"], "buckets": {"city?": 24}}, [7] * _COUNT, "every value is 7"),
        (
            {"numeric": ["distance"], "buckets": {"city?": 24}},
            [24, 99, -1, None] * 30,
            "no value is from 0 to 23",
        ),
    ],
)
def test_a_number_that_is_constant(
    tmp_path: Path, role: dict[str, Any], values: list[Any], reason: str
) -> None:
    [(kind, name, actual)] = _findings(tmp_path, values, **role)
    assert (kind, name, actual) == ("unlearnable", "city?", reason)


@pytest.mark.parametrize("values", [[7, None] * 60, [7, 99] * 60, list(range(24)) * 5])
def test_a_bucket_with_two_positions_is_learnable(tmp_path: Path, values: list[Any]) -> None:
    assert _findings(tmp_path, values, numeric=["distance"], buckets={"city?": 24}) == []


@pytest.mark.parametrize("column", [["a"] * _COUNT, [None] * _COUNT, pa.nulls(_COUNT, pa.string())])
def test_without_any_learnable_feature_there_is_no_model(
    tmp_path: Path, column: list[Any] | pa.Array
) -> None:
    *_, (kind, name, actual) = _findings(tmp_path, column, categorical=["city?"])
    assert (kind, name) == ("no_features", "")
    assert actual == "none of the 1 features has values that a model can learn from"
