"""Examine tables as DataGate examines a span, without a pipeline run."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics.stats_impl import generate_statistics_in_memory
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from models import tfrecords
from models.features import Features
from pipeline.components.data_gate.examine import Examination, Split, environment, examine
from pipeline.components.example_gen.executor import write_examples
from schema.policy import Policy

FLIGHTS = Features(label="late", numeric=("distance", "temp"))


def statistics(file: Path, schema: schema_pb2.Schema) -> Any:
    """Return the statistics that ExampleGen and StatisticsGen give for a Parquet file."""
    copy = statistics_pb2.DatasetFeatureStatisticsList()
    copy.CopyFrom(_statistics(file.read_bytes(), schema.SerializeToString(deterministic=True)))
    return copy


# Tests share most tables and change one of them, so results are cached.
@functools.lru_cache(maxsize=8)
def _statistics(content: bytes, schema: bytes) -> Any:
    with tempfile.TemporaryDirectory() as name:
        file, shards = Path(name, "rows.parquet"), Path(name, "shards")
        file.write_bytes(content)
        write_examples([file], shards)
        examples = list(tfrecords.read(sorted(shards.glob("data_tfrecord-*"))))
    batch = ExamplesToRecordBatchDecoder().DecodeBatch(examples)
    options = tfdv.StatsOptions(schema=schema_pb2.Schema.FromString(schema))
    return generate_statistics_in_memory(batch, options)


def look(
    folder: Path,
    tables: Mapping[str, pa.Table],
    schema: schema_pb2.Schema,
    policy: Policy,
    features: Features = FLIGHTS,
    span: int = 201302,
    **options: Any,
) -> Examination:
    """Examine the tables of `train` and `eval`."""
    splits = {}
    for name, table in tables.items():
        file = folder / f"{name}.parquet"
        pq.write_table(table, file)
        split_statistics = statistics(file, schema)
        anomalies = tfdv.validate_statistics(
            split_statistics, schema, environment=environment(schema)
        )
        splits[name] = Split(str(file), split_statistics, anomalies)
    return examine(splits, schema, policy, features, span, **options)
