"""Search for better training settings; TFX's Tuner calls this module."""

from __future__ import annotations

from typing import Any

import keras_tuner
import tensorflow_transform as tft
from tfx.components.tuner.component import TunerFnResult

from models.features import from_config

from . import trainer


class _Search(keras_tuner.RandomSearch):
    """A random search that compares trials by their lowest validation loss."""

    def run_trial(
        self, trial: Any, train_files: list[str], graph: Any, config: dict[str, Any]
    ) -> float:
        settings = config["train"] | trainer.choices(trial.hyperparameters)
        _, history = trainer.fit(train_files, from_config(config), graph, settings, [])
        return min(history["val_loss"])


def tuner_fn(fn_args: Any) -> TunerFnResult:
    """Return the search.

    Args:
      fn_args: TFX's arguments; `custom_config` has `features`, `train` and `tune` (settings).

    Returns:
      The search, and the arguments of every trial.
    """
    config = fn_args.custom_config
    space = keras_tuner.HyperParameters()
    trainer.choices(space)
    search = _Search(
        objective=keras_tuner.Objective("val_loss", "min"),
        max_trials=config["tune"]["trials"],
        hyperparameters=space,
        seed=config["train"]["seed"],
        directory=fn_args.working_dir,
        project_name="tuner",
    )
    graph = tft.TFTransformOutput(fn_args.transform_graph_path)
    return TunerFnResult(
        tuner=search,
        fit_kwargs={"train_files": fn_args.train_files, "graph": graph, "config": config},
    )
