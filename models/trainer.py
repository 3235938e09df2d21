"""Train the network; TFX's Trainer calls this module."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft

from models import signatures
from models.features import Features, from_config, transformed
from models.training import dataset, network, vocabularies, warm_start
from models.training.hyperparameters import chosen


def run_fn(fn_args: Any) -> None:
    """Train on the train split and export the model.

    Args:
      fn_args: TFX's arguments. `custom_config` has `features` and `train` (settings);
        `hyperparameters` (from the Tuner) replace these settings; training continues from
        `base_model` if there is one.
    """
    features = from_config(fn_args.custom_config)
    settings = dict(fn_args.custom_config["train"])
    if fn_args.hyperparameters:
        settings |= chosen(fn_args.hyperparameters)
    graph = tft.TFTransformOutput(fn_args.transform_output)
    _check_columns(features, graph)
    base = Path(fn_args.base_model) if fn_args.base_model else None
    with tempfile.TemporaryDirectory(prefix="taxiway-") as scratch:
        model, history = fit(
            fn_args.train_files, features, graph, settings, Path(scratch), base,
            # `tensorboard --logdir` reads these logs.
            [keras.callbacks.TensorBoard(fn_args.model_run_dir, write_graph=False)],
        )  # fmt: skip
    signatures.export(model, graph, features, fn_args.serving_model_dir)
    run = Path(fn_args.model_run_dir)
    _write_curves(history, run / "learning_curves.csv")
    warm_start.write_features(run, features)
    # The values that were used: those of the Tuner if it ran, otherwise the settings.
    (run / "hyperparameters.json").write_text(json.dumps(settings, indent=2) + "\n", "utf-8")


def fit(
    train_files: list[str],
    features: Features,
    graph: tft.TFTransformOutput,
    settings: dict[str, Any],
    scratch: Path,
    base: Path | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> tuple[keras.Model, dict[str, list[float]]]:
    """Train with early stopping on a part of the train split.

    Args:
      train_files: globs of the train split.
      features: label and features of the model.
      graph: output of the Transform component.
      settings: fields of the `train` settings.
      scratch: folder for the blocks that are cached between epochs.
      base: SavedModel with the initial weights, of the same features and units; default None for
        random weights.
      callbacks: further callbacks of Keras; default none.

    Returns:
      The network with its best weights, and the learning curves by name, one value for every
      epoch.
    """
    keras.utils.set_random_seed(settings["seed"])
    every = round(1 / settings["validation_fraction"])
    # ExampleGen wrote the rows in random order, so every n-th row is a fair sample.
    train = dataset.read(
        train_files, features, graph, lambda row: row % every != 0, scratch / "train"
    )
    validation = dataset.read(
        train_files, features, graph, lambda row: row % every == 0, scratch / "validation"
    )
    model = network.build(
        features,
        {name: vocabularies.positions(graph, name) for name in features.categorical},
        settings["units"],
        settings["dropout"],
    )
    if base is not None:
        assets = Path(graph.transform_savedmodel_dir) / "assets"
        now = {name: vocabularies.read(assets, name) for name in features.categorical}
        warm_start.restore(base, model, features, now)
    model.compile(
        keras.optimizers.Adam(settings["learning_rate"]),
        loss="binary_crossentropy",
        # For a small model, a call of the compiled step costs more than the step itself.
        steps_per_execution=20,
        metrics=[keras.metrics.AUC(name="auc")],
    )
    history = model.fit(
        dataset.shuffled(train, settings["batch_size"], settings["seed"]),
        validation_data=validation,
        epochs=settings["epochs"],
        verbose=2,
        callbacks=[
            keras.callbacks.EarlyStopping(
                "val_loss", patience=settings["patience"], restore_best_weights=True
            ),
            *callbacks,
        ],
    )
    return model, history.history


def _check_columns(features: Features, graph: tft.TFTransformOutput) -> None:
    """Raise ValueError if an own preprocessing_fn does not return what the network reads."""
    returned = graph.transformed_feature_spec().keys()
    expected = map(transformed, (features.label, *features.inputs))
    missing = [name for name in expected if name not in returned]
    if missing:
        raise ValueError(
            f"transform.preprocessing_fn returns no {', '.join(missing)}, which "
            "models.trainer.run_fn reads; return it, or set train.run_fn"
        )


def _write_curves(history: dict[str, list[float]], file: Path) -> None:
    tf.io.gfile.makedirs(str(file.parent))
    with tf.io.gfile.GFile(str(file), "w") as out:
        writer = csv.writer(out)
        writer.writerow(["epoch", *history])
        writer.writerows([epoch, *row] for epoch, row in enumerate(zip(*history.values()), 1))
