"""The interface that every data source implements."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

# Columns that state the origin of a row: the source's file, and the row's number in it (the first
# row of data is 1). Users read them; no model is trained on them.
FILE_COLUMN = "_source_file"
ROW_COLUMN = "_source_row"
RESERVED = "_source_"
PROVENANCE = (FILE_COLUMN, ROW_COLUMN)


class Source(Protocol):
    """Rows that are divided into spans: numbered periods of time."""

    def fingerprint(self) -> str:
        """Return a text that changes when the rows change."""

    def spans(self) -> list[int]:
        """Return all spans of the source, oldest first."""

    def write(self, span: int, file: Path) -> None:
        """Write one span's rows as a Parquet file, with the columns of `PROVENANCE`.

        Args:
          span: number of the span.
          file: path of the Parquet file.
        """
