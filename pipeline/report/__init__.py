"""Write the report of a run: one HTML file that loads nothing from the network."""

from __future__ import annotations

import logging
from pathlib import Path

from pipeline.runs.records import RunRecord
from pipeline.workspace import Workspace
from serving.storage import local

_log = logging.getLogger(__name__)


def path(workspace: Workspace, run_id: str) -> Path:
    """Return the path of a run's report, whether the file exists or not.

    Args:
      workspace: workspace of the run.
      run_id: id of the run.
    """
    return workspace.reports / f"{run_id}.html"


def build(workspace: Workspace, record: RunRecord) -> Path:
    """Write the report of a run; an error leaves no partial file.

    Args:
      workspace: workspace of the run.
      record: record of the run.

    Returns:
      The file.

    Raises:
      OSError: the file cannot be written.
    """
    from pipeline.report import page

    file = path(workspace, record.run_id)
    content = page.render(workspace, record)
    file.parent.mkdir(parents=True, exist_ok=True)
    # A path may contain bytes that are not text, so they are escaped.
    local.replace_file(file, content.encode("utf-8", "backslashreplace"))
    return file


def write(workspace: Workspace, record: RunRecord) -> Path | None:
    """Write the report at the end of a run; log an error, because the run itself may be good.

    Args:
      workspace: workspace of the run.
      record: record of the run.

    Returns:
      The file; None if it cannot be written.
    """
    try:
        return build(workspace, record)
    except Exception:  # the run keeps its own outcome
        _log.exception("cannot write the report of run %s", record.run_id)
        return None
