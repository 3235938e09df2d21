"""Continue from the weights of an earlier model instead of random weights."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.features import Features
from models.training import vocabularies

# File in which a run_fn records the features of its model.
FEATURES_FILE = "features.json"


def write_features(folder: Path, features: Features) -> None:
    """Record the features of a model, for a later model that continues from it.

    Args:
      folder: folder of the model's run.
      features: label and features of the model.
    """
    content = json.dumps(features.model_dump(mode="json"), indent=2)
    (folder / FEATURES_FILE).write_text(content + "\n", encoding="utf-8")


def differences(folder: Path, features: Features, settings: Mapping[str, Any]) -> Iterator[str]:
    """List why a model cannot continue from an earlier model.

    Args:
      folder: folder of the earlier model's run, with its features and hyperparameters.
      features: label and features of the new model.
      settings: fields of the `train` settings.

    Yields:
      One clause for every reason.
    """
    try:
        earlier = Features.model_validate_json((folder / FEATURES_FILE).read_bytes())
        hyperparameters = json.loads((folder / "hyperparameters.json").read_bytes())
    except (OSError, ValueError):
        yield "its features are not recorded"
        return
    for role in ("label", "numeric", "categorical", "buckets"):
        before, now = getattr(earlier, role), getattr(features, role)
        if before != now:
            yield f"{role} was {json.dumps(before)} and is now {json.dumps(now)}"
    before, now = list(hyperparameters["units"]), list(settings["units"])
    if before != now:
        yield f"train.units was {before} and is now {now}"


def restore(
    folder: Path, network: Any, features: Features, now: Mapping[str, Sequence[bytes]]
) -> None:
    """Set the weights of a network to those of an earlier model.

    The earlier vocabulary may have another order, so the rows of an embedding are reordered by
    value. A new value gets the weights of unknown values.

    Args:
      folder: SavedModel of the earlier model.
      network: new model, untrained, of the same features and units.
      features: label and features of both models.
      now: vocabularies of the new model, in the order of positions, by feature.
    """
    import tensorflow as tf

    checkpoint = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
    rows = {
        str(position): _rows(vocabularies.read(folder / "assets", name), now[name])
        for position, name in enumerate(features.inputs)
        if name in features.categorical
    }
    for index, variable in enumerate(network.variables):
        if not variable.trainable:  # random state of Dropout
            continue
        value = checkpoint.get_tensor(f"weights/{index}/.ATTRIBUTES/VARIABLE_VALUE")
        layer, _, position = variable.path.split("/")[0].partition("_")
        if layer in ("deep", "wide") and position in rows:
            value = value[rows[position]]
        variable.assign(value)


def _rows(earlier: Sequence[bytes], now: Sequence[bytes]) -> npt.NDArray[np.int64]:
    """Return the earlier position of every value; the last position is that of unknown values."""
    unknown = len(earlier)
    positions = {value: position for position, value in enumerate(earlier)}
    return np.array([*(positions.get(value, unknown) for value in now), unknown])
