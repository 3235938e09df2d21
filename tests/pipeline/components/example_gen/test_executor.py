"""The Arrow executor writes the same examples as TFX's Parquet executor."""

from collections import Counter
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineResult, PipelineRunner, PipelineState
from tfx.components.example_gen import utils

from models import tfrecords
from pipeline.components.example_gen.beam import write_examples_with
from pipeline.components.example_gen.executor import write_examples
from pipeline.errors import DataRefused, InfrastructureError
from pipeline.sources.base import PROVENANCE
from pipeline.sources.layout import Layout
from tests.conftest import span_file

# Workers in separate processes, so everything sent to them is pickled, as on a cluster.
APART = [
    "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
    "--direct_running_mode=multi_processing", "--direct_num_workers=2",
]  # fmt: skip


def _examples(folder: Path) -> list[tf.train.Example]:
    records = tfrecords.read(sorted(folder.glob("data_tfrecord-*")))
    return [tf.train.Example.FromString(record) for record in records]


def _keys(examples: list[tf.train.Example]) -> Counter[bytes]:
    return Counter(example.SerializeToString(deterministic=True) for example in examples)


def _without_zeros(example: tf.train.Example) -> tf.train.Example:
    for feature in example.features.feature.values():
        kind = feature.WhichOneof("kind")
        if kind and not any(getattr(feature, kind).value):
            feature.Clear()
    return example


def test_examples_are_those_of_the_stock_executor(flights: Layout, tmp_path: Path) -> None:
    file = span_file(flights, 201301)
    rows = pq.read_table(file).slice(0, 5000)
    pq.write_table(rows, tmp_path / "rows.parquet")
    write_examples([tmp_path / "rows.parquet"], tmp_path / "out")
    rows = rows.drop(list(PROVENANCE))
    # What TFX's executor calls for each row; it takes 0 and "" for missing.
    stock = [utils.dict_to_example(row) for row in rows.to_pylist()]
    ours = [_without_zeros(example) for example in _examples(tmp_path / "out")]
    assert _keys(ours) == _keys(stock)


def test_zero_and_empty_text_are_values(tmp_path: Path) -> None:
    table = pa.table({"n": [0, None], "x": [0.0, None], "s": ["", None]})
    pq.write_table(table, tmp_path / "rows.parquet")
    write_examples([tmp_path / "rows.parquet"], tmp_path / "out")
    present, missing = sorted(
        _examples(tmp_path / "out"), key=lambda e: -len(e.features.feature["n"].int64_list.value)
    )
    assert present.features.feature["n"].int64_list.value == [0]
    assert present.features.feature["x"].float_list.value == [0.0]
    assert present.features.feature["s"].bytes_list.value == [b""]
    assert {f.WhichOneof("kind") for f in missing.features.feature.values()} == {None}


def test_rows_are_shuffled_the_same_way_each_time(tmp_path: Path) -> None:
    pq.write_table(pa.table({"n": range(10_000)}), tmp_path / "rows.parquet")
    orders = []
    for name in ("a", "b"):
        write_examples([tmp_path / "rows.parquet"], tmp_path / name)
        orders.append(
            [e.features.feature["n"].int64_list.value[0] for e in _examples(tmp_path / name)]
        )
    assert orders[0] == orders[1]
    assert orders[0] != sorted(orders[0])
    assert abs(sum(orders[0][:1000]) / 1000 - 5000) < 500


def test_a_split_larger_than_memory_becomes_shards_with_the_same_rows(tmp_path: Path) -> None:
    table = pa.table({"n": pa.array(range(10_000)), "s": [str(n) for n in range(10_000)]})
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=1000)
    write_examples([tmp_path / "rows.parquet"], tmp_path / "out", shard_bytes=50_000)
    shards = sorted((tmp_path / "out").iterdir())
    assert len(shards) > 2
    values = [e.features.feature["n"].int64_list.value[0] for e in _examples(tmp_path / "out")]
    assert sorted(values) == list(range(10_000))
    assert abs(sum(values[:1000]) / 1000 - 5000) < 500


def test_a_folder_of_the_path_is_no_column(tmp_path: Path) -> None:
    folder = tmp_path / "n=seven" / "team=ml"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"n": [1, 2]}), folder / "rows.parquet")
    write_examples([folder / "rows.parquet"], tmp_path / "out")
    examples = _examples(tmp_path / "out")
    assert {name for example in examples for name in example.features.feature} == {"n"}
    assert sorted(e.features.feature["n"].int64_list.value[0] for e in examples) == [1, 2]


def test_no_files_make_an_empty_split(tmp_path: Path) -> None:
    write_examples([], tmp_path)
    assert _examples(tmp_path) == []


def test_a_file_that_is_not_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.parquet").write_text("hello")
    with pytest.raises(DataRefused, match="not a readable Parquet file"):
        write_examples([tmp_path / "rows.parquet"], tmp_path / "out")


def test_a_type_an_example_cannot_hold_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"at": pa.array([1], pa.timestamp("s"))}), tmp_path / "rows.parquet")
    with pytest.raises(DataRefused, match="column at"):
        write_examples([tmp_path / "rows.parquet"], tmp_path / "out")


def _shards(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_beam_s_workers_write_the_same_examples_in_the_same_order(tmp_path: Path) -> None:
    files = [tmp_path / f"{month}.parquet" for month in range(3)]
    for month, file in enumerate(files):
        numbers = pa.array(range(month * 10_000, month * 10_000 + 3_000))
        table = pa.table({"n": numbers, "s": numbers.cast(pa.string())})
        pq.write_table(table, file, row_group_size=1000)
    splits = {
        "train": (files, tmp_path / "beam" / "train"),
        "eval": ([], tmp_path / "beam" / "eval"),
    }
    write_examples_with(beam.Pipeline(argv=APART), splits, shard_bytes=50_000)
    for split, (source, folder) in splits.items():
        local = tmp_path / "local" / split
        write_examples(source, local, shard_bytes=50_000)
        assert _shards(folder) == _shards(local)
        assert _examples(folder) == _examples(local)
    assert len(_shards(tmp_path / "beam" / "train")) == 4


def test_no_worker_starts_when_data_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.parquet").write_text("hello")
    with pytest.raises(DataRefused, match="not a readable Parquet file"):
        write_examples_with(
            beam.Pipeline(argv=APART),
            {"train": ([tmp_path / "rows.parquet"], tmp_path / "out")},
            shard_bytes=50_000,
        )


class _Idle(PipelineRunner):
    """An engine that reports success without any work, like one whose workers see other disks."""

    def run_pipeline(self, pipeline: beam.Pipeline, options: PipelineOptions) -> PipelineResult:
        return _Done(PipelineState.DONE)


class _Done(PipelineResult):
    def wait_until_finish(self, duration: int | None = None) -> str:
        return str(self.state)


def test_missing_shards_are_an_error_after_success_is_reported(tmp_path: Path) -> None:
    pq.write_table(pa.table({"n": [1, 2]}), tmp_path / "rows.parquet")
    with pytest.raises(InfrastructureError, match="has 0 files of examples instead of 1"):
        write_examples_with(
            beam.Pipeline(runner=_Idle()),
            {"train": ([tmp_path / "rows.parquet"], tmp_path / "out")},
            shard_bytes=50_000,
        )
