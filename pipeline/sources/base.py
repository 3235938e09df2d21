"""What a source of rows must offer."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

# Columns that say where a row came from: the source's file, and the row's number in it (the first
# row of data is 1). They are for people, never for a model.
FILE_COLUMN = "_source_file"
ROW_COLUMN = "_source_row"
RESERVED = "_source_"
PROVENANCE = (FILE_COLUMN, ROW_COLUMN)


class Source(Protocol):
    """Rows that fall into spans: numbered stretches of time."""

    def fingerprint(self) -> str:
        """Return a text that changes when the rows would."""

    def spans(self) -> list[int]:
        """Return the spans there are, oldest first."""

    def write(self, span: int, file: Path) -> None:
        """Write one span's rows as a Parquet file, with the columns of `PROVENANCE`."""
