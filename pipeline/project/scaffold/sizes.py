"""Choose bounds and training settings that fit the size of a table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

# Standard errors above 0.5 that a model without skill exceeds in 1 of 40 runs.
_Z = 2.0
# Rows from which a slice's AUC says something, and the least positives and negatives in it.
_SLICE_ROWS, _SLICE_LABELS = 200, 20
_MAX_SLICE_VALUES = 50
# Steps that a network of this size takes to fit small data.
_STEPS = 1500


@dataclass(frozen=True)
class Counts:
    """The sizes of the two splits.

    Args:
      train: rows to train on.
      eval: rows to evaluate on.
      train_positives: positive labels among the train rows.
      eval_positives: positive labels among the eval rows.
    """

    train: int
    eval: int
    train_positives: int
    eval_positives: int

    @property
    def shares(self) -> tuple[float, float]:
        """Share of positives in both splits."""
        return self.train_positives / self.train, self.eval_positives / self.eval


@dataclass(frozen=True)
class Sizes:
    """Settings that depend on the number of rows.

    Args:
      min_auc: minimum AUC.
      max_auc_drop: maximum drop of AUC below the latest blessed model's.
      min_slice_rows: number of rows from which a slice is evaluated.
      min_slice_auc: minimum AUC of every slice.
      decision_threshold: score from which a row counts as positive.
      min_frequency: number of rows with a value for the value to enter a vocabulary.
      min_rows: minimum number of rows in every split.
      min_label_share: minimum share of positive labels.
      max_label_share: maximum share of positive labels.
      batch_size: rows in a training step.
      epochs: maximum number of epochs.
      patience: epochs to wait for a better validation loss.
      small: why the table is too small for some checks; "" if it is not.
    """

    min_auc: float
    max_auc_drop: float
    min_slice_rows: int
    min_slice_auc: float
    decision_threshold: float
    min_frequency: int
    min_rows: int
    min_label_share: float
    max_label_share: float
    batch_size: int
    epochs: int
    patience: int
    small: str


def choose(counts: Counts) -> Sizes:
    """Return the settings for a table.

    Args:
      counts: sizes of the splits; both have positive and negative labels.
    """
    positives, negatives = counts.eval_positives, counts.eval - counts.eval_positives
    without_skill = standard_error(0.5, positives, negatives)
    good = standard_error(0.8, positives, negatives)
    batch = _batch_size(counts.train)
    steps = math.ceil(0.9 * counts.train / batch)
    epochs = min(100, max(6, math.ceil(_STEPS / steps)))
    share = counts.train_positives / counts.train
    low, high = min(counts.shares), max(counts.shares)
    return Sizes(
        min_auc=max(0.52, min(0.9, _up(0.5 + _Z * without_skill))),
        max_auc_drop=max(0.02, _up(good)),
        min_slice_rows=max(_SLICE_ROWS, min(1000, counts.eval // 20)),
        min_slice_auc=0.52 if counts.eval >= 20_000 else 0.5,
        decision_threshold=min(0.95, max(0.01, round(share, 2))),
        min_frequency=min(20, max(2, counts.train // 100)),
        min_rows=max(1, min(counts.train, counts.eval) // 2),
        min_label_share=_two_digits(low / 2),
        max_label_share=round(1 - _two_digits((1 - high) / 2), 6),
        batch_size=batch,
        epochs=epochs,
        patience=2 if epochs <= 10 else max(3, epochs // 6),
        small=_small(counts),
    )


def standard_error(auc: float, positives: int, negatives: int) -> float:
    """Return the standard error of an AUC, as in Hanley and McNeil, Radiology 143 (1982).

    Args:
      auc: area under the ROC curve.
      positives: number of positive rows.
      negatives: number of negative rows.
    """
    first, second = auc / (2 - auc), 2 * auc * auc / (1 + auc)
    variance = (
        auc * (1 - auc)
        + (positives - 1) * (first - auc * auc)
        + (negatives - 1) * (second - auc * auc)
    ) / (positives * negatives)
    return math.sqrt(max(0.0, variance))


def sliceable(rows: Mapping[str, tuple[int, int]], min_slice_rows: int) -> bool:
    """Return whether at least two values of a column have enough eval rows.

    Args:
      rows: rows and positives in the eval split by value.
      min_slice_rows: minimum number of rows of a slice.
    """
    large = [
        value
        for value, (count, positives) in rows.items()
        if count >= min_slice_rows and min(positives, count - positives) >= _SLICE_LABELS
    ]
    return len(large) >= 2 and len(rows) <= _MAX_SLICE_VALUES


def _small(counts: Counts) -> str:
    if counts.eval >= 2 * _SLICE_ROWS:
        return ""
    positives, negatives = counts.eval_positives, counts.eval - counts.eval_positives
    error = standard_error(0.8, positives, negatives)
    return (
        f"{counts.eval:,} eval rows are too few to evaluate slices; the 95 % interval of an AUC of "
        f"0.8 is ±{1.96 * error:.2f}, and vocabularies have few rows for a value"
    )


def _batch_size(rows: int) -> int:
    return int(min(512, max(16, 2 ** round(math.log2(max(1, rows) / 30)))))


def _up(value: float) -> float:
    return math.ceil(100 * value) / 100


def _two_digits(value: float) -> float:
    """Round down to two significant digits."""
    if value <= 0:
        return 0.0
    digits = 1 - math.floor(math.log10(value))
    return float(math.floor(value * 10**digits) / 10**digits)
