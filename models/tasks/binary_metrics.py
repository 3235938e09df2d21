"""Metrics of a binary classifier that take a whole batch at once.

TFMA's own take labels and scores one by one in Python. These count a batch into a histogram of
scores, from which every metric follows; the values agree with TFMA's. TFMA looks for a class among
its own names first, hence the prefix.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_util
from tensorflow_model_analysis.proto import config_pb2

# As many as TFMA's AUC has; a threshold is rounded to the edge of a bin.
_BINS = 10_000

# Of a curve for drawing, and of its calibration.
_POINTS = 120
_PARTS = 10

# Per bin of the score: rows with label 0, rows with label 1, sum of the scores.
Histogram = npt.NDArray[np.float64]


class BatchAUC(tfma.metrics.Metric):
    """Measure the area under the ROC curve; NaN (TFMA: 0) when all labels are the same.

    Args:
      name: of the metric.
    """

    def __init__(self, name: str = "auc") -> None:
        super().__init__(_from_histogram(_auc), name=name)


class BatchAUCStandardError(tfma.metrics.Metric):
    """Measure the standard error of the area under the ROC curve; NaN when it is not defined.

    From the rows' structural components: E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson,
    Comparing the areas under two or more correlated receiver operating characteristic curves,
    Biometrics 44 (1988).

    Args:
      name: of the metric.
    """

    def __init__(self, name: str = "auc_standard_error") -> None:
        super().__init__(_from_histogram(_auc_standard_error), name=name)


class AUCShortfall(tfma.metrics.Metric):
    """Measure how far a slice's AUC lies below a bound; 0 when it does not, or rows are few.

    TFMA's own thresholds hold for a slice of a dozen rows too, where an AUC says nothing, and
    its `min_slice_size` turns such a slice into a failed one.

    Args:
      min_auc: the bound.
      min_rows: rows from which a slice is judged.
      name: of the metric.
    """

    def __init__(self, min_auc: float, min_rows: int, name: str = "auc_shortfall") -> None:
        value = partial(_auc_shortfall, min_auc=min_auc, min_rows=min_rows)
        super().__init__(_from_histogram(value), name=name)


class BatchCalibration(tfma.metrics.Metric):
    """Measure the sum of the scores over the number of positives; NaN without positives.

    Args:
      name: of the metric.
    """

    def __init__(self, name: str = "calibration") -> None:
        super().__init__(_from_histogram(_calibration), name=name)


class BatchExampleCount(tfma.metrics.Metric):
    """Count the rows.

    Args:
      name: of the metric.
    """

    def __init__(self, name: str = "example_count") -> None:
        super().__init__(_from_histogram(_example_count), name=name)


class BatchPrecision(tfma.metrics.Metric):
    """Measure the share of positives among the rows with a score from a threshold on.

    Args:
      threshold: on the score, to four decimals.
      name: of the metric.
    """

    def __init__(self, threshold: float = 0.5, name: str = "precision") -> None:
        super().__init__(_from_histogram(partial(_precision, threshold=threshold)), name=name)


class BatchRecall(tfma.metrics.Metric):
    """Measure the share of the positives that have a score from a threshold on.

    Args:
      threshold: on the score, to four decimals.
      name: of the metric.
    """

    def __init__(self, threshold: float = 0.5, name: str = "recall") -> None:
        super().__init__(_from_histogram(partial(_recall, threshold=threshold)), name=name)


def measure(labels: npt.NDArray[Any], scores: npt.NDArray[Any]) -> dict[str, float]:
    """Measure scores without TFMA, as its metrics do with it.

    Args:
      labels: 0 or 1 [rows].
      scores: from 0 to 1 [rows].

    Returns:
      `auc`, `calibration` and `example_count`.
    """
    histogram = np.zeros((3, _BINS))
    _count(histogram, labels, scores)
    return {
        "auc": _auc(histogram),
        "calibration": _calibration(histogram),
        "example_count": _example_count(histogram),
    }


def curves(labels: npt.NDArray[Any], scores: npt.NDArray[Any]) -> dict[str, list[list[float]]]:
    """Return the points of a model's ROC and calibration curves, for drawing.

    Args:
      labels: 0 or 1 [rows].
      scores: from 0 to 1 [rows].

    Returns:
      `roc`: false and true positive rate, from (0, 0) to (1, 1). `calibration`: mean score, share
      of positives and rows, of ten bins with nearly as many rows each. Each is empty where it is
      not defined.
    """
    histogram = np.zeros((3, _BINS))
    _count(histogram, labels, scores)
    negatives, positives, sums = histogram
    rows = negatives + positives
    found: dict[str, list[list[float]]] = {"roc": [], "calibration": []}
    if negatives.sum() and positives.sum():
        rates = [
            np.concatenate([[0.0], np.cumsum(each[::-1]) / each.sum()])
            for each in (negatives, positives)
        ]
        # As many thresholds as a plot can show, evenly along the curve.
        along = np.searchsorted(sum(rates) / 2, np.linspace(0, 1, _POINTS)).clip(0, _BINS)
        found["roc"] = np.unique(np.stack(rates, axis=1)[along], axis=0).tolist()
    if rows.sum():
        part = np.minimum((np.cumsum(rows) - rows / 2) / rows.sum() * _PARTS, _PARTS - 1).astype(
            int
        )
        for number in range(_PARTS):
            inside = (part == number) & (rows > 0)
            if inside.any():
                count = float(rows[inside].sum())
                found["calibration"].append(
                    [
                        float(sums[inside].sum()) / count,
                        float(positives[inside].sum()) / count,
                        count,
                    ]
                )
    return found


def _auc(histogram: Histogram) -> float:
    negatives, positives, _ = histogram
    below = np.cumsum(negatives) - negatives
    return _ratio((positives * (below + negatives / 2)).sum(), positives.sum() * negatives.sum())


def _auc_standard_error(histogram: Histogram) -> float:
    negatives, positives, _ = histogram
    auc, count_0, count_1 = _auc(histogram), negatives.sum(), positives.sum()
    # For a row of each bin: the share of the other class that it is ranked rightly against.
    of_positive = _ratios(np.cumsum(negatives) - negatives / 2, count_0)
    of_negative = _ratios(count_1 - np.cumsum(positives) + positives / 2, count_1)
    variance_1 = _ratio((positives * (of_positive - auc) ** 2).sum(), count_1 - 1)
    variance_0 = _ratio((negatives * (of_negative - auc) ** 2).sum(), count_0 - 1)
    return math.sqrt(_ratio(variance_1, count_1) + _ratio(variance_0, count_0))


def _auc_shortfall(histogram: Histogram, min_auc: float, min_rows: int) -> float:
    auc = _auc(histogram)
    judged = _example_count(histogram) >= min_rows and not math.isnan(auc)
    return max(0.0, min_auc - auc) if judged else 0.0


def _calibration(histogram: Histogram) -> float:
    _, positives, scores = histogram
    return _ratio(scores.sum(), positives.sum())


def _example_count(histogram: Histogram) -> float:
    return float(histogram[:2].sum())


def _precision(histogram: Histogram, threshold: float) -> float:
    above = histogram[:2, round(threshold * _BINS) :]
    return _ratio(above[1].sum(), above.sum())


def _recall(histogram: Histogram, threshold: float) -> float:
    return _ratio(histogram[1, round(threshold * _BINS) :].sum(), histogram[1].sum())


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else math.nan


def _ratios(parts: npt.NDArray[np.float64], whole: float) -> npt.NDArray[np.float64]:
    return parts / whole if whole else np.full_like(parts, math.nan)


def _from_histogram(value: Callable[[Histogram], float]) -> Callable[..., list[Any]]:
    def computations(
        name: str,
        eval_config: config_pb2.EvalConfig | None = None,
        model_name: str = "",
        output_name: str = "",
        example_weighted: bool = False,
    ) -> list[Any]:
        def key(of: str) -> Any:
            return tfma.metrics.MetricKey(
                of, model_name, output_name, example_weighted=example_weighted
            )

        # Underscored metrics stay inside TFMA; equal ones are computed once for all metrics.
        histogram = key("_score_histogram")
        count = _CountScores(histogram, eval_config, model_name, output_name)
        return [
            tfma.metrics.MetricComputation(keys=[histogram], preprocessors=None, combiner=count),
            tfma.metrics.DerivedMetricComputation(
                keys=[key(name)],
                result=lambda metrics: {key(name): value(metrics[histogram])},
            ),
        ]

    return metric_util.merge_per_key_computations(computations)


def _count(histogram: Histogram, labels: npt.NDArray[Any], scores: npt.NDArray[Any]) -> None:
    of_row = scores.ravel().astype(np.float64)
    bins = np.clip((of_row * _BINS).astype(np.int64), 0, _BINS - 1)
    np.add.at(histogram, (labels.ravel().astype(np.int64), bins), 1)
    np.add.at(histogram[2], bins, of_row)


class _CountScores(beam.CombineFn):
    def __init__(self, key: Any, eval_config: Any, model_name: str, output_name: str) -> None:
        self._key = key
        self._of = {
            "eval_config": eval_config,
            "model_name": model_name,
            "output_name": output_name,
        }

    def create_accumulator(self) -> Histogram:
        return np.zeros((3, _BINS))

    def add_input(self, histogram: Histogram, inputs: Any) -> Histogram:
        pairs = metric_util.to_label_prediction_example_weight(
            inputs, flatten=False, squeeze=False, **self._of
        )
        for labels, scores, _ in pairs:
            _count(histogram, labels, scores)
        return histogram

    def merge_accumulators(self, histograms: Iterable[Histogram]) -> Histogram:
        return sum(histograms, self.create_accumulator())

    def extract_output(self, histogram: Histogram) -> dict[Any, Histogram]:
        return {self._key: histogram}
