"""When a model is good enough: what the Evaluator measures, on which slices, for which bounds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import tensorflow_model_analysis as tfma

# The package itself has these messages too, but not in the wheel of its release for TFX 1.21.
from tensorflow_model_analysis.proto import config_pb2

from models import slices
from models.features import Features

# What takes whole batches; TFMA's own metrics want row by row.
_METRICS_MODULE = "models.tasks.binary_metrics"


def eval_config(features: Features, bounds: dict[str, Any]) -> config_pb2.EvalConfig:
    """Build TFMA's configuration.

    Args:
      features: label and slices.
      bounds: the fields of the `evaluate` settings.

    Returns:
      Metrics overall and by slice. AUC has a value and a change threshold overall; slices have
      a threshold that counts from a minimum of rows on.
    """
    overall = config_pb2.MetricThreshold(
        value_threshold=config_pb2.GenericValueThreshold(lower_bound={"value": bounds["min_auc"]}),
        change_threshold=config_pb2.GenericChangeThreshold(
            direction=config_pb2.MetricDirection.HIGHER_IS_BETTER,
            absolute={"value": -bounds["max_auc_drop"]},
        ),
    )
    by_feature = [config_pb2.SlicingSpec(feature_keys=[name]) for name in features.slices]
    # A plain `threshold` would hold for every slice, however small.
    metrics = [
        _metric("BatchAUC", [_bound([config_pb2.SlicingSpec()], overall)]),
        _metric("BatchAUCStandardError"),
        _metric("BatchExampleCount"),
        _metric("BatchCalibration"),
        _metric("BatchPrecision", threshold=bounds["decision_threshold"]),
        _metric("BatchRecall", threshold=bounds["decision_threshold"]),
    ]
    if by_feature:
        no_shortfall = config_pb2.MetricThreshold(
            value_threshold=config_pb2.GenericValueThreshold(upper_bound={"value": 0.0})
        )
        shortfall = _metric(
            "AUCShortfall",
            [_bound(by_feature, no_shortfall)],
            min_auc=bounds["min_slice_auc"],
            min_rows=bounds["min_slice_rows"],
        )
        metrics.append(shortfall)
    return config_pb2.EvalConfig(
        model_specs=[
            config_pb2.ModelSpec(
                signature_name="serving_default",
                label_key=features.label,
                # TFMA's Keras path wants a Keras file; this is a plain SavedModel.
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
    """Return TFMA's extractors, with batches divided into slices instead of rows.

    The Evaluator calls it. Rows one by one would be most of its time. They are still what it
    gets when a metric is not of `models.tasks.binary_metrics`: those may not know batches.

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
    metrics = [metric for spec in eval_config.metrics_specs for metric in spec.metrics]
    if any(metric.module != _METRICS_MODULE for metric in metrics):
        return extractors
    names = [extractor.stage_name for extractor in extractors]
    return [*extractors[: names.index("ExtractUnbatchedInputs")], slices.divide(eval_config)]


def _metric(
    class_name: str, bounds: Sequence[config_pb2.PerSliceMetricThreshold] = (), **config: Any
) -> config_pb2.MetricConfig:
    return config_pb2.MetricConfig(
        class_name=class_name,
        module=_METRICS_MODULE,
        config=json.dumps(config) if config else "",
        per_slice_thresholds=list(bounds),
    )


def _bound(
    slices: list[config_pb2.SlicingSpec], threshold: config_pb2.MetricThreshold
) -> config_pb2.PerSliceMetricThreshold:
    return config_pb2.PerSliceMetricThreshold(slicing_specs=slices, threshold=threshold)
