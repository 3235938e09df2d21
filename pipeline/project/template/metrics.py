"""Measure the model; TFX's Evaluator calls this module."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import apache_beam as beam
import tensorflow_model_analysis as tfma


class MeanCost(tfma.metrics.Metric):
    """Measure the mean cost of a row: of a missed positive, or of a false alarm.

    Args:
      threshold: score from which a row counts as positive; default 0.5.
      miss: cost of a positive row with a lower score; default 5.
      alarm: cost of a negative row with this score or a higher one; default 1.
      name: name of the metric; default `mean_cost`.
    """

    def __init__(
        self,
        threshold: float = 0.5,
        miss: float = 5.0,
        alarm: float = 1.0,
        name: str = "mean_cost",
    ) -> None:
        super().__init__(
            tfma.metrics.merge_per_key_computations(_mean_cost),
            threshold=threshold,
            miss=miss,
            alarm=alarm,
            name=name,
        )


def _mean_cost(
    threshold: float,
    miss: float,
    alarm: float,
    name: str,
    eval_config: Any = None,
    model_name: str = "",
    output_name: str = "",
) -> list[Any]:
    key = tfma.metrics.MetricKey(name, model_name, output_name)
    combiner = _Cost(key, eval_config, threshold, miss, alarm)
    return [tfma.metrics.MetricComputation(keys=[key], preprocessors=None, combiner=combiner)]


class _Cost(beam.CombineFn):
    """Add up the costs and the rows."""

    def __init__(
        self, key: Any, eval_config: Any, threshold: float, miss: float, alarm: float
    ) -> None:
        self._key = key
        self._eval_config = eval_config
        self._threshold = threshold
        self._miss = miss
        self._alarm = alarm

    def create_accumulator(self) -> tuple[float, int]:
        return 0.0, 0

    def add_input(self, total: tuple[float, int], row: Any) -> tuple[float, int]:
        cost, rows = total
        for label, score, _ in tfma.metrics.to_label_prediction_example_weight(
            row,
            eval_config=self._eval_config,
            model_name=self._key.model_name,
            output_name=self._key.output_name,
        ):
            positive = float(score) >= self._threshold
            if float(label) and not positive:
                cost += self._miss
            elif positive and not float(label):
                cost += self._alarm
            rows += 1
        return cost, rows

    def merge_accumulators(self, totals: Iterable[tuple[float, int]]) -> tuple[float, int]:
        costs, rows = zip(*totals)
        return sum(costs), sum(rows)

    def extract_output(self, total: tuple[float, int]) -> dict[Any, float]:
        cost, rows = total
        return {self._key: cost / rows if rows else float("nan")}
