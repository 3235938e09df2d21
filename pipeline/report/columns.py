"""How the columns of both splits are distributed, and which of them moved most."""

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
    """A column of both splits.

    Args:
      name: of the column.
      distance: Jensen-Shannon divergence of eval from train, 0 to 1; counts missing values too.
      edges: of the bins, when it holds numbers; without the outer tenth where outliers are far.
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
    missing = (_missing(both[0].common_stats), _missing(both[1].common_stats))
    if kind == "string_stats":
        return _text(name, [_counts(each) for each in both], missing)
    found = [numbers.curve(each) for each in both]
    return _number(name, found, missing) if any(found) else None


def _number(
    name: str, curves: Sequence[numbers.Curve | None], missing: tuple[float, float]
) -> Column | None:
    known = [each for each in curves if each is not None]
    far_low, far_high = (any(ends) for ends in zip(*(each.far for each in known)))
    low = min(each.quantiles[1 if far_low else 0] for each in known)
    high = max(each.quantiles[-2 if far_high else -1] for each in known)
    if not low < high:
        return None
    # Of train, where it has any values: bins for the splits together would fit neither.
    bins = known[0].bins(far_low or far_high)
    edges = np.linspace(low, high, _BINS + 1)
    inner = np.append(edges[:-1], edges[-1] if far_high else np.nextafter(edges[-1], np.inf))
    train, eval_ = (_shares_between(each, inner)[1:-1].tolist() for each in curves)
    distance = _distance([_shares_between(each, bins) for each in curves], missing)
    return Column(name, distance, edges.tolist(), (), train, eval_, missing)


def _shares_between(curve: numbers.Curve | None, edges: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the share of rows between edges, below the first, and from the last on."""
    if curve is None:
        return np.zeros(len(edges) + 1)
    return np.diff(np.concatenate([[0.0], curve.below(edges), [1.0]]))


def _text(
    name: str, counts: Sequence[Mapping[str, float]], missing: tuple[float, float]
) -> Column | None:
    every = [*{**counts[0], **counts[1]}]
    if not every:
        return None
    shares = [_shares(each, every) for each in counts]
    order = sorted(range(len(every)), key=lambda place: -(shares[0] + shares[1])[place])
    shown = order[:_VALUES]
    return Column(
        name, _distance(shares, missing), (), [every[place] for place in shown],
        shares[0][shown].tolist(), shares[1][shown].tolist(), missing,
    )  # fmt: skip


def _distance(shares: Sequence[npt.NDArray[Any]], missing: tuple[float, float]) -> float:
    # To have no value is to have another one.
    return _divergence(*(np.append(each * (1 - none), none) for each, none in zip(shares, missing)))


def _missing(common: Any) -> float:
    rows = common.num_missing + common.num_non_missing
    return float(common.num_missing / rows) if rows else 0.0


def _counts(text: Any) -> Mapping[str, float]:
    return {each.label: each.sample_count for each in text.rank_histogram.buckets}


def _shares(counts: Mapping[str, float], values: Sequence[str]) -> npt.NDArray[Any]:
    found = np.array([counts.get(value, 0.0) for value in values])
    return found / max(found.sum(), 1.0)


def _divergence(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> float:
    middle = (one + other) / 2

    def from_middle(part: npt.NDArray[Any]) -> float:
        some = part > 0
        return float((part[some] * np.log2(part[some] / middle[some])).sum())

    return max(0.0, (from_middle(one) + from_middle(other)) / 2)
