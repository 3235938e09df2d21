"""Read what a run left, as far as it can be read."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pipeline.runs.records import RunRecord

_log = logging.getLogger(__name__)

T = TypeVar("T")


def attempt(what: str, how: Callable[[], T]) -> T | None:
    """Do something for a part of the report; a report does without a part that cannot be made.

    Args:
      what: it is, for the log.
      how: to do it.

    Returns:
      What came of it; None when it failed.
    """
    try:
        return how()
    except Exception:  # whatever stands in a damaged file
        _log.warning("the report goes without %s", what, exc_info=True)
        return None


def read(record: RunRecord, node: str, output: str, how: Callable[[Path], T]) -> T | None:
    """Read an artifact.

    Args:
      record: of the run.
      node: that put it out.
      output: its name there.
      how: to read its folder.

    Returns:
      What was read; None when the run did not come to it, or it is gone or damaged.
    """
    found = record.outputs.get(node, {}).get(output)
    if found is None or not Path(found.uri).exists():
        return None
    return attempt(f"{output} of {node}", lambda: how(Path(found.uri)))
