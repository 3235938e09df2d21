"""Distances between spans, as TensorFlow Data Validation's comparators measure them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence

import numpy as np
import numpy.typing as npt

# Buckets of equal width that the values are counted in, and those of TFDV's histograms.
FINE_BUCKETS = 1000
_BUCKETS = 10

_Counts = Counter[Hashable]
_Array = npt.NDArray[np.float64]


def largest(
    spans: Sequence[_Counts], distance: Callable[[_Counts, _Counts], float]
) -> float | None:
    """Return the largest distance of a span from the spans before it; None for a single span.

    Args:
      spans: number of rows by value or by bucket, for every span, oldest first.
      distance: function of two counts, such as `infinity_norm`.
    """
    earlier, distances = Counter(spans[0]), []
    for span in spans[1:]:
        if earlier and span:
            distances.append(distance(earlier, span))
        earlier += span
    return max(distances, default=None)


def infinity_norm(before: _Counts, now: _Counts) -> float:
    """Return the largest difference of a value's share.

    Args:
      before: number of rows by value; None is the key of values that are not counted one by one.
      now: number of rows by value in the other rows.
    """
    rows_before, rows_now = before.total(), now.total()
    differences = (
        abs(before[key] / rows_before - now[key] / rows_now)
        for key in (before.keys() | now.keys()) - {None}
    )
    return max(differences, default=0.0)


def jensen_shannon(before: _Counts, now: _Counts) -> float:
    """Return the divergence of two histograms, between 0 and 1.

    TFDV compares histograms of 10 buckets, each between the minimum and the maximum of its own
    rows, so an outlier moves all buckets.

    Args:
      before: number of rows by fine bucket.
      now: number of rows by fine bucket in the other rows.
    """
    (first, edges), (second, other_edges) = _histogram(before), _histogram(now)
    union = np.union1d(edges, other_edges)
    shares = [_rebin(first, edges, union), _rebin(second, other_edges, union)]
    middle = (shares[0] + shares[1]) / 2
    return sum(
        float(np.sum(share[share > 0] * np.log2(share[share > 0] / middle[share > 0]))) / 2
        for share in shares
    )


def _histogram(counts: _Counts) -> tuple[_Array, _Array]:
    """Return the shares of 10 buckets, and their edges."""
    positions = np.array([float(str(key)) for key in counts])
    return np.histogram(
        positions + 0.5,
        np.linspace(positions.min(), positions.max() + 1, _BUCKETS + 1),
        weights=np.array(list(counts.values())) / counts.total(),
    )


def _rebin(shares: _Array, edges: _Array, union: _Array) -> _Array:
    """Divide the shares among narrower buckets, as if the rows of a bucket were spread evenly."""
    cumulative = np.concatenate([[0.0], np.cumsum(shares)])
    return np.diff(np.interp(union, edges, cumulative))
