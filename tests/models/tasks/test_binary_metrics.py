"""Metrics of batches and slices equal those that TFMA computes row by row."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import apache_beam as beam
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.extractors import slice_key_extractor, unbatch_extractor
from tensorflow_model_analysis.proto import config_pb2

from models import evaluation, features, slices
from models.tasks import binary_metrics
from pipeline.sources.layout import Layout

_TFMA_METRICS = {
    "AUC": {},
    "Calibration": {},
    "ExampleCount": {},
    "Precision": {"thresholds": 0.4},
    "Recall": {"thresholds": 0.4},
}
_BATCH_METRICS = {
    "BatchAUC": {},
    "BatchCalibration": {},
    "BatchExampleCount": {},
    "BatchPrecision": {"threshold": 0.4},
    "BatchRecall": {"threshold": 0.4},
}


@pytest.fixture(scope="module")
def scored(flights: Layout) -> pd.DataFrame:
    """3,000 real flights, scored by a simple rule: flights late in the day arrive late."""
    [file] = sorted((flights.base / str(flights.span) / "eval").glob("*.parquet"))
    rows = pq.read_table(file).to_pandas().sample(3000, random_state=1)
    scores = 1 / (1 + np.exp(3 - rows["hour"] / 6 - rows["distance"] / 9000))
    return rows.assign(prediction=scores.astype(np.float32))


def _config(
    classes: dict[str, dict[str, Any]], module: str, slicing: list[config_pb2.SlicingSpec]
) -> config_pb2.EvalConfig:
    return config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec(label_key="late", prediction_key="prediction")],
        slicing_specs=slicing,
        metrics_specs=[
            config_pb2.MetricsSpec(
                metrics=[
                    config_pb2.MetricConfig(
                        class_name=name, module=module, config=json.dumps(arguments)
                    )
                    for name, arguments in classes.items()
                ]
            )
        ],
        options=config_pb2.Options(include_default_metrics={"value": False}),
    )


_SLICING = [
    config_pb2.SlicingSpec(),
    config_pb2.SlicingSpec(feature_keys=["origin"]),
    config_pb2.SlicingSpec(feature_keys=["carrier", "origin"]),
]


@pytest.mark.slow
def test_values_equal_those_of_tfma(scored: pd.DataFrame) -> None:
    rows = scored[["late", "prediction", "origin", "carrier"]]
    expected, actual = (
        tfma.analyze_raw_data(rows, config).get_metrics_for_all_slices()
        for config in (
            _config(_TFMA_METRICS, "", _SLICING),
            _config(_BATCH_METRICS, "models.tasks.binary_metrics", _SLICING),
        )
    )
    assert len(expected) > 20
    assert set(actual) == set(expected)
    for key, values in expected.items():
        for name in values:
            batch_value, row_value = (
                float(metrics[key][name]["doubleValue"]) for metrics in (actual, expected)
            )
            if name == "auc" and math.isnan(batch_value) and row_value == 0:
                row_value = math.nan  # TFMA reports 0 if all labels are equal
            assert batch_value == pytest.approx(row_value, abs=1e-4, nan_ok=True), (key, name)


def test_the_standard_error_is_that_of_delong(scored: pd.DataFrame) -> None:
    config = _config(
        {"BatchAUCStandardError": {}}, "models.tasks.binary_metrics", [config_pb2.SlicingSpec()]
    )
    metrics = tfma.analyze_raw_data(scored[["late", "prediction"]], config).get_metrics_for_slice()
    scores, late = scored["prediction"].to_numpy(), scored["late"].to_numpy() == 1
    # Every positive with every negative: 1 if it is ranked above, 0.5 for a tie.
    above = np.sign(scores[late][:, np.newaxis] - scores[~late]) / 2 + 0.5
    variances = [above.mean(axis=axis).var(ddof=1) / above.shape[1 - axis] for axis in (0, 1)]
    assert float(metrics["auc_standard_error"]["doubleValue"]) == pytest.approx(
        math.sqrt(sum(variances)), rel=1e-2
    )


def _extracts(scored: pd.DataFrame, sizes: list[int]) -> list[dict[str, Any]]:
    starts = np.cumsum([0, *sizes])
    parts = [scored.iloc[start:end] for start, end in itertools.pairwise(starts)]
    return [
        {
            tfma.FEATURES_KEY: {
                "origin": part["origin"].to_numpy().astype("S")[:, np.newaxis],
                "hour": part["hour"].to_numpy()[:, np.newaxis],
            },
            tfma.LABELS_KEY: part["late"].to_numpy(),
            tfma.PREDICTIONS_KEY: {
                "candidate": part["prediction"].to_numpy()[:, np.newaxis],
                "baseline": part["prediction"].to_numpy()[:, np.newaxis] ** 2,
            },
        }
        for part in parts
    ]


def _evaluate(
    extracts: list[dict[str, Any]], config: config_pb2.EvalConfig, extractors: list[Any]
) -> dict[Any, Any]:
    _OUTPUTS.append([])
    with beam.Pipeline() as pipeline:
        outputs = (
            pipeline
            | beam.Create(extracts, reshuffle=False)
            | tfma.ExtractAndEvaluate(
                extractors=extractors,
                evaluators=[tfma.evaluators.MetricsPlotsAndValidationsEvaluator(config)],
            )
        )
        outputs[tfma.METRICS_KEY] | beam.Map(lambda metrics: _OUTPUTS[-1].append(metrics))
    return dict(_OUTPUTS.pop())


_OUTPUTS: list[list[Any]] = []


@pytest.mark.slow
def test_batches_by_slice_have_the_metrics_of_rows(scored: pd.DataFrame) -> None:
    config = evaluation.eval_config(
        features.Features(label="late", numeric=["distance"], slices=["origin", "hour"]),
        {
            "min_auc": 0.5,
            "max_auc_drop": 0.01,
            "min_slice_auc": 0.55,
            "min_slice_rows": 100,
            "decision_threshold": 0.4,
            "metrics": [],
        },
    )
    config.model_specs[0].name = "candidate"
    config.model_specs.add().CopyFrom(config.model_specs[0])
    config.model_specs[1].name, config.model_specs[1].is_baseline = "baseline", True
    config.metrics_specs[0].model_names.extend(["candidate", "baseline"])
    by_row = _evaluate(
        _extracts(scored, [1000, 1, 1999]),
        config,
        [
            unbatch_extractor.UnbatchExtractor(),
            slice_key_extractor.SliceKeyExtractor(eval_config=config),
        ],
    )
    by_slice = _evaluate(_extracts(scored, [1000, 1, 1999]), config, [slices.divide(config)])
    assert len(by_row) > 15
    assert set(by_slice) == set(by_row)
    for key, values in by_row.items():
        assert set(by_slice[key]) == set(values)
        for metric, value in values.items():
            np.testing.assert_allclose(
                by_slice[key][metric], value, rtol=1e-12, err_msg=metric.name
            )


def test_other_metrics_get_rows(scored: pd.DataFrame) -> None:
    standard = _config(_TFMA_METRICS, "", [config_pb2.SlicingSpec()])
    batches = _config(_BATCH_METRICS, "models.tasks.binary_metrics", [config_pb2.SlicingSpec()])
    names = [
        [extractor.stage_name for extractor in evaluation.custom_extractors(None, config, None)]
        for config in (standard, batches)
    ]
    assert "ExtractUnbatchedInputs" in names[0]
    assert "ExtractUnbatchedInputs" not in names[1]


def _histogram(labels: list[int], scores: list[float]) -> binary_metrics.Histogram:
    histogram = np.zeros((3, binary_metrics._BINS))
    bins = (np.array(scores) * binary_metrics._BINS).astype(int)
    np.add.at(histogram, (labels, bins), 1)
    np.add.at(histogram[2], bins, scores)
    return histogram


def test_a_slice_has_a_shortfall_only_with_enough_rows() -> None:
    histogram = _histogram([0, 1, 0, 1], [0.6, 0.2, 0.1, 0.7])  # AUC .75
    assert binary_metrics._auc_shortfall(histogram, min_auc=0.8, min_rows=4) == pytest.approx(0.05)
    assert binary_metrics._auc_shortfall(histogram, min_auc=0.8, min_rows=5) == 0
    assert binary_metrics._auc_shortfall(histogram, min_auc=0.7, min_rows=4) == 0


def test_a_slice_with_one_label_has_no_auc_and_no_shortfall() -> None:
    histogram = _histogram([1, 1], [0.6, 0.2])
    assert math.isnan(binary_metrics._auc(histogram))
    assert binary_metrics._auc_shortfall(histogram, min_auc=0.8, min_rows=1) == 0


def test_curves_follow_from_the_scores() -> None:
    random = np.random.default_rng(1)
    scores = random.uniform(size=5000)
    labels = (random.uniform(size=5000) < scores).astype(np.int64)
    curves = binary_metrics.curves(labels, scores)
    roc = np.array(curves["roc"])
    assert roc[0].tolist() == [0, 0] and roc[-1].tolist() == [1, 1]
    assert (np.diff(roc, axis=0) >= 0).all()
    area = float((np.diff(roc[:, 0]) * (roc[1:, 1] + roc[:-1, 1]) / 2).sum())
    assert area == pytest.approx(binary_metrics.measure(labels, scores)["auc"], abs=1e-3)
    calibration = np.array(curves["calibration"])
    assert calibration.shape == (10, 3) and calibration[:, 2].sum() == 5000
    assert np.abs(calibration[:, 0] - calibration[:, 1]).max() < 0.06


@pytest.mark.parametrize("label", [0, 1])
def test_rows_of_one_label_have_no_roc(label: int) -> None:
    curves = binary_metrics.curves(np.full(50, label), np.linspace(0, 1, 50))
    assert curves["roc"] == []
    assert [share for _, share, _ in curves["calibration"]] == [label] * 10
