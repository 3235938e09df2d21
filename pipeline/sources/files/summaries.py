"""Summarize the rows of a file by span, once for as long as the file does not change."""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

import duckdb
from pydantic import BaseModel

from pipeline.settings.base import Frozen
from pipeline.sources.files.discovery import DataFile
from pipeline.sources.files.tables import Table, refused
from pipeline.sources.sql import identifier, text
from pipeline.sources.values import column_types
from pipeline.sources.values.labels import Label
from pipeline.sources.values.reading import Reading
from serving.storage import local

# Most conditions are broken by one of the first rows, so they need not be counted in all rows.
_SAMPLE = 10_000
_MAX_EXAMPLES = 20
_MAX_MEASURED = 40
# A file that has just been written may be written again without another time of change.
_SETTLED_SECONDS = 0.05


class ColumnSummary(Frozen):
    """What a span's rows in one file have in a column.

    Args:
      values: number of values; missing ones are not counted.
      exceptions: number of values that break a condition, at least, by the condition's name.
      examples: the first different values of the label; default none, for other columns.
    """

    values: int
    exceptions: dict[str, int]
    examples: tuple[str, ...] = ()


class SpanSummary(Frozen):
    """A span's rows in one file.

    Args:
      rows: number of rows.
      content: sum of the rows' hashes, which does not depend on their order.
      columns: summary by column.
    """

    rows: int
    content: int
    columns: dict[str, ColumnSummary]


class FileSummary(Frozen):
    """The rows of one file.

    Args:
      kinds: DuckDB type by column, in the order of the file.
      spans: summary by span.
    """

    kinds: dict[str, str]
    spans: dict[int, SpanSummary]


class FileSpans(Frozen):
    """The spans of a file's rows.

    Args:
      spans: numbers of the spans, in order.
    """

    spans: tuple[int, ...]


_Model = TypeVar("_Model", bound=BaseModel)


class Cache:
    """Results by file, which are valid while the file and the settings are the same.

    Args:
      folder: folder of the results; None keeps nothing.
      key: text that changes with the code and the settings that the results depend on.
    """

    def __init__(self, folder: Path | None, key: str) -> None:
        self._folder = folder
        self._key = key

    def load(self, file: DataFile, kind: type[_Model], detail: str = "") -> _Model | None:
        """Return the result for a file, or None if there is none for its present state.

        Args:
          file: the file.
          kind: type of the result.
          detail: further part of the key.
        """
        try:
            path = self._path(file, kind, detail)
            return kind.model_validate_json(path.read_bytes()) if path else None
        except (OSError, ValueError):
            return None

    def store(self, file: DataFile, result: BaseModel, detail: str = "") -> None:
        """Keep the result for a file, instead of the results for its earlier states.

        Args:
          file: the file.
          result: the result.
          detail: further part of the key.
        """
        path = self._path(file, type(result), detail)
        if path is None or time.time() - file.path.stat().st_mtime < _SETTLED_SECONDS:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        prefix = path.name.partition("-")[0]
        for earlier in path.parent.glob(f"{prefix}-*"):
            earlier.unlink(missing_ok=True)
        local.replace_file(path, result.model_dump_json())

    def _path(self, file: DataFile, kind: type[BaseModel], detail: str) -> Path | None:
        if self._folder is None:
            return None
        status = file.path.stat()
        name = _digest(f"{kind.__name__}\0{os.fspath(file.path.absolute())}\0{detail}")
        state = _digest(
            f"{self._key}\0{status.st_size}\0{status.st_mtime_ns}\0{status.st_ino}\0{file}"
        )
        return self._folder / f"{name}-{state}.json"


def summarize(
    database: duckdb.DuckDBPyConnection,
    table: Table,
    span: str,
    spans: list[int] | None,
    reading: Reading,
    label: Label | None,
) -> FileSummary:
    """Summarize the rows of a file.

    Args:
      database: database that reads the file.
      table: the file's table.
      span: SQL of a row's span.
      spans: numbers of the spans to summarize; None for all.
      reading: how the text of cells is read.
      label: label of the model; None if no column is one.

    Returns:
      The summary.

    Raises:
      DataRefused: a row is malformed.
    """
    conditions = {
        name: column_types.conditions(name, kind, reading) for name, kind in table.columns.items()
    }
    where = "" if spans is None else f" WHERE ({span}) IN ({', '.join(map(str, spans))})"
    sample = f"(FROM {table.rows}{where} LIMIT {_SAMPLE})"
    broken = _measure(database, table, sample, "0", conditions, {})
    unbroken = {
        name: {
            condition: sql
            for condition, sql in conditions[name].items()
            if condition in column_types.COUNTED
            or not any(part.columns[name].exceptions[condition] for part in broken.values())
        }
        for name in table.columns
    }
    rows = f"(FROM {table.rows}{where})"
    examples = {}
    if label is not None and label.column in table.columns:
        value = label.value(table.columns[label.column], reading)
        examples[label.column] = f"list_slice(map_keys(histogram({value})), 1, {_MAX_EXAMPLES})"
    measured = _measure(database, table, rows, span, unbroken, examples)
    table.verify()
    for part in broken.values():
        for name, column in part.columns.items():
            for summary in measured.values():
                for condition, count in column.exceptions.items():
                    summary.columns[name].exceptions.setdefault(condition, count)
    return FileSummary(kinds=dict(table.columns), spans=measured)


def _measure(
    database: duckdb.DuckDBPyConnection,
    table: Table,
    rows: str,
    span: str,
    conditions: Mapping[str, Mapping[str, str]],
    examples: Mapping[str, str],
) -> dict[int, SpanSummary]:
    names = list(table.columns)
    # The second hash mixes the bits, so that sums of hashes are as unlikely to be equal as hashes.
    content = (
        f"hash(hash({', '.join(map(identifier, sorted(names)))}), {text(repr(sorted(names)))})"
    )
    totals = f"count(*), sum({content}::HUGEINT)::VARCHAR"
    spans: dict[int, SpanSummary] = {}
    # DuckDB plans a query in the square of its expressions, so wide tables take several queries.
    for first in range(0, len(names), _MAX_MEASURED):
        chosen = names[first : first + _MAX_MEASURED]
        measures = [
            measure
            for name in chosen
            for measure in _measures(name, conditions[name].values(), examples.get(name, "NULL"))
        ]
        query = f"SELECT {span}, {totals}, {', '.join(measures)} FROM {rows} GROUP BY 1"
        with refused(table):
            results = database.execute(query).fetchall()
        for part, count, total, *counts in results:
            if part is None:
                continue
            if first == 0:
                spans[int(part)] = SpanSummary(rows=count, content=int(total), columns={})
            numbers = iter(counts)
            for name in chosen:
                spans[int(part)].columns[name] = ColumnSummary(
                    values=next(numbers),
                    exceptions={condition: next(numbers) for condition in conditions[name]},
                    examples=tuple(next(numbers) or ()),
                )
        totals = "NULL, NULL"
    return spans


def _measures(name: str, conditions: Iterable[str], examples: str) -> list[str]:
    column = identifier(name)
    exceptions = [
        f"count(*) FILTER (WHERE {column} IS NOT NULL AND NOT coalesce({sql}, false))"
        for sql in conditions
    ]
    return [f"count({column})", *exceptions, examples]


def merged_exceptions(summaries: list[ColumnSummary]) -> Counter[str]:
    """Add up the exceptions of a column in several files.

    Args:
      summaries: summaries of the column.
    """
    total: Counter[str] = Counter()
    for summary in summaries:
        total.update(summary.exceptions)
    return total


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode(errors="surrogateescape")).hexdigest()[:16]
