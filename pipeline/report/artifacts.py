"""Read a run's artifacts, of which some may be missing or damaged."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pipeline.runs.records import RunRecord

_log = logging.getLogger(__name__)

T = TypeVar("T")


def attempt(description: str, build: Callable[[], T]) -> T | None:
    """Build a part of the report; log an error, because the other parts do not need this one.

    Args:
      description: name of the part, for the log.
      build: function that returns the part.

    Returns:
      The part; None if an error was logged.
    """
    try:
        return build()
    except Exception:  # a damaged file may raise anything
        _log.warning("the report does not contain %s", description, exc_info=True)
        return None


def read(record: RunRecord, node: str, output: str, load: Callable[[Path], T]) -> T | None:
    """Read an artifact.

    Args:
      record: record of the run.
      node: name of the node that wrote the artifact.
      output: name of the output.
      load: function that reads the artifact's folder.

    Returns:
      The result of `load`; None if the run has no such artifact, or it is missing or damaged.
    """
    artifact = record.outputs.get(node, {}).get(output)
    if artifact is None or not Path(artifact.uri).exists():
        return None
    return attempt(f"{output} of {node}", lambda: load(Path(artifact.uri)))
