"""Propose a schema that fits the data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tensorflow_metadata.proto.v0 import schema_pb2

from pipeline.components.schema_gen.statistics import measure, other_texts
from pipeline.settings.source import SourceSettings
from pipeline.sources import Label, open_source
from pipeline.sources.layout import lay_out
from pipeline.sources.values.column_types import MISSING
from schema import columns
from schema.fit import Proposal, fit
from schema.inference import MAX_VALUES, Roles


def propose(
    settings: SourceSettings,
    folder: Path,
    curated: schema_pb2.Schema,
    roles: Roles,
    label: Label | None = None,
) -> Proposal:
    """Return the schema with the smallest changes that make it fit the data.

    Args:
      settings: settings of the source, which select the same data as for a run.
      folder: folder of the workspace that the source's spans are written to.
      curated: the curated schema.
      roles: what the model uses the columns for.
      label: label of the model; default None, if there is no features file yet.

    Returns:
      The changed schema, and the columns that no change makes fit.

    Raises:
      UsageError: the source's settings are wrong.
      DataRefused: the source's files cannot be read.
    """
    source = open_source(settings, columns.types(curated), label=label)
    layout = lay_out(source, folder, settings.span, settings.window)
    span = Path(layout.base) / str(layout.span)
    files = {split: sorted((span / split).glob("*.parquet")) for split in ("train", "eval")}
    longest = max(
        (len(columns.categories(curated, feature) or ()) for feature in curated.feature), default=0
    )
    # A hand-written list may be longer than an inferred one.
    limit = max(MAX_VALUES, 2 * longest)
    statistics = {split: measure(paths, limit) for split, paths in files.items()}

    missing = MISSING if settings.nulls is None else settings.nulls

    def samples(name: str, kind: str) -> Sequence[str]:
        return other_texts([*files["train"], *files["eval"]], name, kind, missing)

    return fit(curated, statistics, roles, samples)
