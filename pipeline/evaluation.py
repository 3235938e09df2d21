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
                f"{failure.metric_key.name} {failure.metric_value.double_value.value:.4f} "
                f"{'on ' + where if where else 'overall'}: {_bound(failure.metric_threshold)}"
            )
    return lines


def _bound(threshold: tfma.MetricThreshold) -> str:
    if threshold.HasField("change_threshold"):
        return f"changed by less than {threshold.change_threshold.absolute.value:+g} allowed"
    value = threshold.value_threshold
    if value.HasField("lower_bound"):
        return f"at least {value.lower_bound.value:g} wanted"
    return f"at most {value.upper_bound.value:g} wanted"
