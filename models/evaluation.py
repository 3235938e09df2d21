"""Configure the Evaluator: metrics, slices, and the bounds that a model must meet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import apache_beam as beam
import tensorflow_model_analysis as tfma

# The release for TFX 1.21 does not export these messages from the package itself.
from tensorflow_model_analysis.proto import config_pb2

from models import slices
from models.features import Features
from models.requests import EXAMPLES

# These metrics read whole batches; TFMA's own metrics read one row at a time.
_METRICS_MODULE = "models.tasks.binary_metrics"


def eval_config(features: Features, evaluate: dict[str, Any]) -> config_pb2.EvalConfig:
    """Build TFMA's configuration.

    Args:
      features: label and features of the model, with the slices.
      evaluate: fields of the `evaluate` settings.

    Returns:
      Metrics of all rows and of every slice. The AUC of all rows has a value threshold and a change
      threshold; slices have a threshold that applies from a minimum number of rows on.
    """
    overall = config_pb2.MetricThreshold(
        value_threshold=config_pb2.GenericValueThreshold(
            lower_bound={"value": evaluate["min_auc"]}
        ),
        change_threshold=config_pb2.GenericChangeThreshold(
            direction=config_pb2.MetricDirection.HIGHER_IS_BETTER,
            absolute={"value": -evaluate["max_auc_drop"]},
        ),
    )
    by_feature = [config_pb2.SlicingSpec(feature_keys=[name]) for name in features.slices]
    # A plain `threshold` would apply to every slice, even the smallest, so it is not used.
    metrics = [
        _metric("BatchAUC", [_bound([config_pb2.SlicingSpec()], overall)]),
        _metric("BatchAUCStandardError"),
        _metric("BatchExampleCount"),
        _metric("BatchCalibration"),
        _metric("BatchPrecision", threshold=evaluate["decision_threshold"]),
        _metric("BatchRecall", threshold=evaluate["decision_threshold"]),
    ]
    if by_feature:
        no_shortfall = config_pb2.MetricThreshold(
            value_threshold=config_pb2.GenericValueThreshold(upper_bound={"value": 0.0})
        )
        shortfall = _metric(
            "AUCShortfall",
            [_bound(by_feature, no_shortfall)],
            min_auc=evaluate["min_slice_auc"],
            min_rows=evaluate["min_slice_rows"],
        )
        metrics.append(shortfall)
    metrics += map(_further_metric, evaluate["metrics"])
    return config_pb2.EvalConfig(
        model_specs=[
            config_pb2.ModelSpec(
                signature_name="serving_default",
                label_key=features.label,
                # The model is a plain SavedModel; TFMA's Keras type requires a Keras file.
                model_type="tf_generic",
            )
        ],
        slicing_specs=[config_pb2.SlicingSpec(), *by_feature],
        metrics_specs=[config_pb2.MetricsSpec(metrics=metrics)],
        options=config_pb2.Options(include_default_metrics={"value": False}),
    )


def custom_extractors(
    eval_shared_model: Any, eval_config: config_pb2.EvalConfig, tensor_adapter_config: Any
) -> Sequence[tfma.extractors.Extractor]:
    """Return TFMA's extractors, but divide batches into slices instead of into rows.

    The Evaluator calls this function. Dividing batches into rows would take most of its time. If a
    metric is not of `models.tasks.binary_metrics`, it may not support batches, so batches are
    divided into rows.

    Args:
      eval_shared_model: TFMA's model or models.
      eval_config: TFMA's configuration.
      tensor_adapter_config: TFMA's adapter for the raw features.

    Returns:
      The extractors, in order.
    """
    extractors = list(
        tfma.default_extractors(
            eval_shared_model=eval_shared_model,
            eval_config=eval_config,
            tensor_adapter_config=tensor_adapter_config,
        )
    )
    columns = getattr(tensor_adapter_config, "tensor_representations", None) or {}
    if EXAMPLES in columns:
        extractors = _hide_column(extractors)
    metrics = [metric for spec in eval_config.metrics_specs for metric in spec.metrics]
    if any(metric.module != _METRICS_MODULE for metric in metrics):
        return extractors
    names = [extractor.stage_name for extractor in extractors]
    return [*extractors[: names.index("ExtractUnbatchedInputs")], slices.divide(eval_config)]


def _hide_column(
    extractors: Sequence[tfma.extractors.Extractor],
) -> list[tfma.extractors.Extractor]:
    """Hide the column `examples` from the model, whose input of that name is the whole row.

    TFMA would call the model with the column's values instead of the serialized examples.
    """
    features, hidden = tfma.constants.FEATURES_KEY, "_hidden_column"

    def hide(batch: dict[str, Any]) -> dict[str, Any]:
        others = dict(batch[features])
        return batch | {hidden: others.pop(EXAMPLES), features: others}

    def restore(batch: dict[str, Any]) -> dict[str, Any]:
        column = {EXAMPLES: batch[hidden]}
        others = {name: value for name, value in batch.items() if name != hidden}
        return others | {features: dict(batch[features]) | column}

    names = [extractor.stage_name for extractor in extractors]
    index = names.index("ExtractPredictions")
    return [
        *extractors[:index],
        tfma.extractors.Extractor("HideColumn", beam.Map(hide)),
        extractors[index],
        tfma.extractors.Extractor("RestoreColumn", beam.Map(restore)),
        *extractors[index + 1 :],
    ]


def _metric(
    class_name: str, bounds: Sequence[config_pb2.PerSliceMetricThreshold] = (), **config: Any
) -> config_pb2.MetricConfig:
    return config_pb2.MetricConfig(
        class_name=class_name,
        module=_METRICS_MODULE,
        config=json.dumps(config) if config else "",
        per_slice_thresholds=list(bounds),
    )


def _further_metric(settings: dict[str, Any]) -> config_pb2.MetricConfig:
    """Return a metric of the settings, with its bounds over all rows."""
    module, _, class_name = settings["metric"].rpartition(".")
    threshold = config_pb2.MetricThreshold()
    for bound, key in (("lower_bound", "min"), ("upper_bound", "max")):
        if settings[key] is not None:
            getattr(threshold.value_threshold, bound).value = settings[key]
    change = threshold.change_threshold
    if settings["max_drop"] is not None:
        change.direction = config_pb2.MetricDirection.HIGHER_IS_BETTER
        change.absolute.value = -settings["max_drop"]
    elif settings["max_rise"] is not None:
        change.direction = config_pb2.MetricDirection.LOWER_IS_BETTER
        change.absolute.value = settings["max_rise"]
    bounded = threshold.ByteSize() > 0
    return config_pb2.MetricConfig(
        class_name=class_name,
        module=module,
        config=json.dumps(settings["config"]) if settings["config"] else "",
        per_slice_thresholds=([_bound([config_pb2.SlicingSpec()], threshold)] if bounded else []),
    )


def _bound(
    slices: list[config_pb2.SlicingSpec], threshold: config_pb2.MetricThreshold
) -> config_pb2.PerSliceMetricThreshold:
    return config_pb2.PerSliceMetricThreshold(slicing_specs=slices, threshold=threshold)
