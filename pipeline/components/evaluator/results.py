"""What the Evaluator measured and why it did or did not bless."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import tensorflow_model_analysis as tfma

OVERALL = "overall"

# Of a normal distribution: 95 % lie within so many standard errors.
_Z95 = 1.96

# The Evaluator's means, not what a person wants to read.
_INTERNAL = frozenset({"auc_shortfall", "auc_standard_error"})

Metrics = Mapping[str, float]


@dataclass(frozen=True)
class Evaluation:
    """What was measured.

    Args:
      candidate: metrics by slice, `overall` or such as `carrier UA`, by name.
      baseline: the same of the latest blessed model; empty when there was none.
    """

    candidate: Mapping[str, Metrics]
    baseline: Mapping[str, Metrics]

    def shown(self) -> tuple[dict[str, float], dict[str, float]]:
        """Return the candidate's and the baseline's metrics on the whole eval split."""
        of_both = (each.get(OVERALL, {}) for each in (self.candidate, self.baseline))
        candidate, baseline = (
            {name: value for name, value in each.items() if name not in _INTERNAL}
            for each in of_both
        )
        return candidate, baseline

    def interval(self, where: str) -> str:
        """Return the AUC on a slice with its 95 % interval and the rows behind it, in words."""
        metrics = self.candidate[where]
        auc, (low, high) = metrics["auc"], self.bounds(where)
        rows = f"{metrics['example_count']:,.0f} rows"
        if math.isnan(low):
            return f"{auc:.4f} ({rows})"
        return f"{auc:.4f} (95 % interval {low:.4f} to {high:.4f}, {rows})"

    def bounds(self, where: str) -> tuple[float, float]:
        """Return the ends of the 95 % interval of the AUC on a slice; NaN without one."""
        metrics = self.candidate[where]
        auc, error = metrics["auc"], metrics.get("auc_standard_error", math.nan)
        if math.isnan(error):
            return math.nan, math.nan
        return max(0.0, auc - _Z95 * error), min(1.0, auc + _Z95 * error)

    def comparison(self) -> str:
        """Say where the candidate is better than the baseline, in words."""
        if not self.baseline:
            return "first model: only value bounds could be checked, there is none to compare with"
        changes = {
            where: metrics["auc"] - self.baseline[where]["auc"]
            for where, metrics in self.candidate.items()
            if where != OVERALL and where in self.baseline
        }
        changes = {where: change for where, change in changes.items() if not math.isnan(change)}
        overall = self.candidate[OVERALL]["auc"] - self.baseline[OVERALL]["auc"]
        words = f"AUC {overall:+.4f} against the latest blessed model"
        if not changes:
            return words
        if not any(changes.values()):
            return f"{words}; the same on each of {len(changes)} slices"
        better = sum(change > 0 for change in changes.values())
        most, least = (
            f"{where} ({changes[where]:+.4f}, {self.candidate[where]['example_count']:,.0f} rows)"
            for where in (pick(changes, key=changes.__getitem__) for pick in (max, min))
        )
        extremes = f"most on {most}, least on {least}"
        return f"{words}; better on {better} of {len(changes)} slices, {extremes}"


def load(folder: str) -> Evaluation:
    """Read what the Evaluator measured.

    Args:
      folder: uri of an evaluation artifact.

    Returns:
      All metrics that are numbers.
    """
    candidate: dict[str, dict[str, float]] = {}
    baseline: dict[str, dict[str, float]] = {}
    for row in tfma.load_metrics(folder):
        where = _where(row.slice_key)
        for entry in row.metric_keys_and_values:
            if entry.key.is_diff or not entry.value.HasField("double_value"):
                continue
            into = baseline if entry.key.model_name == "baseline" else candidate
            into.setdefault(where, {})[entry.key.name] = entry.value.double_value.value
    return Evaluation(candidate, baseline)


def failures(folder: str) -> list[str]:
    """Say which metric on which slice missed which bound by how much; empty for a blessed model.

    Args:
      folder: uri of an evaluation artifact.
    """
    result, measured = tfma.load_validation_result(folder), load(folder)
    lines = []
    for of_slice in result.metric_validations_per_slice:
        where = _where(of_slice.slice_key)
        for failure in of_slice.failures:
            value = failure.metric_value.double_value.value
            lines.append(_miss(measured, where, failure.metric_key.name, value, failure))
    return lines


def _where(slice_key: object) -> str:
    keys = slice_key.single_slice_keys  # type: ignore[attr-defined]
    return (
        ", ".join(
            f"{key.column} {key.bytes_value.decode() or key.int64_value or key.float_value}"
            for key in keys
        )
        or OVERALL
    )


def _miss(measured: Evaluation, where: str, name: str, value: float, failure: object) -> str:
    threshold = failure.metric_threshold  # type: ignore[attr-defined]
    place = where if where == OVERALL else f"on {where}"
    if name == "auc_shortfall":
        wanted = measured.candidate[where]["auc"] + value
        return (
            f"auc {place}: {measured.interval(where)}, "
            f"at least {wanted:g} wanted, missed by {value:.4f}"
        )
    if threshold.HasField("change_threshold"):
        wanted = threshold.change_threshold.absolute.value
        return (
            f"{name} {place}: {value:+.4f} against the latest blessed model, "
            f"at least {wanted:+g} wanted, missed by {wanted - value:.4f}"
        )
    bounds = threshold.value_threshold
    shown = measured.interval(where) if name == "auc" else f"{value:.4f}"
    if bounds.HasField("lower_bound"):
        word, wanted = "at least", bounds.lower_bound.value
    else:
        word, wanted = "at most", bounds.upper_bound.value
    missed = abs(wanted - value)
    return f"{name} {place}: {shown}, {word} {wanted:g} wanted, missed by {missed:.4f}"
