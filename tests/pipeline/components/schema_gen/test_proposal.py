"""A proposal from files, compared with TensorFlow Data Validation's anomalies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.components.schema_gen.statistics import measure, other_texts
from schema import columns
from schema.environments import TRAINING
from schema.fit import fit
from schema.inference import Roles

_ROWS: dict[str, list[Any]] = {
    "city": ["Bonn", "Köln"] * 20,
    "km": [1.5, 24.3] * 20,
    "hour": [0, 23] * 20,
    "late": [0, 1] * 20,
    "note": ["a", "b"] * 20,
}
_SCHEMA = """
default_environment: "TRAINING"
feature { name: "city" type: BYTES presence { min_fraction: 1 min_count: 1 }
  shape { dim { size: 1 } } string_domain { value: "Bonn" value: "Köln" } }
feature { name: "km" type: FLOAT presence { min_fraction: 1 } float_domain { min: 0 max: 30 } }
feature { name: "hour" type: INT int_domain { min: 0 max: 23 } }
feature { name: "late" type: INT presence { min_fraction: 1 } int_domain { min: 0 max: 1 } }
feature { name: "note" type: BYTES presence { min_count: 1 } value_count { min: 1 max: 1 } }
"""
_CHANGES: dict[str, Any] = {
    "new category": {"city": ["Ulm"]},
    "new value of text and a missing one": {"city": ["Ulm", None]},
    "all missing": {"note": [None] * 40},
    "few missing": {"km": [None]},
    "greater and smaller": {"km": [24.300001, -7.1], "hour": [24]},
    "another type": {"note": [1.5] * 40},
    "a whole number": {"note": [7] * 40},
    "a new column": {"new": list(range(40))},
    "a new text": {"new": ["x", None] * 20},
}  # fmt: skip


def _file(folder: Path, change: dict[str, list[Any]]) -> Path:
    rows = {name: change.get(name, []) + values for name, values in _ROWS.items()} | {
        name: values for name, values in change.items() if name not in _ROWS
    }
    arrays = {name: pa.array(values[:40]) for name, values in rows.items()}
    nothing = pa.array([None] * 40, pa.string())
    table = pa.table(
        {name: nothing if values.null_count == 40 else values for name, values in arrays.items()}
    )
    pq.write_table(table, folder / "1.parquet")
    return folder / "1.parquet"


@pytest.mark.parametrize("features", [(), ("city", "km", "hour")], ids=["no roles", "roles"])
@pytest.mark.parametrize("change", _CHANGES)
def test_data_validation_accepts_the_data_after_the_change(
    change: str, features: tuple[str, ...], tmp_path: Path
) -> None:
    import tensorflow_data_validation as tfdv
    from tensorflow_data_validation.statistics.stats_impl import generate_statistics_in_memory

    from pipeline.components.example_gen import shards

    file = _file(tmp_path, _CHANGES[change])
    statistics = generate_statistics_in_memory(
        shards.as_lists(pq.read_table(file).combine_chunks().to_batches()[0])
    )
    schema, measured = columns.parse(_SCHEMA), measure([file])
    roles = Roles("late", features) if features else Roles(slices=("nothing",), label="nothing")
    before = tfdv.validate_statistics(statistics, schema, environment=TRAINING)
    assert before.anomaly_info, "the data does not match the schema yet"
    proposal = fit(schema, {"train": measured, "eval": measured}, roles)
    assert proposal.mismatches == ()
    after = tfdv.validate_statistics(statistics, proposal.schema, environment=TRAINING)
    assert not after.anomaly_info
    assert proposal.unmatched == ()


def test_the_most_frequent_texts_of_another_type_are_named(tmp_path: Path) -> None:
    texts = ["1,5", "1,5", "NA", "3", "-4.5", "4.0", "1_000", None, "9223372036854775808"]
    pq.write_table(pa.table({"x": texts, "y": list(range(9))}), tmp_path / "[1].parquet")
    files = [tmp_path / "[1].parquet"]
    assert other_texts(files, "x", "INT") == ["1,5", "-4.5", "1_000", "9223372036854775808"]
    assert other_texts(files, "x", "FLOAT") == ["1,5", "1_000"]
    assert other_texts(files, "x", "FLOAT", []) == ["1,5", "1_000", "NA"]
    assert other_texts(files, "y", "FLOAT") == other_texts(files, "z", "INT") == []
