"""Read the rows of one file as a run reads them, to check them or to send them to a model."""

from __future__ import annotations

import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import DataRefused, UsageError
from pipeline.settings.source import SourceSettings
from pipeline.sources.base import ROW_COLUMN
from pipeline.sources.files import readers
from pipeline.sources.files.database import connect
from pipeline.sources.files.discovery import SUPPORTED, discover
from pipeline.sources.files.tables import refused
from pipeline.sources.sql import identifier
from pipeline.sources.values import column_types
from pipeline.sources.values.labels import Label
from pipeline.sources.values.reading import Reading
from schema import requests
from schema.rows import Row

_TARGETS = {"INT": "BIGINT", "FLOAT": "DOUBLE"}


def load_rows(
    file: Path,
    settings: SourceSettings,
    types: Mapping[str, str],
    label: Label | None = None,
    limit: int | None = None,
) -> Iterator[Row]:
    """Read the rows of a file by the settings of the source.

    Args:
      file: file of any format that a source reads, or of JSON rows as in a request.
      settings: settings of the source.
      types: `INT`, `FLOAT` or `BYTES` by column, from the curated schema.
      label: label of the model, which becomes 0 or 1; default None.
      limit: maximum number of rows of a file; default None for all.

    Yields:
      Values by column, None if missing; a value that does not fit its type stays as it is.

    Raises:
      UsageError: it is a folder, or a file of another format.
      DataRefused: the file is malformed.
      ValueError: the file of JSON rows is malformed.
      OSError: the file cannot be read.
    """
    if file.suffix.lower() in requests.SUFFIXES:
        yield from requests.load_rows(file)
        return
    if stat.S_ISDIR(file.stat().st_mode):
        raise UsageError(f"{file}: expected a file, got a folder.", "pass one file of it")
    try:
        files = discover(file).files
    except UsageError as error:
        raise UsageError(error.what, f"pass a file of a supported format: {SUPPORTED}") from error
    reading = Reading.from_settings(settings)
    with tempfile.TemporaryDirectory(prefix="taxiway-") as scratch:
        database = connect(Path(scratch), reading.time_zone)
        for data_file in files:
            with _naming_the_first_row():
                table = readers.open_table(database, data_file, Path(scratch), reading)
            cells = [
                sql
                for name, kind in table.columns.items()
                for sql in _cell(name, kind, types.get(name), reading, label)
            ]
            # A reader reports malformed rows after it has read the file.
            with _naming_the_first_row(), refused(table):
                rows = database.execute(
                    f"SELECT {', '.join(cells)} FROM {table.rows} ORDER BY {ROW_COLUMN}"
                    + ("" if limit is None else f" LIMIT {limit}")
                ).fetchall()
                table.verify()
            names = list(table.columns)
            for row in rows:
                values = zip(names, row[::2], row[1::2])
                yield {name: fit if fit is not None else raw for name, fit, raw in values}


def _cell(
    name: str, kind: str, expected: str | None, reading: Reading, label: Label | None
) -> tuple[str, str]:
    """Return the SQL of a value of the expected type or NULL, and of the value as it is."""
    raw = column_types.present(name, kind, reading)
    if column_types.is_nested(kind):
        return "NULL", identifier(name)
    if label is not None and name == label.column:
        return label.convert(kind, reading), raw
    if expected is None:
        return "NULL", column_types.convert(name, kind, column_types.TEXT, reading)
    if expected not in _TARGETS:
        return column_types.as_text(name, kind, reading), raw
    conditions = column_types.conditions(name, kind, reading)
    fits = conditions.get(expected.lower(), "true")
    converted = column_types.convert(name, kind, _TARGETS[expected], reading)
    return f"CASE WHEN {fits} THEN {converted} END", raw


@contextmanager
def _naming_the_first_row() -> Iterator[None]:
    try:
        yield
    except DataRefused as error:
        if not error.rows or error.rows[0].row in ("", "header"):
            raise
        first = error.rows[0]
        cell = ", column ".join(filter(None, [first.row, first.column]))
        raise DataRefused(
            f"{error.what} The first is {cell}: expected {first.expected}, got {first.actual}.",
            error.next_step,
            rows=error.rows,
        ) from error
