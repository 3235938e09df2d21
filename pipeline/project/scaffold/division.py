"""Choose how a table is divided into train and eval: by time, by file names, or by a hash."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pyarrow.parquet as pq

from pipeline.errors import DataRefused, UsageError
from pipeline.project.scaffold import table as tables
from pipeline.project.scaffold.table import Table
from pipeline.settings.source import SourceSettings
from pipeline.sources import open_source
from pipeline.sources.hash_split import HashedSource

# From coarse to fine, around the usual one.
_PERIODS = tuple(
    period
    for period in ("year", "quarter", "month", "week", "day", "hour")
    if period in get_args(SourceSettings.model_fields["period"].annotation)
)
_USUAL = "month"
# Rows that are enough to train on, and the maximum number of spans to get them from.
_TRAIN_ROWS, _MAX_WINDOW, _MIN_WINDOW = 20_000, 36, 3
# A smaller span says little about a model.
_EVAL_ROWS = 200


@dataclass(frozen=True)
class Division:
    """A table that is divided into train and eval.

    Args:
      table: rows of the table.
      hashed: whether a hash divides the rows.
      reason: why the rows are divided in this way.
    """

    table: Table
    hashed: bool
    reason: str


def divide(source: SourceSettings, folder: Path) -> Division:
    """Read a table, and divide it.

    Args:
      source: settings of the source with `path`, and `time_column` or `split_keys` if the user
        states them.
      folder: folder for the rows.

    Raises:
      UsageError: the table has one span only, or the source's settings are wrong.
      DataRefused: the table cannot be read.
    """
    if source.time_column:
        try:
            return _by_time(source, folder)
        except DataRefused:
            if source.time_format:
                raise
            form = _time_format(source, folder)
            if form is None:
                raise
        return _by_time(source.model_copy(update={"time_format": form}), folder)
    opened = open_source(source)
    if isinstance(opened, HashedSource):
        chosen = source.model_copy(update={"split": "hash"})
        table = tables.read(chosen, folder)
        return Division(table, True, f"no --time: {table.layout.describe(chosen.window)}")
    spans = opened.spans()
    if len(spans) < 2:
        chosen = source.model_copy(update={"split": "hash"})
        table = tables.read(chosen, folder)
        reason = f"no --time, and one span by file name: {table.layout.describe(chosen.window)}"
        return Division(table, True, reason)
    table = _with_window(source, folder, len(spans))
    return Division(table, False, f"spans by the digits in file names: {_describe(table)}")


def _time_format(source: SourceSettings, folder: Path) -> str | None:
    """Return the form of a time column that is not ISO 8601; None for no common form."""
    column = source.time_column or ""
    rows = tables.read(
        source.model_copy(update={"time_column": None, "split": "hash"}), folder / "times"
    )
    forms = tables.time_formats(rows, column)
    if len(forms) > 1:
        raise UsageError(
            f"--time {column}: cannot tell the day from the month, because all values fit "
            f"{' and '.join(forms[:2])}.",
            f"pass --time-format {shlex.quote(forms[0])} or --time-format {shlex.quote(forms[1])}",
        )
    return forms[0] if forms else None


def _by_time(source: SourceSettings, folder: Path) -> Division:
    period = _USUAL
    table = _read_period(source, folder, period)
    if table is None:
        for period in _PERIODS[_PERIODS.index(_USUAL) + 1 :]:
            table = _read_period(source, folder, period)
            if table is not None:
                break
        else:
            raise UsageError(
                f"--time {source.time_column}: all rows are in one hour, so no rows are newer.",
                "leave out --time; a hash then divides the rows",
            )
    else:
        for coarser in reversed(_PERIODS[: _PERIODS.index(_USUAL)]):
            if _rows(table.eval) >= _EVAL_ROWS:
                break
            longer = _read_period(source, folder, coarser)
            if longer is None:
                break
            table, period = longer, coarser
    return Division(
        table, False, f"spans of a {period} by {source.time_column}: {_describe(table)}"
    )


def _read_period(source: SourceSettings, folder: Path, period: str) -> Table | None:
    """Return the table in spans of a period; None if there is only one span."""
    chosen = SourceSettings.model_validate(source.model_dump() | {"period": period})
    spans = open_source(chosen).spans()
    return _with_window(chosen, folder, len(spans)) if len(spans) > 1 else None


def _with_window(source: SourceSettings, folder: Path, spans: int) -> Table:
    """Read the newest spans: at least three to train on, and more if they have few rows."""
    longest = min(spans - 1, _MAX_WINDOW)
    table = tables.read(source.model_copy(update={"window": longest}), folder)
    rows = 0
    for window, file in enumerate(reversed(table.train), 1):
        rows += _rows([file])
        if window >= _MIN_WINDOW and rows >= _TRAIN_ROWS:
            return tables.read(source.model_copy(update={"window": window}), folder)
    return table


def _rows(files: Sequence[Path]) -> int:
    return sum(pq.read_metadata(file).num_rows for file in files)


def _describe(table: Table) -> str:
    return table.layout.describe(table.source.window)
