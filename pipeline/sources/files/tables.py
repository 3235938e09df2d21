"""Open a file of any format as a table of DuckDB."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb

from pipeline.errors import DataRefused
from pipeline.findings import RejectedRow
from pipeline.sources.base import RESERVED


@dataclass(frozen=True)
class Table:
    """A file's rows; they are read when a query reads them.

    Args:
      name: name of the file, for messages and for the rows' provenance.
      columns: DuckDB type by column, in the order of the file.
      rows: SQL after FROM: these columns, and `ROW_COLUMN` with the row's number in the file.
      verify: function that raises `DataRefused` for the malformed rows that the last query met;
        a reader of a text format reports them afterwards.
    """

    name: str
    columns: Mapping[str, str]
    rows: str
    verify: Callable[[], None] = lambda: None


@contextmanager
def refused(table: Table) -> Iterator[None]:
    """Turn DuckDB's errors about a file's content into refusals.

    Args:
      table: the file's table.

    Raises:
      DataRefused: the file cannot be read.
    """
    try:
        yield
    except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
        reason = " ".join(str(error).splitlines()[0].split()).rpartition("Error: ")[2].rstrip(".")
        raise malformed(table.name, "", reason, "well-formed rows") from error


def check_names(file: str, names: Iterable[str]) -> None:
    """Refuse column names that DuckDB or Taxiway cannot tell apart.

    Args:
      file: name of the file, for messages.
      names: the file's column names.

    Raises:
      DataRefused: a name is empty, reserved, or repeated in any case.
    """
    by_folded: dict[str, str] = {}
    for name in names:
        folded = name.casefold()
        if not name.strip():
            raise malformed(file, "", "a column without a name", "a name for every column")
        if folded.startswith(RESERVED):
            raise malformed(file, name, "a reserved name", "a name without this prefix")
        if by_folded.get(folded) == name:
            raise malformed(file, name, "two columns of this name", "every name once")
        if folded in by_folded:
            raise malformed(
                file,
                name,
                f"also a column {by_folded[folded]}",
                "names that differ by more than case",
            )
        by_folded[folded] = name


def malformed(file: str, column: str, actual: str, expected: str) -> DataRefused:
    """Return the error of a file that cannot be read.

    Args:
      file: name of the file.
      column: name of the column; "" for the whole file.
      actual: what the file has.
      expected: what it should have.
    """
    location = f"{file}, column {column}" if column else file
    return DataRefused(
        f"{location}: expected {expected}, got {actual}.",
        "fix the file, or remove it from the folder",
        rows=(RejectedRow(file, "header", column, actual, expected),),
    )
