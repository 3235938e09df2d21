"""What the Evaluator measured and why it did or did not bless."""

from __future__ import annotations

import tensorflow_model_analysis as tfma


def metrics(folder: str) -> tuple[dict[str, float], dict[str, float]]:
    """Read the metrics on the whole eval split.

    Args:
      folder: uri of an evaluation artifact.

    Returns:
      The candidate's and the baseline's, by name; the latter empty when there was none.
    """
    candidate: dict[str, float] = {}
    baseline: dict[str, float] = {}
    for row in tfma.load_metrics(folder):
        if row.slice_key.single_slice_keys:
            continue
        for entry in row.metric_keys_and_values:
            if entry.key.is_diff or not entry.value.HasField("double_value"):
                continue
            into = baseline if entry.key.model_name == "baseline" else candidate
            into[entry.key.name] = entry.value.double_value.value
    return candidate, baseline


def failures(folder: str) -> list[str]:
    """Say which metric on which slice missed which bound; empty for a blessed model."""
    result = tfma.load_validation_result(folder)
    lines = []
    for of_slice in result.metric_validations_per_slice:
        keys = of_slice.slice_key.single_slice_keys
        where = ", ".join(
            f"{key.column} {key.bytes_value.decode() or key.int64_value or key.float_value}"
            for key in keys
        )
        for failure in of_slice.failures:
            lines.append(
                f"{failure.metric_key.name} {'on ' + where if where else 'overall'}: "
                + _miss(failure.metric_value.double_value.value, failure.metric_threshold)
            )
    return lines


def _miss(value: float, threshold: tfma.MetricThreshold) -> str:
    if threshold.HasField("change_threshold"):
        wanted = threshold.change_threshold.absolute.value
        return f"{value:+.4f} against the latest blessed model, at least {wanted:+g} wanted"
    bounds = threshold.value_threshold
    if bounds.HasField("lower_bound"):
        return f"{value:.4f}, at least {bounds.lower_bound.value:g} wanted"
    return f"{value:.4f}, at most {bounds.upper_bound.value:g} wanted"
