"""Read the rows of a data source, and write them as files for ExampleGen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pipeline.errors import UsageError
from pipeline.settings.source import SourceSettings
from pipeline.sources.base import Source
from pipeline.sources.values.labels import Label
from pipeline.sources.values.reading import Reading

__all__ = ["Label", "Source", "open_source"]


def open_source(
    settings: SourceSettings,
    types: Mapping[str, str] = MappingProxyType({}),
    workspace: Path | None = None,
    label: Label | None = None,
) -> Source:
    """Return the source that the settings name.

    Args:
      settings: settings of the source.
      types: `INT`, `FLOAT` or `BYTES` by column, from the curated schema; default none. A user's
        files are read with these types if no value is lost.
      workspace: folder of all state, which keeps what is already computed about files; default
        None, keep nothing.
      label: label of the model, whose values become 0 and 1; default None, as other columns.

    Raises:
      UsageError: a folder source without a path.
    """
    # DuckDB is slow to import, so it is imported only when a run needs the source.
    if settings.kind == "flights":
        from pipeline.sources.flights.source import FlightsSource

        return FlightsSource()
    from pipeline.sources import hash_split
    from pipeline.sources.files.discovery import discover
    from pipeline.sources.folder import FolderSource

    if settings.path is None:
        raise UsageError(
            'source.path: a source of kind "folder" needs the folder of the files.',
            'add path = "..." under [source] in taxiway.toml',
        )
    excluded = [workspace] if workspace else []
    tables = {file.table for file in discover(settings.path, excluded).files}
    split = hash_split.choose(settings, sorted(tables))
    source = FolderSource(
        settings.path,
        settings.time_column,
        settings.period,
        types,
        workspace,
        one_span=split is not None,
        reading=Reading.from_settings(settings),
        label=label,
        hive=settings.hive,
    )
    return source if split is None else hash_split.HashedSource(source, split)
