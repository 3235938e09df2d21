"""One analysis phase gives the result of one analyzer for every feature."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

from models import preprocessing

_COLUMNS = {
    "distance": tf.io.FixedLenFeature([], tf.int64),
    "temp": tf.io.VarLenFeature(tf.float32),
    "hour": tf.io.FixedLenFeature([], tf.int64),
    "carrier": tf.io.VarLenFeature(tf.string),
}
_CONFIG = {
    "features": {
        "label": "late",
        "numeric": ["distance", "temp"],
        "categorical": ["carrier"],
        "buckets": {"hour": 24},
        "slices": [],
        "min_frequency": 3,
    }
}


def _rows() -> list[dict[str, Any]]:
    random = np.random.default_rng(7)
    rows = [
        {
            "distance": int(random.integers(80, 5000)),
            "temp": [] if random.random() < 0.2 else [np.float32(random.normal(50, 20))],
            "hour": int(random.integers(-1, 26)),
            "carrier": [] if random.random() < 0.1 else [random.choice([b"UA", b"DL", b"B6"])],
        }
        for _ in range(500)
    ]
    rare = [dict(rows[0], carrier=[name]) for name in (b"HA", b"HA", b"OO", b"OO", b"OO")]
    return rows + rare


def _transform(fn: Callable[..., Any], folder: Path) -> tuple[list[dict[str, Any]], list[bytes]]:
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(_COLUMNS))
    with tft_beam.Context(temp_dir=tempfile.mkdtemp(dir=folder)):
        (rows, _), graph = (_rows(), metadata) | tft_beam.AnalyzeAndTransformDataset(
            lambda inputs: fn(inputs, _CONFIG)
        )
        graph | tft_beam.WriteTransformFn(str(folder / "graph"))
    return rows, tft.TFTransformOutput(str(folder / "graph")).vocabulary_by_name("carrier")


def _by_feature(inputs: dict[str, Any], custom_config: dict[str, Any]) -> dict[str, tf.Tensor]:
    """Prepare the same features with one analyzer each."""
    del custom_config

    def scaled(value: Any) -> tf.Tensor:
        scores = tft.scale_to_z_score(value)
        return preprocessing._dense(scores, tf.constant(0.0))

    temp = inputs["temp"]
    return {
        "distance_xf": scaled(tf.cast(inputs["distance"], tf.float32)),
        "temp_xf": scaled(temp),
        "carrier_xf": tft.compute_and_apply_vocabulary(
            preprocessing._dense(inputs["carrier"], tf.constant("")),
            num_oov_buckets=1,
            frequency_threshold=3,
            vocab_filename="carrier",
        ),
    }


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """Rows and vocabulary of one analysis phase, and of one analyzer for every feature."""
    return (
        _transform(preprocessing.preprocessing_fn, tmp_path_factory.mktemp("one-phase")),
        _transform(_by_feature, tmp_path_factory.mktemp("by-feature")),
    )


def test_vocabularies_are_the_same(both: tuple[Any, Any]) -> None:
    (_, one_phase), (_, by_feature) = both
    assert one_phase == by_feature
    assert b"OO" in one_phase
    assert b"HA" not in one_phase, "it occurs less than three times"


@pytest.mark.parametrize("column", ["distance_xf", "temp_xf", "carrier_xf"])
def test_columns_are_the_same(both: tuple[Any, Any], column: str) -> None:
    (one_phase, _), (by_feature, _) = both
    np.testing.assert_allclose(
        [row[column] for row in one_phase],
        [row[column] for row in by_feature],
        rtol=1e-5,
        atol=1e-6,
    )


def test_a_missing_number_is_the_mean(both: tuple[Any, Any]) -> None:
    (one_phase, _), _ = both
    missing = [not row["temp"] for row in _rows()]
    assert any(missing)
    assert all(row["temp_xf"] == 0 for row, is_missing in zip(one_phase, missing) if is_missing)


def test_an_invalid_bucket_has_a_separate_position(both: tuple[Any, Any]) -> None:
    (one_phase, _), _ = both
    for row, raw in zip(one_phase, _rows()):
        assert row["hour_xf"] == (raw["hour"] if 0 <= raw["hour"] < 24 else 24)
