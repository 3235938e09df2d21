"""When a model is good enough: what the Evaluator measures, on which slices, for which bounds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import apache_beam as beam
import tensorflow_model_analysis as tfma

from models.features import Features

_BATCH_ONLY = (tfma.constants.ARROW_RECORD_BATCH_KEY, tfma.constants.INPUT_KEY)


def eval_config(features: Features, bounds: dict[str, Any]) -> tfma.EvalConfig:
    """Build TFMA's configuration.

    Args:
      features: label and slices.
      bounds: the fields of the `evaluate` settings.

    Returns:
      Metrics overall and by slice. AUC has a value and a change threshold overall; slices have
      a threshold that counts from a minimum of rows on.
    """
    overall = tfma.MetricThreshold(
        value_threshold=tfma.GenericValueThreshold(lower_bound={"value": bounds["min_auc"]}),
        change_threshold=tfma.GenericChangeThreshold(
            direction=tfma.MetricDirection.HIGHER_IS_BETTER,
            absolute={"value": -bounds["max_auc_drop"]},
        ),
    )
    slices = [tfma.SlicingSpec(feature_keys=[name]) for name in features.slices]
    # A plain `threshold` would hold for every slice, however small.
    metrics = [
        _metric("AUC", [_bound([tfma.SlicingSpec()], overall)]),
        _metric("ExampleCount"),
        _metric("Calibration"),
        _metric("Precision", thresholds=bounds["decision_threshold"]),
        _metric("Recall", thresholds=bounds["decision_threshold"]),
    ]
    if slices:
        no_shortfall = tfma.MetricThreshold(
            value_threshold=tfma.GenericValueThreshold(upper_bound={"value": 0.0})
        )
        shortfall = _metric(
            "AUCShortfall",
            [_bound(slices, no_shortfall)],
            min_auc=bounds["min_slice_auc"],
            min_rows=bounds["min_slice_rows"],
        )
        shortfall.module = "models.metrics"
        metrics.append(shortfall)
    return tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(
                signature_name="serving_default",
                label_key=features.label,
                # TFMA's Keras path wants a Keras file; this is a plain SavedModel.
                model_type="tf_generic",
            )
        ],
        slicing_specs=[tfma.SlicingSpec(), *slices],
        metrics_specs=[tfma.MetricsSpec(metrics=metrics)],
        options=tfma.Options(include_default_metrics={"value": False}),
    )


def custom_extractors(
    eval_shared_model: Any, eval_config: tfma.EvalConfig, tensor_adapter_config: Any
) -> Sequence[tfma.extractors.Extractor]:
    """Return TFMA's extractors, with unused columns dropped before rows are taken apart.

    The Evaluator calls it. Rows are taken apart column by column in Python, which is most of its
    time; only the slice columns are still needed then.

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
    keep = {key for spec in eval_config.slicing_specs for key in spec.feature_keys}
    names = [extractor.stage_name for extractor in extractors]
    unbatch = names.index("ExtractUnbatchedInputs")
    prune = tfma.extractors.Extractor(
        stage_name="DropUnusedColumns", ptransform=beam.Map(_prune, keep=keep)
    )
    return [*extractors[:unbatch], prune, *extractors[unbatch:]]


def _prune(extracts: dict[str, Any], keep: set[str]) -> dict[str, Any]:
    columns = extracts[tfma.constants.FEATURES_KEY]
    kept = {name: value for name, value in columns.items() if name in keep}
    rest = {name: value for name, value in extracts.items() if name not in _BATCH_ONLY}
    return rest | {tfma.constants.FEATURES_KEY: kept}


def _metric(
    class_name: str, bounds: Sequence[tfma.PerSliceMetricThreshold] = (), **config: Any
) -> tfma.MetricConfig:
    return tfma.MetricConfig(
        class_name=class_name,
        config=json.dumps(config) if config else "",
        per_slice_thresholds=list(bounds),
    )


def _bound(
    slices: list[tfma.SlicingSpec], threshold: tfma.MetricThreshold
) -> tfma.PerSliceMetricThreshold:
    return tfma.PerSliceMetricThreshold(slicing_specs=slices, threshold=threshold)
