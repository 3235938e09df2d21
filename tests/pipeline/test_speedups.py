"""No speed-up changes a result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_types, metric_util
from tfx_bsl.tfxio import tf_example_record

from pipeline import speedups
from pipeline.example_gen import write_examples
from pipeline.sources.layout import Layout


@pytest.fixture
def slow_and_fast(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    slow = metric_util.to_label_prediction_example_weight
    slow = getattr(slow, "slow", slow)
    return slow, speedups._pairs_of_scalars(slow)


def _inputs(label: Any, score: Any) -> metric_types.StandardMetricInputs:
    return metric_types.StandardMetricInputs(label=label, prediction=score)


@pytest.mark.parametrize("label", [[0], [1], [0.25], [1.0]])
@pytest.mark.parametrize("score", [[0.3], [0.0], [1.0]])
@pytest.mark.parametrize("fractional", [False, True])
@pytest.mark.parametrize("model_name", ["", "candidate"])
def test_a_row_gives_the_same_pairs(
    slow_and_fast: tuple[Any, Any],
    label: list[float],
    score: list[float],
    fractional: bool,
    model_name: str,
) -> None:
    prediction: Any = np.array(score, np.float32)
    if model_name:
        prediction = {"candidate": prediction, "baseline": prediction * 0}
    slow, fast = (
        list(
            pairs(
                _inputs(np.array(label), prediction),
                eval_config=tfma.EvalConfig(
                    model_specs=[
                        tfma.ModelSpec(name="candidate", label_key="late"),
                        tfma.ModelSpec(name="baseline", label_key="late", is_baseline=True),
                    ]
                ),
                model_name=model_name,
                fractional_labels=fractional,
            )
        )
        for pairs in slow_and_fast
    )
    assert len(slow) == len(fast)
    for one, other in zip(slow, fast):
        for wanted, got in zip(one, other):
            np.testing.assert_array_equal(wanted, got)
            assert np.shape(wanted) == np.shape(got)


def test_several_scores_go_the_slow_way(slow_and_fast: tuple[Any, Any]) -> None:
    inputs = _inputs(np.array([0.0, 1.0]), np.array([0.1, 0.9]))
    slow, fast = (list(pairs(inputs)) for pairs in slow_and_fast)
    assert slow == fast
    assert len(fast) == 2


def test_installing_twice_is_installing_once() -> None:
    speedups.install()
    once = metric_util.to_label_prediction_example_weight
    speedups.install()
    assert metric_util.to_label_prediction_example_weight is once


def _read(source: Any, pattern: str) -> list[pa.RecordBatch]:
    record = tf_example_record.TFExampleRecord(pattern, raw_record_column_name="raw")
    batches: list[pa.RecordBatch] = []
    with beam.Pipeline() as pipeline:
        read = pipeline | source(record)
        read | beam.Map(lambda batch: _KEPT.append(batch))
    batches, _KEPT[:] = list(_KEPT), []
    return batches


_KEPT: list[pa.RecordBatch] = []


def test_the_native_reader_reads_what_beam_reads(flights: Layout, tmp_path: Path) -> None:
    write_examples([flights.base.parent / "spans" / "201302.parquet"], tmp_path)
    pattern = str(tmp_path / "*")
    ours = _rows(_read(speedups._beam_source, pattern))
    theirs = _rows(_read(_STOCK, pattern))
    assert len(ours) == 23_611
    assert ours == theirs


_STOCK = tf_example_record.TFExampleRecord.BeamSource


def _rows(batches: list[pa.RecordBatch]) -> set[bytes]:
    return {raw[0] for batch in batches for raw in batch.column("raw").to_pylist()}
