"""How the columns of both splits are distributed, and which of them moved most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tensorflow_metadata.proto.v0 import statistics_pb2

_BINS = 24
_VALUES = 10


@dataclass(frozen=True)
class Column:
    """A column of both splits.

    Args:
      name: of the column.
      distance: Jensen-Shannon divergence of eval from train, 0 to 1; counts missing values too.
      edges: of the bins, when it holds numbers.
      values: the most frequent ones, when it holds text.
      train: shares by bin or value of the rows that have one.
      eval: shares by bin or value of the rows that have one.
      missing: share of rows without a value, in train and eval.
    """

    name: str
    distance: float
    edges: Sequence[float]
    values: Sequence[str]
    train: Sequence[float]
    eval: Sequence[float]
    missing: tuple[float, float]


def moved(statistics: Path) -> list[Column]:
    """Return the columns of both splits, the one that moved most first.

    Args:
      statistics: folder of a statistics artifact.
    """
    train, eval_ = (_of_split(statistics, split) for split in ("train", "eval"))
    found = []
    for name in train.keys() & eval_.keys():
        column = _column(name, train[name], eval_[name])
        if column is not None:
            found.append(column)
    return sorted(found, key=lambda column: (-column.distance, column.name))


def _of_split(statistics: Path, split: str) -> dict[str, Any]:
    [file] = statistics.glob(f"Split-{split}/FeatureStats.pb")
    read = statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read_bytes())
    return {each.path.step[0]: each for each in read.datasets[0].features}


def _column(name: str, train: Any, eval_: Any) -> Column | None:
    kind = train.WhichOneof("stats")
    if kind != eval_.WhichOneof("stats") or kind not in ("num_stats", "string_stats"):
        return None
    both = [getattr(each, kind) for each in (train, eval_)]
    edges: Sequence[float] = ()
    values: Sequence[str] = ()
    if kind == "num_stats":
        histograms = [_histogram(each) for each in both]
        ends = [edge for each in histograms if each for edge in (each[0][0], each[0][-1])]
        if not ends or not min(ends) < max(ends):
            return None
        bins = np.linspace(min(ends), max(ends), _BINS + 1)
        shares = [_rebinned(each, bins) for each in histograms]
        edges = bins.tolist()
    else:
        counts = [_counts(each) for each in both]
        every = [*{**counts[0], **counts[1]}]
        shares = [_shares(each, every) for each in counts]
        order = sorted(range(len(every)), key=lambda place: -(shares[0] + shares[1])[place])
        shares = [each[order] for each in shares]
        values = [every[place] for place in order[:_VALUES]]
    missing = (_missing(both[0].common_stats), _missing(both[1].common_stats))
    # To have no value is to have another one.
    distance = _divergence(
        *(np.append(each * (1 - none), none) for each, none in zip(shares, missing))
    )
    drawn = len(values) or _BINS
    return Column(
        name, distance, edges, values, shares[0][:drawn].tolist(), shares[1][:drawn].tolist(),
        missing,
    )  # fmt: skip


def _missing(common: Any) -> float:
    rows = common.num_missing + common.num_non_missing
    return float(common.num_missing / rows) if rows else 0.0


def _histogram(numbers: Any) -> tuple[npt.NDArray[Any], npt.NDArray[Any]] | None:
    """Return edges and counts of the histogram with bins of equal width."""
    for histogram in numbers.histograms:
        if histogram.type == statistics_pb2.Histogram.STANDARD and histogram.buckets:
            edges = [
                histogram.buckets[0].low_value,
                *(each.high_value for each in histogram.buckets),
            ]
            counts = [each.sample_count for each in histogram.buckets]
            if np.isfinite(edges).all() and sum(counts):
                return np.array(edges), np.array(counts)
    return None


def _rebinned(
    histogram: tuple[npt.NDArray[Any], npt.NDArray[Any]] | None, edges: npt.NDArray[Any]
) -> npt.NDArray[Any]:
    """Return the share of rows in bins of other edges, as if each old bin were filled evenly."""
    if histogram is None:
        return np.zeros(len(edges) - 1)
    old, counts = histogram
    below = np.concatenate([[0.0], np.cumsum(counts)]) / counts.sum()
    return np.diff(np.interp(edges, old, below))


def _counts(text: Any) -> dict[str, float]:
    return {each.label: each.sample_count for each in text.rank_histogram.buckets}


def _shares(counts: dict[str, float], values: Sequence[str]) -> npt.NDArray[Any]:
    found = np.array([counts.get(value, 0.0) for value in values])
    return found / max(found.sum(), 1.0)


def _divergence(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> float:
    middle = (one + other) / 2

    def from_middle(part: npt.NDArray[Any]) -> float:
        some = part > 0
        return float((part[some] * np.log2(part[some] / middle[some])).sum())

    return max(0.0, (from_middle(one) + from_middle(other)) / 2)
