"""Train the network; TFX's Trainer calls this module."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import tensorflow_transform as tft

from models import signatures
from models.features import Features, from_config
from models.training import dataset, vocabularies


def run_fn(fn_args: Any) -> None:
    """Train on the train split and export the model.

    Args:
      fn_args: TFX's arguments. `custom_config` has `features` and `train` (settings); the Tuner's
        `hyperparameters` replace these settings.
    """
    features = from_config(fn_args.custom_config)
    settings = dict(fn_args.custom_config["train"])
    if fn_args.hyperparameters:
        settings |= choices(keras_tuner.HyperParameters.from_config(fn_args.hyperparameters))
    graph = tft.TFTransformOutput(fn_args.transform_output)
    # `tensorboard --logdir` reads these logs.
    logs = keras.callbacks.TensorBoard(fn_args.model_run_dir, write_graph=False)
    network, _ = fit(fn_args.train_files, features, graph, settings, [logs])
    signatures.export(network, graph, features, fn_args.serving_model_dir)
    # Reports show the hyperparameters in this file.
    file = Path(fn_args.model_run_dir) / "hyperparameters.json"
    file.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def choices(space: Any) -> dict[str, Any]:
    """Declare the choices of the Tuner, or read the values that it chose.

    Args:
      space: hyperparameters of keras-tuner.

    Returns:
      The chosen values, by their name in the `train` settings.
    """
    return {
        "units": [space.Choice("units", [32, 64, 128], default=64)],
        "learning_rate": space.Choice("learning_rate", [1e-3, 2e-3, 5e-3], default=2e-3),
    }


def fit(
    train_files: list[str],
    features: Features,
    graph: tft.TFTransformOutput,
    settings: dict[str, Any],
    callbacks: list[keras.callbacks.Callback],
) -> tuple[keras.Model, dict[str, list[float]]]:
    """Train with early stopping on a part of the train split.

    Args:
      train_files: globs of the train split.
      features: label and features of the model.
      graph: output of the Transform component.
      settings: fields of the `train` settings.
      callbacks: further callbacks of Keras.

    Returns:
      The network with its best weights, and the learning curves by name.
    """
    keras.utils.set_random_seed(settings["seed"])
    # ExampleGen wrote the rows in random order, so every n-th row is a fair sample.
    every = round(1 / settings["validation_fraction"])
    network = build(features, graph, settings)
    network.compile(
        keras.optimizers.Adam(settings["learning_rate"]),
        loss="binary_crossentropy",
        metrics=[keras.metrics.AUC(name="auc")],
    )
    stop_early = keras.callbacks.EarlyStopping(
        "val_loss", patience=settings["patience"], restore_best_weights=True
    )
    with tempfile.TemporaryDirectory(prefix="taxiway-") as folder:
        scratch = Path(folder)
        train = dataset.read(
            train_files, features, graph, lambda row: row % every != 0, scratch / "train"
        )
        validation = dataset.read(
            train_files, features, graph, lambda row: row % every == 0, scratch / "validation"
        )
        history = network.fit(
            dataset.shuffled(train, settings["batch_size"], settings["seed"]),
            validation_data=validation,
            epochs=settings["epochs"],
            verbose=2,
            callbacks=[stop_early, *callbacks],
        )
    return network, history.history


def build(
    features: Features, graph: tft.TFTransformOutput, settings: dict[str, Any]
) -> keras.Model:
    """Build the untrained network.

    Args:
      features: label and features of the model.
      graph: output of the Transform component.
      settings: fields of the `train` settings.

    Returns:
      A model from one float32 matrix [rows, features] in the order of `Features.inputs`, with
      positions as whole numbers, to float32 probabilities [rows, 1].
    """
    matrix = keras.Input((len(features.inputs),), name="features", dtype="float32")
    # The last position of a bucket or category is that of other values.
    sizes = {name: size + 1 for name, size in features.buckets.items()} | {
        name: vocabularies.positions(graph, name) for name in features.categorical
    }
    columns = [
        keras.layers.Embedding(sizes[name], 8)(matrix[:, position])
        if name in sizes
        else matrix[:, position : position + 1]
        for position, name in enumerate(features.inputs)
    ]
    hidden = keras.layers.Concatenate()(columns) if len(columns) > 1 else columns[0]
    for units in settings["units"]:
        hidden = keras.layers.Dense(units, activation="relu")(hidden)
    return keras.Model(matrix, keras.layers.Dense(1, activation="sigmoid")(hidden))
