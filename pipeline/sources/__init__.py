"""Where rows come from, and how they are laid out for ExampleGen."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pipeline.errors import UsageError
from pipeline.settings.source import SourceSettings
from pipeline.sources.base import Source

__all__ = ["Source", "open_source"]


def open_source(
    settings: SourceSettings, types: Mapping[str, str] = MappingProxyType({})
) -> Source:
    """Return the source that the settings name.

    Args:
      settings: of the source.
      types: `INT`, `FLOAT` or `BYTES` by column, from the curated schema; a user's files are read
        as it says where no value is lost by it.

    Raises:
      UsageError: a folder source without a path.
    """
    # DuckDB is loaded only for the source that is used, and only once a run has begun.
    if settings.kind == "flights":
        from pipeline.sources.flights import FlightsSource

        return FlightsSource()
    from pipeline.sources.folder import FolderSource

    if settings.path is None:
        raise UsageError(
            'source.path: a source of kind "folder" needs the folder of the files.',
            'add path = "..." under [source] in taxiway.toml',
        )
    return FolderSource(settings.path, settings.time_column, settings.period, types)
