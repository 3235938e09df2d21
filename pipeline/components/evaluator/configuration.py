"""Build TFMA's configuration with the function that the settings name, and check it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

from google.protobuf.message import Message
from tensorflow_model_analysis.metrics import metric_specs, metric_types
from tensorflow_model_analysis.proto import config_pb2

from models.features import Features
from pipeline.errors import UsageError, in_a_line
from pipeline.settings.evaluate import EvaluateSettings

_FUNCTION = "evaluate.eval_config"


def build(features: Features, settings: EvaluateSettings) -> config_pb2.EvalConfig:
    """Call the function `evaluate.eval_config`, and check what it returns.

    Args:
      features: label and features of the model.
      settings: metrics, bounds and the import path of the function.

    Raises:
      UsageError: the function fails, or the Evaluator could not decide with what it returns.
    """
    module, _, name = settings.eval_config.rpartition(".")
    try:
        function = getattr(importlib.import_module(module), name)
        config = function(features, settings.model_dump())
    except Exception as error:  # of the user's code
        raise UsageError(
            f"{_FUNCTION}: {settings.eval_config} fails: {in_a_line(error)}.", "fix the function"
        ) from error
    problems = list(_problems(config, features, settings))
    if problems:
        raise UsageError(
            f"{_FUNCTION}: {settings.eval_config}: {'; '.join(problems)}.",
            "fix the function, or [[evaluate.metrics]]",
        )
    return config


def _problems(config: object, features: Features, settings: EvaluateSettings) -> Iterator[str]:
    if not isinstance(config, config_pb2.EvalConfig):
        yield f"expected an EvalConfig, got {type(config).__name__}"
        return
    if any(spec.label_key != features.label for spec in config.model_specs or [None]):
        yield f"every model_spec must have the label_key {features.label}"
    if not any(not spec.ByteSize() for spec in config.slicing_specs or [config_pb2.SlicingSpec()]):
        yield "slicing_specs must have an empty SlicingSpec, the one of all rows"
    metrics = [metric for spec in config.metrics_specs for metric in spec.metrics]
    paths = {f"{metric.module}.{metric.class_name}" for metric in metrics}
    for entry in settings.metrics:
        if entry.metric not in paths:
            yield f"{entry.metric} of [[evaluate.metrics]] is not in what it returns"
    if not any(map(_has_threshold, config.metrics_specs)):
        yield "no metric has a bound, so every model would be blessed"
    modules: dict[str, str] = {}
    for metric in metrics:
        yield from _metric_problems(metric, modules)


def _metric_problems(metric: config_pb2.MetricConfig, modules: dict[str, str]) -> Iterator[str]:
    path = f"{metric.module}.{metric.class_name}".removeprefix(".")
    builtin = metric_types.registered_metrics().get(metric.class_name)
    is_tfma = metric.module.partition(".")[0] in ("", "tensorflow_model_analysis")
    if builtin is not None and not is_tfma:
        # TFMA searches its own names first.
        yield (
            f"TFMA would use its own metric {metric.class_name}; give {path} another name, or set "
            f"tensorflow_model_analysis.metrics.{metric.class_name}"
        )
    elif modules.setdefault(metric.class_name, metric.module) != metric.module:
        yield f"two metrics are called {metric.class_name}; give one another name"
    else:
        try:
            metric_specs.metric_instance(metric)
        except Exception as error:  # of the user's code
            yield f"{path} cannot be created: {in_a_line(error)}"


def _has_threshold(message: Message) -> bool:
    """Return whether a message has a threshold of a value or of a change at any depth."""
    if isinstance(message, config_pb2.MetricThreshold):
        return bool(message.ByteSize())
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            children = [child for child in value.values() if isinstance(child, Message)]
        else:
            children = list(value) if field.label == field.LABEL_REPEATED else [value]
        if any(map(_has_threshold, children)):
            return True
    return False
