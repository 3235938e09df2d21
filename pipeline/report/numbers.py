"""How a column of numbers is distributed, from what TFDV keeps of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from tensorflow_metadata.proto.v0 import statistics_pb2

# A value further from the middle 80 % than so many times their width is a far outlier.
_FAR = 1.5


@dataclass(frozen=True)
class Curve:
    """Points on the curve of the share of rows below a number.

    TFDV's bins of equal width say nothing of where most rows are as soon as there is one outlier;
    its quantiles do, and nothing of the outliers. The curve goes through both.

    Args:
      values: ascending; a value that many rows have stands twice.
      shares: of the rows below it; the second time, up to and with it.
      edges: of the bins of equal width.
      quantiles: ten parts of the rows, with both ends.
    """

    values: npt.NDArray[Any]
    shares: npt.NDArray[Any]
    edges: npt.NDArray[Any]
    quantiles: npt.NDArray[Any]

    @property
    def far(self) -> tuple[bool, bool]:
        """Whether there are far outliers, below and above."""
        early, late = self.quantiles[1], self.quantiles[-2]
        reach = _FAR * (late - early)
        low, high = self.quantiles[0] < early - reach, self.quantiles[-1] > late + reach
        return bool(reach > 0 and low), bool(reach > 0 and high)

    def bins(self, far: bool) -> npt.NDArray[Any]:
        """Return the edges between which another split is to be compared.

        Args:
          far: whether either split has far outliers.

        Returns:
          Edges for which the share of rows below is well known.
        """
        if not far:
            return np.append(self.edges[:-1], np.nextafter(self.edges[-1], np.inf))
        values, times = np.unique(self.quantiles[1:-1], return_counts=True)
        # A frequent value has a bin of its own.
        return np.unique(np.concatenate([values, np.nextafter(values[times > 1], np.inf)]))

    def below(self, at: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the share of rows below each number."""
        place = np.searchsorted(self.values, at, side="left")
        before = np.clip(place - 1, 0, None)
        after = np.clip(place, None, len(self.values) - 1)
        width = self.values[after] - self.values[before]
        part = np.where(width > 0, (at - self.values[before]) / np.where(width > 0, width, 1), 0)
        found = self.shares[before] + part * (self.shares[after] - self.shares[before])
        return np.where(place == 0, 0.0, np.where(place == len(self.values), 1.0, found))


def curve(numbers: Any) -> Curve | None:
    """Return the curve of a column.

    Args:
      numbers: TFDV's NumericStatistics.

    Returns:
      The curve; None when no row has a finite number.
    """
    equal, quantiles = (
        _points(numbers, kind)
        for kind in (statistics_pb2.Histogram.STANDARD, statistics_pb2.Histogram.QUANTILES)
    )
    known = [each for each in (equal, quantiles) if each is not None]
    if not known:
        return None
    points = [*zip(*known[0])]
    if equal is not None and quantiles is not None:
        # At an edge the share of rows is known; a quantile that falls on it says less.
        news = ~np.isin(quantiles[0], equal[0][1:-1])
        points = sorted([*points, *zip(quantiles[0][news], quantiles[1][news])])
    values, shares = np.array(points).T
    return Curve(values, np.maximum.accumulate(shares), known[0][0], known[-1][0])


def _points(numbers: Any, kind: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]] | None:
    for histogram in numbers.histograms:
        if histogram.type != kind or not histogram.buckets:
            continue
        edges = np.array(
            [histogram.buckets[0].low_value, *(each.high_value for each in histogram.buckets)]
        )
        counts = np.array([each.sample_count for each in histogram.buckets])
        if np.isfinite(edges).all() and counts.sum():
            return edges, np.concatenate([[0.0], np.cumsum(counts)]) / counts.sum()
    return None
