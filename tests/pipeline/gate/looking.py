"""Look at tables as the gate looks at a span, without running a pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics.stats_impl import generate_statistics_in_memory
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from pipeline.example_gen import write_examples
from pipeline.gate.examine import Examination, Split, examine
from schema.policy import Policy


def statistics(file: Path, scratch: Path, schema: schema_pb2.Schema) -> Any:
    """Measure a Parquet file's rows as ExampleGen and StatisticsGen would."""
    write_examples([file], scratch)
    records = [str(shard) for shard in sorted(scratch.glob("data_tfrecord-*"))]
    examples = list(tf.data.TFRecordDataset(records, "GZIP").as_numpy_iterator())
    batch = ExamplesToRecordBatchDecoder().DecodeBatch(examples)
    return generate_statistics_in_memory(batch, tfdv.StatsOptions(schema=schema))


def look(
    folder: Path,
    tables: Mapping[str, pa.Table],
    schema: schema_pb2.Schema,
    policy: Policy,
    label: str = "late",
    span: int = 201302,
    **known: Any,
) -> Examination:
    """Examine the tables of `train` and `eval`."""
    splits = {}
    for name, table in tables.items():
        file = folder / f"{name}.parquet"
        pq.write_table(table, file)
        measured = statistics(file, folder / name, schema)
        anomalies = tfdv.validate_statistics(measured, schema, environment="TRAINING")
        splits[name] = Split(str(file), measured, anomalies)
    return examine(splits, schema, policy, label, span, **known)
