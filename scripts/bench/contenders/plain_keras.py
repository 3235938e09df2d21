"""Contender: a plain pandas and Keras script that does the same work without TFX."""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ["TF_USE_LEGACY_KERAS"] = "0"

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from models import features as features_module
from models.training import network
from pipeline.settings.train import TrainSettings
from scripts.bench.measure import Recorder


def main(data: Path, scratch: Path) -> None:
    """Train, evaluate overall and by slice, and export a SavedModel.

    Args:
      data: folder of the rows.
      scratch: folder for the model and the measurements.
    """
    recorder = Recorder()
    settings = TrainSettings()
    features = features_module.load(Path("models/flights.toml"))
    with recorder.part("read"):
        train = pd.read_parquet(data / "parquet" / "1.parquet")
        test = pd.read_parquet(data / "parquet" / "2.parquet")
    with recorder.part("prepare"):
        numbers = list(features.numeric)
        mean, deviation = train[numbers].mean(), train[numbers].std(ddof=0)
        vocabularies = {
            name: [
                value
                for value, count in train[name].value_counts().items()
                if count >= features.min_frequency
            ]
            for name in features.categorical
        }

        def matrix(rows: pd.DataFrame) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
            columns = ((rows[numbers] - mean) / deviation).fillna(0)
            for name, size in features.buckets.items():
                columns[name] = rows[name].where(rows[name].between(0, size - 1), size)
            for name, values in vocabularies.items():
                codes = pd.Categorical(rows[name], categories=values).codes
                columns[name] = np.where(codes < 0, len(values), codes)
            return columns[list(features.inputs)].to_numpy(np.float32)

        x, y = matrix(train), train[features.label].to_numpy(np.float32)
        x_test, y_test = matrix(test), test[features.label].to_numpy()
        order = np.random.default_rng(settings.seed).permutation(len(x))
        held_out = round(len(x) * settings.validation_fraction)
        validation, fitted = order[:held_out], order[held_out:]
    with recorder.part("train"):
        keras.utils.set_random_seed(settings.seed)
        model = network.build(
            features,
            {name: len(values) + 1 for name, values in vocabularies.items()},
            settings.units,
            settings.dropout,
        )
        model.compile(keras.optimizers.Adam(settings.learning_rate), "binary_crossentropy")
        model.fit(
            x[fitted],
            y[fitted],
            settings.batch_size,
            settings.epochs,
            verbose=2,
            validation_data=(x[validation], y[validation]),
            callbacks=[
                keras.callbacks.EarlyStopping(patience=settings.patience, restore_best_weights=True)
            ],
        )
        model.export(str(scratch / "model"))
    with recorder.part("evaluate"):
        served = tf.saved_model.load(str(scratch / "model"))
        scores = served.serve(tf.constant(x_test)).numpy()[:, 0]
        auc = _auc(y_test, scores)
        for name in features.slices:
            for value, rows in test.groupby(name).indices.items():
                print(name, value, len(rows), _auc(y_test[rows], scores[rows]))
    recorder.save(scratch / "measured.json", auc)


def _auc(
    labels: np.ndarray[tuple[int], np.dtype[np.int64]],
    scores: np.ndarray[tuple[int], np.dtype[np.float32]],
) -> float:
    ranks = pd.Series(scores).rank().to_numpy()
    positives = int(labels.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return float("nan")
    above = ranks[labels == 1].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
