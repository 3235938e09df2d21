"""Metrics of a binary classifier that read a whole batch at once.

TFMA's own metrics read labels and scores one by one in Python, which is slow. These metrics count a
batch into a histogram of scores, from which every metric is computed; the values agree with TFMA's.
TFMA searches for a class among its own names first, so these names have a prefix.
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

# TFMA's AUC has as many bins; a threshold is rounded to the edge of a bin.
_BINS = 10_000

# Maximum number of points of a ROC curve, and number of bins of a calibration curve.
_ROC_POINTS = 120
_CALIBRATION_BINS = 10

# For every bin of the score: rows with label 0, rows with label 1, sum of the scores.
Histogram = npt.NDArray[np.float64]


class BatchAUC(tfma.metrics.Metric):
    """Measure the area under the ROC curve; NaN (TFMA: 0) if all labels are equal.

    Args:
      name: name of the metric; default `auc`.
    """

    def __init__(self, name: str = "auc") -> None:
        super().__init__(_from_histogram(_auc), name=name)


class BatchAUCStandardError(tfma.metrics.Metric):
    """Measure the standard error of the area under the ROC curve; NaN if it is not defined.

    It is computed from the rows' structural components, as in E. R. DeLong, D. M. DeLong and
    D. L. Clarke-Pearson, Comparing the areas under two or more correlated receiver operating
    characteristic curves, Biometrics 44 (1988).

    Args:
      name: name of the metric; default `auc_standard_error`.
    """

    def __init__(self, name: str = "auc_standard_error") -> None:
        super().__init__(_from_histogram(_auc_standard_error), name=name)


class AUCShortfall(tfma.metrics.Metric):
    """Measure how far a slice's AUC is below a bound; 0 if it is not, or if rows are few.

    TFMA's own thresholds also apply to a slice of a dozen rows, whose AUC is not informative, and
    with its `min_slice_size` such a slice fails.

    Args:
      min_auc: minimum AUC of a slice.
      min_rows: minimum number of rows for the bound to apply to a slice.
      name: name of the metric; default `auc_shortfall`.
    """

    def __init__(self, min_auc: float, min_rows: int, name: str = "auc_shortfall") -> None:
        value = partial(_auc_shortfall, min_auc=min_auc, min_rows=min_rows)
        super().__init__(_from_histogram(value), name=name)


class BatchCalibration(tfma.metrics.Metric):
    """Measure the sum of the scores divided by the number of positives; NaN without positives.

    Args:
      name: name of the metric; default `calibration`.
    """

    def __init__(self, name: str = "calibration") -> None:
        super().__init__(_from_histogram(_calibration), name=name)


class BatchExampleCount(tfma.metrics.Metric):
    """Count the rows.

    Args:
      name: name of the metric; default `example_count`.
    """

    def __init__(self, name: str = "example_count") -> None:
        super().__init__(_from_histogram(_example_count), name=name)


class BatchPrecision(tfma.metrics.Metric):
    """Measure the share of positives among the rows with a score from a threshold on.

    Args:
      threshold: minimum score, rounded to four decimals; default 0.5.
      name: name of the metric; default `precision`.
    """

    def __init__(self, threshold: float = 0.5, name: str = "precision") -> None:
        super().__init__(_from_histogram(partial(_precision, threshold=threshold)), name=name)


class BatchRecall(tfma.metrics.Metric):
    """Measure the share of the positives that have a score from a threshold on.

    Args:
      threshold: minimum score, rounded to four decimals; default 0.5.
      name: name of the metric; default `recall`.
    """

    def __init__(self, threshold: float = 0.5, name: str = "recall") -> None:
        super().__init__(_from_histogram(partial(_recall, threshold=threshold)), name=name)


def measure(labels: npt.NDArray[Any], scores: npt.NDArray[Any]) -> dict[str, float]:
    """Compute metrics without TFMA; the values equal those of the metric classes.

    Args:
      labels: labels 0 or 1 [rows].
      scores: scores from 0 to 1 [rows].

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
    """Return the points of a model's ROC and calibration curves, for a plot.

    Args:
      labels: labels 0 or 1 [rows].
      scores: scores from 0 to 1 [rows].

    Returns:
      `roc`: false and true positive rate, from (0, 0) to (1, 1). `calibration`: mean score, share
      of positives and number of rows, of ten bins with nearly equal numbers of rows. A curve that
      is not defined is empty.
    """
    histogram = np.zeros((3, _BINS))
    _count(histogram, labels, scores)
    negatives, positives, sums = histogram
    rows = negatives + positives
    points: dict[str, list[list[float]]] = {"roc": [], "calibration": []}
    if negatives.sum() and positives.sum():
        rates = [
            np.concatenate([[0.0], np.cumsum(counts[::-1]) / counts.sum()])
            for counts in (negatives, positives)
        ]
        # A plot shows a limited number of thresholds, so they are chosen evenly along the curve.
        along = np.searchsorted(sum(rates) / 2, np.linspace(0, 1, _ROC_POINTS)).clip(0, _BINS)
        points["roc"] = np.unique(np.stack(rates, axis=1)[along], axis=0).tolist()
    if rows.sum():
        quantiles = (np.cumsum(rows) - rows / 2) / rows.sum()
        numbers = np.minimum(quantiles * _CALIBRATION_BINS, _CALIBRATION_BINS - 1).astype(int)
        for number in range(_CALIBRATION_BINS):
            inside = (numbers == number) & (rows > 0)
            if inside.any():
                count = float(rows[inside].sum())
                points["calibration"].append(
                    [
                        float(sums[inside].sum()) / count,
                        float(positives[inside].sum()) / count,
                        count,
                    ]
                )
    return points


def _auc(histogram: Histogram) -> float:
    negatives, positives, _ = histogram
    below = np.cumsum(negatives) - negatives
    return _ratio((positives * (below + negatives / 2)).sum(), positives.sum() * negatives.sum())


def _auc_standard_error(histogram: Histogram) -> float:
    negatives, positives, _ = histogram
    auc, count_0, count_1 = _auc(histogram), negatives.sum(), positives.sum()
    # For a row of every bin: the share of the other class that it is ranked correctly against.
    positive_ranks = _ratios(np.cumsum(negatives) - negatives / 2, count_0)
    negative_ranks = _ratios(count_1 - np.cumsum(positives) + positives / 2, count_1)
    variance_1 = _ratio((positives * (positive_ranks - auc) ** 2).sum(), count_1 - 1)
    variance_0 = _ratio((negatives * (negative_ranks - auc) ** 2).sum(), count_0 - 1)
    return math.sqrt(_ratio(variance_1, count_1) + _ratio(variance_0, count_0))


def _auc_shortfall(histogram: Histogram, min_auc: float, min_rows: int) -> float:
    auc = _auc(histogram)
    applies = _example_count(histogram) >= min_rows and not math.isnan(auc)
    return max(0.0, min_auc - auc) if applies else 0.0


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
        def key(metric: str) -> Any:
            return tfma.metrics.MetricKey(
                metric, model_name, output_name, example_weighted=example_weighted
            )

        # TFMA does not report metrics whose name begins with _, and computes equal metrics once.
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
    values = scores.ravel().astype(np.float64)
    bins = np.clip((values * _BINS).astype(np.int64), 0, _BINS - 1)
    np.add.at(histogram, (labels.ravel().astype(np.int64), bins), 1)
    np.add.at(histogram[2], bins, values)


class _CountScores(beam.CombineFn):
    def __init__(self, key: Any, eval_config: Any, model_name: str, output_name: str) -> None:
        self._key = key
        self._options = {
            "eval_config": eval_config,
            "model_name": model_name,
            "output_name": output_name,
        }

    def create_accumulator(self) -> Histogram:
        return np.zeros((3, _BINS))

    def add_input(self, histogram: Histogram, inputs: Any) -> Histogram:
        pairs = metric_util.to_label_prediction_example_weight(
            inputs, flatten=False, squeeze=False, **self._options
        )
        for labels, scores, _ in pairs:
            _count(histogram, labels, scores)
        return histogram

    def merge_accumulators(self, histograms: Iterable[Histogram]) -> Histogram:
        return sum(histograms, self.create_accumulator())

    def extract_output(self, histogram: Histogram) -> dict[Any, Histogram]:
        return {self._key: histogram}
