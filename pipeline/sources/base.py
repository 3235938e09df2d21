"""The interface that every data source implements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

# Columns that state the origin of a row: the source's file, and the row's number in it (the first
# row of data is 1). Users read them; no model is trained on them.
FILE_COLUMN = "_source_file"
ROW_COLUMN = "_source_row"
RESERVED = "_source_"
PROVENANCE = (FILE_COLUMN, ROW_COLUMN)


class Rows(Protocol):
    """The rows of the spans that a run uses."""

    @property
    def remark(self) -> str:
        """What a user must know about the values, such as missing ones; or ""."""

    def fingerprint(self, span: int) -> str:
        """Return a text that changes when the span's rows change, as they are written.

        Args:
          span: number of the span.
        """

    def in_place(self, span: int) -> Mapping[str, Path] | None:
        """Return the files that already have exactly the span's rows in the written form, by name.

        They do not have the columns of `PROVENANCE`.

        Args:
          span: number of the span.

        Returns:
          The files, or None if the rows must be written.
        """

    def write(self, span: int, file: Path) -> None:
        """Write one span's rows as a Parquet file, with the columns of `PROVENANCE`.

        Args:
          span: number of the span.
          file: path of the Parquet file.
        """


class Source(Protocol):
    """Rows that are divided into spans: numbered periods of time."""

    @property
    def remark(self) -> str:
        """What a user must know about the source, such as files that are left out; or ""."""

    def spans(self) -> list[int]:
        """Return all spans of the source, oldest first."""

    def select(self, spans: Sequence[int]) -> Rows:
        """Return the rows of some spans, whose columns have the same types in all of them.

        Args:
          spans: numbers of the spans.
        """
