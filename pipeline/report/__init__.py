"""The report of a run: one HTML file that needs no network."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from pipeline.records import RunRecord
from pipeline.workspace import Workspace

_log = logging.getLogger(__name__)


def path(workspace: Workspace, run_id: str) -> Path:
    """Return where the report of a run is, or would be."""
    return workspace.reports / f"{run_id}.html"


def write(workspace: Workspace, record: RunRecord) -> Path | None:
    """Write the report of a run, whole or not at all.

    Args:
      workspace: of the run.
      record: what the run did.

    Returns:
      The file; None when it could not be written, which is no reason for a run to fail.
    """
    file = path(workspace, record.run_id)
    try:
        from pipeline.report import page

        content = page.render(workspace, record)
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_name(f".{file.name}")
        with unfinished.open("w", encoding="utf-8") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        unfinished.replace(file)
    except Exception:  # whatever an artifact holds, the run's own outcome stands
        _log.exception("the report of run %s is not written", record.run_id)
        return None
    return file
