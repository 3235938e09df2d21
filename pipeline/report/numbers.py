"""Compute the distribution of a column of numbers from TFDV's histograms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from tensorflow_metadata.proto.v0 import statistics_pb2

# A far outlier is more than 1.5 times the width of the middle 80 % away from them.
_FAR = 1.5


@dataclass(frozen=True)
class Curve:
    """The cumulative distribution of a column as points.

    One outlier puts almost all rows into one of TFDV's bins of equal width, and TFDV's quantiles
    do not describe outliers. The curve uses both.

    Args:
      values: ascending values; a frequent value occurs twice.
      shares: share of rows below the value; for the second occurrence, at or below the value.
      edges: edges of the bins of equal width.
      quantiles: deciles of the rows, with both ends.
    """

    values: npt.NDArray[Any]
    shares: npt.NDArray[Any]
    edges: npt.NDArray[Any]
    quantiles: npt.NDArray[Any]

    @property
    def far(self) -> tuple[bool, bool]:
        """Whether the column has far outliers, below and above."""
        early, late = self.quantiles[1], self.quantiles[-2]
        reach = _FAR * (late - early)
        low, high = self.quantiles[0] < early - reach, self.quantiles[-1] > late + reach
        return bool(reach > 0 and low), bool(reach > 0 and high)

    def bins(self, far: bool) -> npt.NDArray[Any]:
        """Return edges of bins for a comparison with another split.

        Args:
          far: whether either split has far outliers.

        Returns:
          Edges at which the share of rows is exact.
        """
        if not far:
            return np.append(self.edges[:-1], np.nextafter(self.edges[-1], np.inf))
        values, times = np.unique(self.quantiles[1:-1], return_counts=True)
        # A frequent value gets its own bin.
        return np.unique(np.concatenate([values, np.nextafter(values[times > 1], np.inf)]))

    def below(self, numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the shares of rows below numbers.

        Args:
          numbers: the numbers.
        """
        index = np.searchsorted(self.values, numbers, side="left")
        before = np.clip(index - 1, 0, None)
        after = np.clip(index, None, len(self.values) - 1)
        width = self.values[after] - self.values[before]
        offset = numbers - self.values[before]
        fraction = np.where(width > 0, offset / np.where(width > 0, width, 1), 0)
        shares = self.shares[before] + fraction * (self.shares[after] - self.shares[before])
        return np.where(index == 0, 0.0, np.where(index == len(self.values), 1.0, shares))


def curve(numbers: Any) -> Curve | None:
    """Return the curve of a column.

    Args:
      numbers: TFDV's NumericStatistics.

    Returns:
      The curve; None if no row has a finite number.
    """
    equal, quantiles = (
        _points(numbers, kind)
        for kind in (statistics_pb2.Histogram.STANDARD, statistics_pb2.Histogram.QUANTILES)
    )
    present = [points for points in (equal, quantiles) if points is not None]
    if not present:
        return None
    points = [*zip(*present[0])]
    if equal is not None and quantiles is not None:
        # The share at an edge is exact, unlike a quantile's, so quantiles at an edge are dropped.
        other = ~np.isin(quantiles[0], equal[0][1:-1])
        points = sorted([*points, *zip(quantiles[0][other], quantiles[1][other])])
    values, shares = np.array(points).T
    return Curve(values, np.maximum.accumulate(shares), present[0][0], present[-1][0])


def _points(numbers: Any, kind: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]] | None:
    for histogram in numbers.histograms:
        if histogram.type != kind or not histogram.buckets:
            continue
        edges = np.array(
            [histogram.buckets[0].low_value, *(bucket.high_value for bucket in histogram.buckets)]
        )
        counts = np.array([bucket.sample_count for bucket in histogram.buckets])
        if np.isfinite(edges).all() and counts.sum():
            return edges, np.concatenate([[0.0], np.cumsum(counts)]) / counts.sum()
    return None
