"""Divide rows without a time by a hash of their content."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow.dataset as pads

from pipeline.errors import DataRefused, UsageError
from pipeline.findings import RejectedRow
from pipeline.settings.source import SourceSettings
from pipeline.sources.base import PROVENANCE, Rows, Source
from pipeline.sources.files.database import connect
from pipeline.sources.sql import identifier, text

# The one span of rows that have no time.
SPAN = 1

# The upper half of an MD5 hash is a number below 2**64.
_HASHES = 2**64
_MAX_REJECTED_ROWS = 1000


@dataclass(frozen=True)
class HashSplit:
    """A deterministic division into train rows and eval rows.

    Rows with equal keys are in one split, whatever the order, the number and the files of the rows.
    A row stays in its split when other rows come or go.

    Args:
      keys: names of the columns to hash; none for the whole row.
      eval_fraction: expected fraction of the rows, or of the keys, to evaluate on.
    """

    keys: tuple[str, ...]
    eval_fraction: float

    def describe(self) -> str:
        """Return one line about the split, which states what it hides."""
        by = f"a hash of {', '.join(self.keys)}" if self.keys else "a hash of the row"
        return (
            f"train {1 - self.eval_fraction:.0%}, eval {self.eval_fraction:.0%} of the rows by "
            f"{by}; this flatters a model on data that changes in time"
        )

    def in_eval(self, kinds: Mapping[str, str]) -> str:
        """Return the SQL condition of the eval rows.

        Args:
          kinds: DuckDB type by column of data.
        """
        # MD5 is the same in every release of DuckDB; its function hash() is not.
        content = ", ".join(_cell(name, kinds[name]) for name in sorted(self.keys or kinds))
        limit = round(self.eval_fraction * _HASHES)
        return f"md5_number_upper(concat({content})) < {limit}"


class HashedSource:
    """The rows of a source with one span, divided by a hash.

    Args:
      source: source of the rows, whose only span is `SPAN`.
      split: how the rows are divided.
    """

    def __init__(self, source: Source, split: HashSplit) -> None:
        self._source = source
        self.split = split

    @property
    def remark(self) -> str:
        """What a user must know about the source; or ""."""
        return self._source.remark

    def spans(self) -> list[int]:
        """Return the one span, or none if there are no rows."""
        return self._source.spans()

    def select(self, spans: Sequence[int]) -> HashedRows:
        """Return the rows.

        Args:
          spans: the one span.
        """
        return HashedRows(self._source.select(spans), self.split)


class HashedRows:
    """The rows of a source with one span, divided by a hash.

    Args:
      rows: rows of the source.
      split: how the rows are divided.
    """

    def __init__(self, rows: Rows, split: HashSplit) -> None:
        self._rows = rows
        self.split = split

    @property
    def remark(self) -> str:
        """What a user must know about the values; or ""."""
        return self._rows.remark

    def fingerprint(self, span: int) -> str:
        """Return a text that changes when the rows or their division change.

        Args:
          span: number of the span.
        """
        content = f"{self._rows.fingerprint(span)} {self.split}".encode()
        return hashlib.sha256(content + Path(__file__).read_bytes()).hexdigest()

    def in_place(self, span: int) -> None:
        """Return None, because the rows are divided.

        Args:
          span: number of the span.
        """

    def write(self, span: int, file: Path) -> None:
        """Write all rows as a Parquet file, with the columns of `PROVENANCE`.

        Args:
          span: number of the span.
          file: path of the Parquet file.
        """
        self._rows.write(span, file)

    def write_splits(self, folder: Path) -> None:
        """Write the rows as `train/1.parquet` and `eval/1.parquet`.

        Args:
          folder: folder for the two folders; created when missing.

        Raises:
          UsageError: a key is no column.
          DataRefused: a row has no key, or a split has no rows.
        """
        folder.mkdir(parents=True, exist_ok=True)
        rows = folder / "rows.parquet"
        self._rows.write(SPAN, rows)
        database = connect(folder, "UTC")
        # Arrow opens the file, because DuckDB takes file names as patterns.
        database.register("rows", pads.dataset(str(rows), format="parquet"))
        described = database.execute("DESCRIBE rows").fetchall()
        kinds = {name: kind for name, kind, *_ in described if name not in PROVENANCE}
        self._check_keys(database, kinds)
        in_eval = self.split.in_eval(kinds)
        for split, condition in (("train", f"NOT {in_eval}"), ("eval", in_eval)):
            (folder / split).mkdir()
            file = folder / split / f"{SPAN}.parquet"
            written = database.execute(
                f"COPY (SELECT * FROM rows WHERE {condition}) TO {text(str(file))} (FORMAT parquet)"
            ).fetchone()
            if written is None or not written[0]:
                raise self._no_rows(split)
        database.close()
        rows.unlink()

    def _check_keys(self, database: duckdb.DuckDBPyConnection, kinds: Mapping[str, str]) -> None:
        for key in self.split.keys:
            if key not in kinds:
                close = difflib.get_close_matches(key, kinds, n=1)
                hint = f"did you mean {close[0]}?" if close else f"columns: {', '.join(kinds)}"
                raise UsageError(f"source.split_keys: no column {key}; {hint}")
        for key in self.split.keys:
            missing = f"FROM rows WHERE {identifier(key)} IS NULL"
            [count] = database.execute(f"SELECT count(*) {missing}").fetchone() or [0]
            if not count:
                continue
            rows = database.execute(
                f"SELECT {', '.join(PROVENANCE)} {missing} LIMIT {_MAX_REJECTED_ROWS}"
            ).fetchall()
            raise DataRefused(
                f"source.split_keys: {count:,} rows have no value in {key}, so rows of one key "
                "could be in both splits.",
                f"fix the rows, or remove {key} from source.split_keys",
                rows=tuple(
                    RejectedRow(file, str(row), key, "no value", "a value in every row")
                    for file, row in rows
                ),
            )

    def _no_rows(self, split: str) -> DataRefused:
        keys = self.split.keys
        what = f"too few values of {', '.join(keys)}" if keys else "too few rows"
        return DataRefused(
            f"the hash split leaves no rows for {split}, because the source has {what}.",
            "add rows, or change source.eval_fraction or source.split_keys",
        )


def choose(settings: SourceSettings, names: Sequence[str]) -> HashSplit | None:
    """Return the hash split of a folder source; None if its rows are divided by time.

    Args:
      settings: settings of the source.
      names: names of the source's files.
    """
    hashed = settings.split == "hash" or bool(settings.split_keys)
    if settings.split is None and settings.time_column is None and len(names) == 1:
        hashed |= not re.search(r"\d", names[0].partition(".")[0])
    return HashSplit(settings.split_keys, settings.eval_fraction) if hashed else None


def _cell(name: str, kind: str) -> str:
    """Return SQL for a column's name and value as unambiguous text; NULL if it has no value."""
    column = identifier(name)
    value = f"{column}::VARCHAR"
    if kind in ("FLOAT", "DOUBLE"):
        # A column of whole numbers becomes a column of numbers when a value is missing.
        whole = f"try_cast({column} AS BIGINT)"
        value = f"CASE WHEN {column} = {whole} THEN {whole}::VARCHAR ELSE {column}::VARCHAR END"
    # concat leaves NULL out, so a new column without values moves no row.
    return f"{text(f'{len(name)}:{name}=')} || length({value}) || ':' || {value}"
