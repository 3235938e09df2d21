"""Read the Evaluator's metrics, and the reasons for a model that is not blessed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

OVERALL = "overall"

_SHOWN_SLICES = 5

# In a normal distribution, 95 % of the values are within 1.96 standard errors of the mean.
_Z95 = 1.96

# The Evaluator needs these metrics to compute bounds; readers of a report do not.
_INTERNAL = frozenset({"auc_shortfall", "auc_standard_error"})

Metrics = Mapping[str, float]


@dataclass(frozen=True)
class Evaluation:
    """Metrics of the candidate and of the model it is compared with.

    Args:
      candidate: metrics by name, by slice; a slice is `overall` or, for example, `carrier UA`.
      baseline: the same of the latest blessed model; empty when there is none.
      min_slice_rows: number of rows from which on a slice has a bound; default 0.
    """

    candidate: Mapping[str, Metrics]
    baseline: Mapping[str, Metrics]
    min_slice_rows: int = 0

    def overall(self) -> tuple[dict[str, float], dict[str, float]]:
        """Return the candidate's and the baseline's metrics on the whole eval split."""
        candidate, baseline = (
            {
                name: value
                for name, value in slices.get(OVERALL, {}).items()
                if name not in _INTERNAL
            }
            for slices in (self.candidate, self.baseline)
        )
        return candidate, baseline

    def interval(self, slice_name: str) -> str:
        """Return the AUC on a slice as text, with its 95 % interval and the number of rows.

        Args:
          slice_name: a key of `candidate`.
        """
        metrics = self.candidate[slice_name]
        auc, (low, high) = metrics["auc"], self.confidence_interval(slice_name)
        # An own eval_config may leave out Taxiway's metrics.
        rows = f"{metrics.get('example_count', math.nan):,.0f} rows"
        if math.isnan(low):
            return f"{auc:.4f} ({rows})"
        return f"{auc:.4f} (95 % CI {low:.4f} to {high:.4f}, {rows})"

    def confidence_interval(self, slice_name: str) -> tuple[float, float]:
        """Return the ends of the 95 % interval of the AUC on a slice; NaN without one.

        Args:
          slice_name: a key of `candidate`.
        """
        metrics = self.candidate[slice_name]
        auc, error = (metrics.get(name, math.nan) for name in ("auc", "auc_standard_error"))
        if math.isnan(error):
            return math.nan, math.nan
        return max(0.0, auc - _Z95 * error), min(1.0, auc + _Z95 * error)

    def unbounded(self) -> list[str]:
        """Return the slices without a bound: few rows, or rows of one label only."""
        return sorted(
            name
            for name, metrics in self.candidate.items()
            if name != OVERALL
            and (
                metrics.get("example_count", math.inf) < self.min_slice_rows
                or math.isnan(metrics.get("auc", math.nan))
            )
        )

    def unbounded_note(self) -> str:
        """Return a clause that names the slices without a bound; "" if every slice has one."""
        names = self.unbounded()
        if not names:
            return ""
        shown = ", ".join(" ".join(name.split()) for name in names[:_SHOWN_SLICES])
        shown += ", …" if len(names) > _SHOWN_SLICES else ""
        return (
            f"no bound applies to {len(names)} of {len(self.candidate) - 1} slices, which have "
            f"fewer than {self.min_slice_rows} rows or one label only: {shown}"
        )

    def hint(self) -> str:
        """Return why the model may have learned nothing; "" if its AUC is clearly above 0.5."""
        metrics = self.candidate.get(OVERALL, {})
        auc, error = (metrics.get(name, math.nan) for name in ("auc", "auc_standard_error"))
        if auc == 0.5 and error == 0:
            return "every row has the same score, so the model learned nothing from its features"
        if auc - _Z95 * error <= 0.5:
            return "the AUC is not clearly above 0.5, which is that of a random guess"
        return ""

    def comparison(self) -> str:
        """Return a sentence that states where the candidate is better than the baseline."""
        if not self.baseline:
            return "first model: max_auc_drop does not apply because there is no baseline"
        changes = {
            name: metrics.get("auc", math.nan) - self.baseline[name].get("auc", math.nan)
            for name, metrics in self.candidate.items()
            if name in self.baseline
        }
        changes = {name: change for name, change in changes.items() if not math.isnan(change)}
        overall = changes.pop(OVERALL, None)
        if overall is None:
            return "the evaluation has no AUC to compare"
        sentence = f"AUC {overall:+.4f} against the latest blessed model"
        if not changes:
            return sentence
        if not any(changes.values()):
            return f"{sentence}; the same on all {len(changes)} slices"
        better = sum(change > 0 for change in changes.values())
        most, least = (
            f"{name} ({changes[name]:+.4f}, "
            f"{self.candidate[name].get('example_count', math.nan):,.0f} rows)"
            for name in (pick(changes, key=changes.__getitem__) for pick in (max, min))
        )
        extremes = f"most on {most}, least on {least}"
        return f"{sentence}; better on {better} of {len(changes)} slices, {extremes}"


def load(folder: str) -> Evaluation:
    """Read the metrics of an evaluation.

    Args:
      folder: uri of an evaluation artifact.

    Returns:
      All metrics that are numbers.
    """
    candidate: dict[str, dict[str, float]] = {}
    baseline: dict[str, dict[str, float]] = {}
    for row in tfma.load_metrics(folder):
        name = _slice_name(row.slice_key)
        for entry in row.metric_keys_and_values:
            if entry.key.is_diff or not entry.value.HasField("double_value"):
                continue
            model = baseline if entry.key.model_name == "baseline" else candidate
            model.setdefault(name, {})[entry.key.name] = entry.value.double_value.value
    return Evaluation(candidate, baseline, _min_slice_rows(folder))


def _min_slice_rows(folder: str) -> int:
    """Return the number of rows from which on the Evaluator applied a bound to a slice."""
    text = Path(folder, "eval_config.json").read_text(encoding="utf-8")
    specs = json.loads(text)["evalConfig"].get("metricsSpecs", ())
    for metric in (metric for spec in specs for metric in spec.get("metrics", ())):
        if metric["className"] == "AUCShortfall":
            return int(json.loads(metric["config"])["min_rows"])
    return 0


def failures(folder: str) -> list[str]:
    """List the missed bounds of an evaluation as sentences.

    Args:
      folder: uri of an evaluation artifact.

    Returns:
      For every missed bound the metric, the slice, the value and the bound; empty for a blessed
      model.
    """
    result, evaluation = tfma.load_validation_result(folder), load(folder)
    sentences = []
    for validation in result.metric_validations_per_slice:
        name = _slice_name(validation.slice_key)
        for failure in validation.failures:
            value = failure.metric_value.double_value.value
            sentences.append(_miss(evaluation, name, failure.metric_key.name, value, failure))
    return sentences


def _slice_name(slice_key: Any) -> str:
    return ", ".join(map(_key_name, slice_key.single_slice_keys)) or OVERALL


def _key_name(key: Any) -> str:
    value = getattr(key, str(key.WhichOneof("kind")), "")
    text = value.decode(errors="replace") if isinstance(value, bytes) else f"{value}"
    # Without quotes, `stop name A` could also be the value `name A` of a column `stop`.
    plain = key.column.split() == [key.column] and '"' not in key.column
    column = key.column if plain else json.dumps(key.column, ensure_ascii=False)
    return f"{column} {text}"


def _miss(
    evaluation: Evaluation, slice_name: str, metric: str, value: float, failure: object
) -> str:
    threshold = failure.metric_threshold  # type: ignore[attr-defined]
    if metric == "auc_shortfall":
        minimum = evaluation.candidate[slice_name]["auc"] + value
        return (
            f"auc ({slice_name}) is {evaluation.interval(slice_name)}; "
            f"the minimum is {minimum:g} (short by {value:.4f})"
        )
    if threshold.HasField("change_threshold"):
        change = threshold.change_threshold
        limit = change.absolute.value
        text = f"{metric} ({slice_name}) changed by {value:+.4f} from the latest blessed model's"
        if change.direction == config_pb2.MetricDirection.LOWER_IS_BETTER:
            return f"{text}; the maximum is {limit:+g} (exceeded by {value - limit:.4f})"
        return f"{text}; the minimum is {limit:+g} (short by {limit - value:.4f})"
    bounds = threshold.value_threshold
    text = evaluation.interval(slice_name) if metric == "auc" else f"{value:.4f}"
    minimum = bounds.lower_bound.value
    if bounds.HasField("lower_bound") and not value >= minimum:
        bound = f"the minimum is {minimum:g} (short by {minimum - value:.4f})"
    else:
        maximum = bounds.upper_bound.value
        bound = f"the maximum is {maximum:g} (exceeded by {value - maximum:.4f})"
    return f"{metric} ({slice_name}) is {text}; {bound}"
