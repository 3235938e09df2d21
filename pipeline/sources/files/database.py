"""Open a database whose memory does not grow with the rows."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from pathlib import Path

import duckdb

from pipeline.sources.sql import text

_SCRATCH = ".scratch-"
_ABANDONED_SECONDS = 24 * 3600
_MEMORY = "512MB"
# DuckDB's readers take a path as a pattern. Brackets make these characters literal.
_PATTERN = re.compile(r"[*?\[]")


def connect(scratch: Path, time_zone: str) -> duckdb.DuckDBPyConnection:
    """Return an empty database in memory, whose larger results are spilled to disk.

    Args:
      scratch: folder for the spilled results.
      time_zone: IANA time zone of times without a zone, and of spans.
    """
    database = duckdb.connect()
    database.execute(f"SET TimeZone = {text(time_zone)}")
    database.execute(f"SET memory_limit = '{_MEMORY}'")
    database.execute(f"SET temp_directory = {text(str(scratch))}")
    return database


def scratch_folder(workspace: Path | None) -> tempfile.TemporaryDirectory[str]:
    """Create a folder for spilled results and converted files; it is removed with the object.

    Args:
      workspace: folder of all state; None for the system's temporary folder.
    """
    if workspace is None:
        return tempfile.TemporaryDirectory(prefix="taxiway-")
    folder = workspace.resolve() / "data"
    folder.mkdir(parents=True, exist_ok=True)
    latest = time.time() - _ABANDONED_SECONDS
    for abandoned in folder.glob(f"{_SCRATCH}*"):
        if abandoned.stat().st_mtime < latest:  # its process was killed
            shutil.rmtree(abandoned, ignore_errors=True)
    return tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=folder)


def path_literal(path: Path) -> str:
    """Return the SQL literal of a path for DuckDB's readers, which matches this path alone.

    Args:
      path: path of a file.
    """
    return text(_PATTERN.sub(r"[\g<0>]", str(path)))


def summary(error: duckdb.Error) -> str:
    """Return the first paragraph of an error in one line.

    Args:
      error: error of DuckDB.
    """
    return " ".join(str(error).split("\n\n")[0].split())
