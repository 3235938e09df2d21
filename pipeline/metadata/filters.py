"""Filter queries of ML Metadata, which only the older TFX line has."""

from __future__ import annotations

import ml_metadata
from ml_metadata import metadata_store

# This release lost filter queries with ZetaSQL; its client warns of each and its server refuses it.
_WITHOUT_FILTERS = (1, 21)


def supported() -> bool:
    """Return whether the installed ML Metadata selects by filter queries."""
    release = tuple(int(number) for number in ml_metadata.__version__.split(".")[:2])
    return release < _WITHOUT_FILTERS


def options(query: str) -> metadata_store.ListOptions:
    """Return list options that select by a query.

    Args:
      query: filter query of ML Metadata, such as `last_known_state = RUNNING`.
    """
    return metadata_store.ListOptions(filter_query=query)
