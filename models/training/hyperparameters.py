"""The search space of the Tuner."""

from __future__ import annotations

from typing import Any


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
