"""The function that returns TFMA's configuration is called and checked before a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.features import Features
from pipeline.components.evaluator import configuration
from pipeline.errors import UsageError
from pipeline.settings.evaluate import EvaluateSettings, MetricSettings

_FEATURES = Features(label="late", numeric=("distance",), slices=("carrier",))
_MSE = "tensorflow_model_analysis.metrics.MeanSquaredError"

_CODE = """
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2
from models import evaluation


class AUC(tfma.metrics.Metric): ...


class Cost:
    def __init__(self, miss): ...


def crossed(features, evaluate):
    config = evaluation.eval_config(features, evaluate)
    config.slicing_specs.add(feature_keys=["carrier", "hour"])
    return config


def dictionary(features, evaluate):
    return {}


def without_bounds(features, evaluate):
    return config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec(label_key="late")],
        metrics_specs=[config_pb2.MetricsSpec(
            metrics=[config_pb2.MetricConfig(class_name="ExampleCount")]
        )],
    )


def other_label(features, evaluate):
    config = evaluation.eval_config(features, evaluate)
    config.model_specs[0].label_key = "tip"
    return config


def slices_only(features, evaluate):
    config = evaluation.eval_config(features, evaluate)
    del config.slicing_specs[0]
    return config


def fails(features, evaluate):
    return evaluate["nothing"]
"""


@pytest.fixture(autouse=True)
def _code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rides_evaluation.py").write_text(_CODE)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        ("dictionary", "expected an EvalConfig, got dict"),
        ("without_bounds", "no metric has a bound, so every model would be blessed"),
        ("other_label", "every model_spec must have the label_key late"),
        ("slices_only", "slicing_specs must have an empty SlicingSpec, the one of all rows"),
        ("fails", "rides_evaluation.fails fails: KeyError: 'nothing'"),
    ],
)
def test_a_configuration_that_cannot_decide_is_refused(function: str, problem: str) -> None:
    settings = EvaluateSettings(eval_config=f"rides_evaluation.{function}")
    with pytest.raises(UsageError) as refused:
        configuration.build(_FEATURES, settings)
    assert refused.value.what.startswith("evaluate.eval_config: ")
    assert problem in refused.value.what


@pytest.mark.parametrize(
    ("metric", "problem"),
    [
        ({"metric": "rides_evaluation.AUC"}, "TFMA would use its own metric AUC"),
        (
            {"metric": "rides_evaluation.Cost"},
            "rides_evaluation.Cost cannot be created: ",
        ),
    ],
)
def test_a_metric_that_tfma_cannot_create_is_refused(
    metric: dict[str, object], problem: str
) -> None:
    settings = EvaluateSettings(metrics=(MetricSettings.model_validate(metric),))
    with pytest.raises(UsageError) as refused:
        configuration.build(_FEATURES, settings)
    assert problem in refused.value.what


def test_a_metric_that_an_own_function_leaves_out_is_named() -> None:
    settings = EvaluateSettings(
        metrics=(MetricSettings(metric=_MSE, max=0.2),),
        eval_config="rides_evaluation.without_bounds",
    )
    with pytest.raises(UsageError) as refused:
        configuration.build(_FEATURES, settings)
    assert f"{_MSE} of [[evaluate.metrics]] is not in what it returns" in refused.value.what


def test_bounds_of_further_metrics_become_thresholds() -> None:
    metrics = (
        MetricSettings(metric=_MSE, max=0.2, max_rise=0.01),
        MetricSettings(metric="tensorflow_model_analysis.metrics.MeanLabel"),
        MetricSettings(
            metric="tensorflow_model_analysis.metrics.MeanPrediction", min=0.1, max_drop=0.1
        ),
    )
    settings = EvaluateSettings(metrics=metrics, eval_config="rides_evaluation.crossed")
    config = configuration.build(_FEATURES, settings)
    assert [list(spec.feature_keys) for spec in config.slicing_specs] == [
        [], ["carrier"], ["carrier", "hour"],
    ]  # fmt: skip
    mse, label, prediction = config.metrics_specs[0].metrics[-3:]
    [bound] = mse.per_slice_thresholds
    assert not bound.slicing_specs[0].ByteSize()
    assert bound.threshold.value_threshold.upper_bound.value == 0.2
    assert not bound.threshold.value_threshold.HasField("lower_bound")
    assert bound.threshold.change_threshold.absolute.value == 0.01
    assert not label.per_slice_thresholds
    [bound] = prediction.per_slice_thresholds
    assert bound.threshold.value_threshold.lower_bound.value == 0.1
    assert bound.threshold.change_threshold.absolute.value == -0.1
