"""Continuing from the weights of an earlier model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from models import features as features_module
from models.features import Features
from models.training import network, warm_start
from tests.conftest import PROJECT, Run

FEATURES = features_module.load(PROJECT / "models/flights.toml")
UNITS = [128, 64]


def _built(vocabularies: dict[str, list[bytes]]) -> tf.keras.Model:
    sizes = {name: len(values) + 1 for name, values in vocabularies.items()}
    return network.build(FEATURES, sizes, UNITS, dropout=0.5)


def _vocabularies(model: Path) -> dict[str, list[bytes]]:
    return {
        name: (model / "assets" / name).read_bytes().splitlines() for name in FEATURES.categorical
    }


def test_a_value_keeps_its_weights_at_any_position_of_a_new_vocabulary(flights_run: Run) -> None:
    base = Path(flights_run.result["model_dir"])
    before = _vocabularies(base)
    now = {name: [b"new", *reversed(values)][: len(values)] for name, values in before.items()}
    same, moved = _built(before), _built(now)
    warm_start.restore(base, same, FEATURES, before)
    warm_start.restore(base, moved, FEATURES, now)

    rows = np.random.default_rng(1).normal(size=(20, len(FEATURES.inputs))).astype(np.float32)
    for position, name in enumerate(FEATURES.inputs):
        rows[:, position] = 0 if name in FEATURES.buckets else rows[:, position]
    other = rows.copy()
    for name in FEATURES.categorical:
        at, values = FEATURES.inputs.index(name), len(before[name])
        # The last value is gone; every other value has moved by one position.
        rows[:, at] = np.arange(20) % (values - 1) + 1
        other[:, at] = [now[name].index(before[name][int(row)]) for row in rows[:, at]]
        assert (rows[:, at] != other[:, at]).any()
        # A new value gets the weights of unknown values.
        rows[0, at], other[0, at] = values, 0
    np.testing.assert_array_equal(same(rows), moved(other))


def test_restored_weights_equal_the_served_weights(flights_run: Run) -> None:
    base = Path(flights_run.result["model_dir"])
    vocabularies = _vocabularies(base)
    model = _built(vocabularies)
    warm_start.restore(base, model, FEATURES, vocabularies)
    served = tf.saved_model.load(str(base)).signatures["transformed"]
    rows = np.zeros((5, len(FEATURES.inputs)), np.float32)
    np.testing.assert_allclose(
        served(tf.constant(rows))["scores"], model(rows)[:, 0], rtol=0, atol=1e-6
    )


@pytest.mark.parametrize(
    ("now", "units", "reason"),
    [
        ({"slices": ()}, UNITS, None),
        ({"numeric": ("distance",)}, UNITS, 'numeric was ["distance", "seats"] and is now ["dis'),
        ({"buckets": {"hour": 23}}, UNITS, 'buckets was {"hour": 24} and is now {"hour": 23}'),
        ({"label": "early"}, UNITS, 'label was "late" and is now "early"'),
        ({}, [32], "train.units was [128, 64] and is now [32]"),
    ],
)
def test_a_model_continues_only_with_the_same_features_and_units(
    now: dict[str, object], units: list[int], reason: str | None, tmp_path: Path
) -> None:
    features = Features(label="late", numeric=("distance", "seats"), buckets={"hour": 24})
    warm_start.write_features(tmp_path, features)
    (tmp_path / "hyperparameters.json").write_text(json.dumps({"units": UNITS}))
    differences = list(
        warm_start.differences(tmp_path, features.model_copy(update=now), {"units": units})
    )
    assert len(differences) == (reason is not None)
    assert all(difference.startswith(str(reason)) for difference in differences)


def test_a_model_without_recorded_features_is_refused(tmp_path: Path) -> None:
    differences = list(warm_start.differences(tmp_path, FEATURES, {"units": UNITS}))
    assert differences == ["its features are not recorded"]
