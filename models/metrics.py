"""A metric that TFMA lacks: a bound for slices that counts only where there are enough rows."""

from __future__ import annotations

import math
from typing import Any

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_util


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
        super().__init__(
            metric_util.merge_per_key_computations(_computations),
            min_auc=min_auc,
            min_rows=min_rows,
            name=name,
        )


def _computations(
    min_auc: float,
    min_rows: int,
    name: str,
    eval_config: tfma.EvalConfig | None = None,
    model_name: str = "",
    output_name: str = "",
    sub_key: Any = None,
    aggregation_type: Any = None,
    class_weights: dict[int, float] | None = None,
    example_weighted: bool = False,
) -> list[Any]:
    del aggregation_type, class_weights
    of = {
        "model_names": [model_name],
        "output_names": [output_name],
        "sub_keys": [sub_key],
        "example_weighted": example_weighted,
    }
    auc = tfma.metrics.AUC().computations(eval_config=eval_config, **of)
    rows = tfma.metrics.ExampleCount().computations(eval_config=eval_config, **of)
    key = tfma.metrics.MetricKey(
        name, model_name, output_name, sub_key, example_weighted=example_weighted
    )

    def result(metrics: dict[Any, Any]) -> dict[Any, float]:
        value = float(metrics[auc[-1].keys[-1]])
        judged = float(metrics[rows[-1].keys[-1]]) >= min_rows and not math.isnan(value)
        return {key: max(0.0, min_auc - value) if judged else 0.0}

    return [
        *auc,
        *rows,
        tfma.metrics.DerivedMetricComputation(keys=[key], result=result),
    ]
