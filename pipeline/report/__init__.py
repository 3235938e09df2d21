"""The report of a run: one HTML file that needs no network."""

from __future__ import annotations

import logging
from pathlib import Path

from pipeline.runs.records import RunRecord
from pipeline.workspace import Workspace
from serving.storage import local

_log = logging.getLogger(__name__)


def path(workspace: Workspace, run_id: str) -> Path:
    """Return where the report of a run is, or would be."""
    return workspace.reports / f"{run_id}.html"


def build(workspace: Workspace, record: RunRecord) -> Path:
    """Write the report of a run, whole or not at all.

    Args:
      workspace: of the run.
      record: what the run did.

    Returns:
      The file.

    Raises:
      OSError: it could not be written.
    """
    from pipeline.report import page

    file = path(workspace, record.run_id)
    content = page.render(workspace, record)
    file.parent.mkdir(parents=True, exist_ok=True)
    # A path may contain bytes that are not text, so they are escaped.
    local.replace_file(file, content.encode("utf-8", "backslashreplace"))
    return file


def write(workspace: Workspace, record: RunRecord) -> Path | None:
    """Write the report of a run that ends.

    Args:
      workspace: of the run.
      record: what the run did.

    Returns:
      The file; None when it could not be written, which is no reason for a run to fail.
    """
    try:
        return build(workspace, record)
    except Exception:  # the run's own outcome stands
        _log.exception("the report of run %s is not written", record.run_id)
        return None
