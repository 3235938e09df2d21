"""Open a database whose memory does not grow with the rows."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb

from pipeline.sources.sql import text

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
