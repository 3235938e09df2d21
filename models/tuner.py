"""Search for better training settings; TFX's Tuner calls this module."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import keras_tuner
import tensorflow_transform as tft
from tfx.components.tuner.component import TunerFnResult

from models import trainer
from models.features import from_config
from models.training.hyperparameters import choices


class _Search(keras_tuner.RandomSearch):
    """A random search that compares candidates by their lowest validation loss."""

    def __init__(self, fn_args: Any, **kwargs: Any) -> None:
        super().__init__(hypermodel=None, **kwargs)
        self._fn_args = fn_args

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> float:
        config = self._fn_args.custom_config
        settings = config["train"] | choices(trial.hyperparameters)
        with tempfile.TemporaryDirectory(prefix="taxiway-") as scratch:
            _, history = trainer.fit(
                self._fn_args.train_files,
                from_config(config),
                tft.TFTransformOutput(self._fn_args.transform_graph_path),
                settings,
                Path(scratch),
            )
        return min(history["val_loss"])


def tuner_fn(fn_args: Any) -> TunerFnResult:
    """Return the search.

    Args:
      fn_args: TFX's arguments; `custom_config` has `features`, `train` and `tune` (settings).

    Returns:
      A random search over width, depth, dropout and learning rate, on the validation part of
      the train split; the eval split is not used.
    """
    train = fn_args.custom_config["train"]
    space = keras_tuner.HyperParameters()
    choices(space)
    search = _Search(
        fn_args,
        objective=keras_tuner.Objective("val_loss", "min"),
        max_trials=fn_args.custom_config["tune"]["trials"],
        hyperparameters=space,
        seed=train["seed"],
        directory=fn_args.working_dir,
        project_name="tuner",
    )
    return TunerFnResult(tuner=search, fit_kwargs={})
