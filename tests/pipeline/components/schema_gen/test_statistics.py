"""Statistics of Parquet files, compared with TensorFlow Data Validation's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from pipeline.components.schema_gen.statistics import measure
from schema.inference import ColumnStatistics


def _files(folder: Path, *spans: dict[str, Any]) -> list[Path]:
    files = []
    for number, columns in enumerate(spans):
        # DuckDB takes [, ] and * in a file's name as a pattern.
        files.append(folder / f"a [{number}] *.parquet")
        pq.write_table(pa.table(columns), files[-1])
    return files


def _column(files: list[Path]) -> ColumnStatistics:
    [column] = measure(files)
    return column


def test_the_columns_of_all_spans_are_measured(tmp_path: Path) -> None:
    provenance = {"_source_file": ["x"] * 4, "_source_row": [1, 2, 3, 4]}
    first = {"city": ["Bonn", "Bonn", "Köln", None], "km": [1.5, float("nan"), None, 3.0]}
    second = {"city": ["Bonn", "Ulm", "Bonn", "Bonn"], "km": [float("inf"), -2.0, 2.0, 2.0]}
    files = _files(tmp_path, first | provenance, second | provenance)
    city, km = measure(files)
    assert (city.type, city.rows, city.present, city.distinct) == ("BYTES", 8, 7, 3)
    assert (city.values, city.single, city.new, city.spans) == (("Bonn", "Köln", "Ulm"), 2, 1, 2)
    assert (km.type, km.rows, km.present, km.minimum, km.maximum) == ("FLOAT", 8, 7, -2.0, 3.0)


def test_whole_numbers_are_exact(tmp_path: Path) -> None:
    column = _column(_files(tmp_path, {"id": [2**62 + 1, -(2**62) - 1, None]}))
    assert (column.type, column.minimum, column.maximum) == ("INT", -(2**62) - 1, 2**62 + 1)
    assert _column(_files(tmp_path, {"flag": [True, False]})).type == "INT"


def test_a_column_without_a_value_has_no_range(tmp_path: Path) -> None:
    column = _column(_files(tmp_path, {"x": pa.array([None, None], pa.float64())}))
    assert (column.present, column.minimum, column.distance) == (0, None, None)
    column = _column(_files(tmp_path, {"x": pa.array([None], pa.string())}))
    assert (column.values, column.constant) == ((), True)


def test_many_values_are_counted_but_not_listed(tmp_path: Path) -> None:
    few = _column(_files(tmp_path, {"x": [f"v{number}" for number in range(100)]}))
    many = _column(_files(tmp_path, {"x": [f"v{number}" for number in range(101)]}))
    ids = _column(_files(tmp_path, {"x": [f"v{number}" for number in range(20_000)]}))
    assert (len(few.values or ()), many.values, ids.values) == (100, None, None)
    assert many.distinct == 101
    assert ids.distinct == pytest.approx(20_000, rel=0.1)
    assert ids.id_like


_NORMAL = np.random.default_rng(0).normal


@pytest.mark.parametrize(
    ("earlier", "now", "comparator"),
    [
        (["a"] * 6 + ["b"] * 4, ["a"] * 3 + ["c"] * 7, "infinity_norm"),
        ([f"v{number % 5000}" for number in range(20_000)] + ["top"] * 5000, ["top"] * 9,
         "infinity_norm"),
        (_NORMAL(0, 1, 5000), _NORMAL(1, 2, 4000), "jensen_shannon_divergence"),
        (np.exp(_NORMAL(0, 2, 5000)), np.exp(_NORMAL(0, 2, 500)), "jensen_shannon_divergence"),
        (list(range(50)), list(range(100, 150)), "jensen_shannon_divergence"),
        ([7] * 10, [7] * 5, "jensen_shannon_divergence"),
    ],
    ids=["text", "many texts", "normal", "outliers", "apart", "constant"],
)  # fmt: skip
def test_a_distance_is_the_one_that_the_gate_measures(
    earlier: Any, now: Any, comparator: str, tmp_path: Path
) -> None:
    import tensorflow_data_validation as tfdv
    from tensorflow_data_validation.statistics.stats_impl import generate_statistics_in_memory

    from pipeline.components.example_gen import shards

    files = _files(tmp_path, {"x": earlier}, {"x": now})
    before, after = (
        generate_statistics_in_memory(
            shards.as_lists(pq.read_table(file).combine_chunks().to_batches()[0])
        )
        for file in files
    )
    column = _column(files)
    schema = text_format.Parse(
        f'feature {{ name: "x" type: {column.type} '
        f"drift_comparator {{ {comparator} {{ threshold: 0.5 }} }} }}",
        schema_pb2.Schema(),
    )
    anomalies = tfdv.validate_statistics(after, schema, previous_statistics=before)
    [measurement] = anomalies.drift_skew_info[0].drift_measurements
    assert column.distance == pytest.approx(measurement.value, abs=0.02)
