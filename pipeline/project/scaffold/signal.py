"""Measure how well single columns predict the label, to suspect leaks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.dataset as pads

from pipeline.sources.sql import identifier

# Rows that one column is measured on; more rows change the third digit.
_SAMPLE = 20_000
_BINS = 64
# A part with fewer rows of a label says nothing.
_MIN_ROWS = 5

Floats = npt.NDArray[np.float64]


class Signals:
    """Single columns of the train rows beside the label.

    Args:
      files: Parquet files of the train split.
      label: name of the label's column, with the values 0 and 1.
    """

    def __init__(self, files: Sequence[Path], label: str) -> None:
        self._database = duckdb.connect()
        # Arrow opens the files, because DuckDB takes file names as patterns.
        rows = pads.dataset([pads.dataset(str(file), format="parquet") for file in files])
        self._database.register("all_rows", rows)
        self._database.execute("SELECT setseed(0.5)")
        self._database.execute(
            f"CREATE TABLE rows AS SELECT * FROM all_rows USING SAMPLE reservoir({_SAMPLE} ROWS) "
            "REPEATABLE (1)"
        )
        self._label = identifier(label)

    def auc(self, column: str, numeric: bool) -> float | None:
        """Return the AUC of the best rule from one column; None if the rows are too few.

        The rule is made from one half of the rows and measured on the other, so many values or many
        columns do not look like a signal.

        Args:
          column: name of the column.
          numeric: whether the values are numbers.
        """
        name = identifier(column)
        value = f"{name}::DOUBLE" if numeric else f"{name}::VARCHAR"
        rows = self._database.execute(
            f"SELECT {value} AS value, {self._label} AS label FROM rows "
            f"WHERE {self._label} IS NOT NULL"
        ).df()
        labels = rows["label"].to_numpy(np.int64)
        if numeric:
            numbers = rows["value"].to_numpy(np.float64, na_value=np.nan)
            codes = _bins(numbers)
        else:
            codes = pd.factorize(rows["value"])[0] + 1
        halves = np.random.default_rng(1).permutation(len(labels)) % 2
        areas = [
            area
            for half in (0, 1)
            if (area := _measured(codes, labels, halves == half)) is not None
        ]
        if not areas:
            return None
        from_rule = float(np.mean(areas))
        return max(from_rule, _ranked(numbers, labels) if numeric else 0.0)


def _bins(numbers: Floats) -> npt.NDArray[np.int64]:
    present = numbers[np.isfinite(numbers)]
    if not present.size:
        return np.zeros(len(numbers), np.int64)
    edges = np.unique(np.quantile(present, np.linspace(0, 1, _BINS + 1)[1:-1]))
    return np.where(np.isfinite(numbers), np.searchsorted(edges, numbers, "right"), _BINS)


def _measured(
    codes: npt.NDArray[np.int64], labels: npt.NDArray[np.int64], held_out: npt.NDArray[np.bool_]
) -> float | None:
    """Return the AUC on the held-out rows of each value's share of positives in the others."""
    size = int(codes.max(initial=0)) + 1
    train = ~held_out
    share = labels[train].mean() if train.any() else 0.0
    positives = np.bincount(codes[train], labels[train], size)
    counts = np.bincount(codes[train], minlength=size)
    # One more row with the average label keeps rare values from looking certain.
    return area(
        (positives + share)[codes[held_out]] / (counts + 1)[codes[held_out]], labels[held_out]
    )


def _ranked(numbers: Floats, labels: npt.NDArray[np.int64]) -> float:
    present = np.isfinite(numbers)
    if present.mean() < 0.5:
        return 0.0
    ranked = area(numbers[present], labels[present])
    return 0.0 if ranked is None else max(ranked, 1 - ranked)


def area(scores: Floats, labels: npt.NDArray[np.int64]) -> float | None:
    """Return the area under the ROC curve; None with too few rows of a label.

    Args:
      scores: scores [rows].
      labels: labels 0 or 1 [rows].
    """
    positives = int(labels.sum())
    negatives = len(labels) - positives
    if min(positives, negatives) < _MIN_ROWS:
        return None
    _, position, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[position]
    rank_sum = float(ranks[labels == 1].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)
