"""Propose a schema that fits the data."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics.stats_impl import generate_statistics_in_memory
from tensorflow_metadata.proto.v0 import schema_pb2

from pipeline.components.example_gen import shards
from pipeline.settings.source import SourceSettings
from pipeline.sources import Label, open_source
from pipeline.sources.layout import lay_out
from schema import columns

# A column with more values is not categorical, unless the schema lists more already.
_MAX_VALUES = 100


def propose(
    settings: SourceSettings,
    folder: Path,
    curated: schema_pb2.Schema,
    label: Label | None = None,
) -> schema_pb2.Schema:
    """Return the schema with the smallest changes that make it fit the data.

    Args:
      settings: settings of the source, which select the same data as for a run.
      folder: folder of the workspace that the source's spans are written to.
      curated: the curated schema.
      label: label of the model; default None, if there is no features file yet.

    Returns:
      The changed schema.

    Raises:
      UsageError: the source's settings are wrong.
      DataRefused: the source's files cannot be read.
    """
    source = open_source(settings, columns.types(curated), label=label)
    layout = lay_out(source, folder, settings.span, settings.window)
    proposal = curated
    for split in ("train", "eval"):
        files = sorted((Path(layout.base) / str(layout.span) / split).glob("*.parquet"))
        proposal = _fit(proposal, files)
    return proposal


def _fit(schema: schema_pb2.Schema, files: list[Path]) -> schema_pb2.Schema:
    table = pq.ParquetDataset([str(file) for file in files]).read()
    table = table.select(shards.columns_of(files[0])).combine_chunks()
    values = [len(columns.categories(schema, feature) or ()) for feature in schema.feature]
    for batch in table.to_batches():
        statistics = generate_statistics_in_memory(
            shards.as_lists(batch), tfdv.StatsOptions(schema=schema)
        )
        schema = tfdv.update_schema(
            schema, statistics, max_string_domain_size=max(_MAX_VALUES, *(2 * n for n in values))
        )
    return schema
