"""The search space of the Tuner."""

from __future__ import annotations

from typing import Any

import keras_tuner


def choices(space: Any) -> dict[str, Any]:
    """Declare the choices in a search space, or read the values that were chosen.

    Args:
      space: hyperparameters of keras-tuner.

    Returns:
      The chosen values, by their name in the `train` settings.
    """
    width = space.Choice("width", [32, 64, 128, 256], default=128)
    depth = space.Int("depth", 1, 3, default=2)
    return {
        "units": [width >> layer for layer in range(depth)],
        "dropout": space.Choice("dropout", [0.1, 0.3, 0.5], default=0.5),
        "learning_rate": space.Choice("learning_rate", [5e-4, 1e-3, 2e-3, 5e-3], default=2e-3),
    }


def chosen(hyperparameters: dict[str, Any]) -> dict[str, Any]:
    """Return the values that a Tuner chose, by their name in the `train` settings.

    Args:
      hyperparameters: configuration of keras-tuner's hyperparameters.

    Raises:
      ValueError: an own tuner_fn chose other hyperparameters than those of this search space.
    """
    declared = keras_tuner.HyperParameters()
    choices(declared)
    space = keras_tuner.HyperParameters.from_config(hyperparameters)
    if space.values.keys() != declared.values.keys():
        raise ValueError(
            f"tune.tuner_fn chose {', '.join(sorted(space.values))}, but models.trainer.run_fn "
            f"reads {', '.join(sorted(declared.values))}; set train.run_fn too"
        )
    return choices(space)
