"""Compare the distributions of the columns in both splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tensorflow_metadata.proto.v0 import statistics_pb2

from pipeline.report import numbers

_BINS = 24
_VALUES = 8


@dataclass(frozen=True)
class Column:
    """The distribution of a column in both splits.

    Args:
      name: name of the column.
      distance: Jensen-Shannon divergence of eval from train, 0 to 1; missing values count as a
        value.
      edges: edges of the bins for numbers, without the outer 10 % of the rows if outliers are far;
        empty for text.
      values: the most frequent values for text; empty for numbers.
      train: share of train's rows with a value, by bin or value.
      eval: share of eval's rows with a value, by bin or value.
      missing: share of rows without a value, in train and eval.
    """

    name: str
    distance: float
    edges: Sequence[float]
    values: Sequence[str]
    train: Sequence[float]
    eval: Sequence[float]
    missing: tuple[float, float]


def by_distance(statistics: Path) -> list[Column]:
    """Return the columns of both splits, the one with the largest distance first.

    Args:
      statistics: folder of a statistics artifact.
    """
    train, eval_ = (_features(statistics, split) for split in ("train", "eval"))
    columns = []
    for name in train.keys() & eval_.keys():
        column = _column(name, train[name], eval_[name])
        if column is not None:
            columns.append(column)
    return sorted(columns, key=lambda column: (-column.distance, column.name))


def _features(statistics: Path, split: str) -> dict[str, Any]:
    [file] = statistics.glob(f"Split-{split}/FeatureStats.pb")
    read = statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read_bytes())
    return {feature.path.step[0]: feature for feature in read.datasets[0].features}


def _column(name: str, train: Any, eval_: Any) -> Column | None:
    kind = train.WhichOneof("stats")
    if kind != eval_.WhichOneof("stats") or kind not in ("num_stats", "string_stats"):
        return None
    both = [getattr(feature, kind) for feature in (train, eval_)]
    missing = (_missing(both[0].common_stats), _missing(both[1].common_stats))
    if kind == "string_stats":
        return _text(name, [_counts(text) for text in both], missing)
    curves = [numbers.curve(values) for values in both]
    return _number(name, curves, missing) if any(curves) else None


def _number(
    name: str, curves: Sequence[numbers.Curve | None], missing: tuple[float, float]
) -> Column | None:
    present = [curve for curve in curves if curve is not None]
    far_low, far_high = (any(ends) for ends in zip(*(curve.far for curve in present)))
    low = min(curve.quantiles[1 if far_low else 0] for curve in present)
    high = max(curve.quantiles[-2 if far_high else -1] for curve in present)
    if not low < high:
        return None
    # Bins for both splits together would fit neither, so they are train's if train has values.
    bins = present[0].bins(far_low or far_high)
    edges = np.linspace(low, high, _BINS + 1)
    inner = np.append(edges[:-1], edges[-1] if far_high else np.nextafter(edges[-1], np.inf))
    train, eval_ = (_shares_between(curve, inner)[1:-1].tolist() for curve in curves)
    distance = _distance([_shares_between(curve, bins) for curve in curves], missing)
    return Column(name, distance, edges.tolist(), (), train, eval_, missing)


def _shares_between(curve: numbers.Curve | None, edges: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the shares of rows below the first edge, between edges, and from the last edge on."""
    if curve is None:
        return np.zeros(len(edges) + 1)
    return np.diff(np.concatenate([[0.0], curve.below(edges), [1.0]]))


def _text(
    name: str, counts: Sequence[Mapping[str, float]], missing: tuple[float, float]
) -> Column | None:
    values = [*{**counts[0], **counts[1]}]
    if not values:
        return None
    shares = [_shares(split_counts, values) for split_counts in counts]
    order = sorted(range(len(values)), key=lambda index: -(shares[0] + shares[1])[index])
    shown = order[:_VALUES]
    return Column(
        name, _distance(shares, missing), (), [values[index] for index in shown],
        shares[0][shown].tolist(), shares[1][shown].tolist(), missing,
    )  # fmt: skip


def _distance(shares: Sequence[npt.NDArray[Any]], missing: tuple[float, float]) -> float:
    # A missing value counts as one more value.
    return _divergence(
        *(np.append(present * (1 - none), none) for present, none in zip(shares, missing))
    )


def _missing(common: Any) -> float:
    rows = common.num_missing + common.num_non_missing
    return float(common.num_missing / rows) if rows else 0.0


def _counts(text: Any) -> Mapping[str, float]:
    return {bucket.label: bucket.sample_count for bucket in text.rank_histogram.buckets}


def _shares(counts: Mapping[str, float], values: Sequence[str]) -> npt.NDArray[Any]:
    rows = np.array([counts.get(value, 0.0) for value in values])
    return rows / max(rows.sum(), 1.0)


def _divergence(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> float:
    middle = (one + other) / 2

    def from_middle(shares: npt.NDArray[Any]) -> float:
        positive = shares > 0
        return float((shares[positive] * np.log2(shares[positive] / middle[positive])).sum())

    return max(0.0, (from_middle(one) + from_middle(other)) / 2)
