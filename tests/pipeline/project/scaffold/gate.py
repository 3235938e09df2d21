"""The data gate of a project's first run, without the rest of the run."""

from __future__ import annotations

import pyarrow.parquet as pq
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics.stats_impl import generate_statistics_in_memory

from pipeline.components.data_gate.examine import Examination, Split, environment, examine
from pipeline.components.example_gen import shards
from pipeline.project import files
from pipeline.settings.sections import Settings
from pipeline.sources import Label, open_source
from pipeline.sources.layout import lay_out
from schema import columns


def examination(settings: Settings) -> Examination:
    """Return what the data gate says about the data of a run.

    Args:
      settings: settings of the pipeline, with absolute paths.
    """
    project = files.load(settings)
    features = project.features
    label = Label(features.label, features.positive, features.negative)
    source = open_source(settings.source, columns.types(project.schema), label=label)
    layout = lay_out(
        source, settings.workspace / "data", settings.source.span, settings.source.window
    )
    splits = {}
    for name in ("train", "eval"):
        folder = layout.base / str(layout.span) / name
        rows = sorted(folder.glob("*.parquet"))
        table = pq.ParquetDataset([str(file) for file in rows]).read(
            columns=shards.columns_of(rows[0])
        )
        [batch] = table.combine_chunks().to_batches()
        statistics = generate_statistics_in_memory(
            shards.as_lists(batch), tfdv.StatsOptions(schema=project.schema)
        )
        anomalies = tfdv.validate_statistics(
            statistics, project.schema, environment=environment(project.schema)
        )
        splits[name] = Split(str(folder / "*.parquet"), statistics, anomalies)
    return examine(splits, project.schema, project.policy, project.features, layout.span)
