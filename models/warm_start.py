"""Go on from the weights of an earlier model instead of from random ones."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.features import Features

# What a run_fn leaves of what its model learned from.
FEATURES_FILE = "features.json"


def write_features(folder: Path, features: Features) -> None:
    """Write down what a model learns from, for a later one that goes on from it."""
    content = json.dumps(features.model_dump(mode="json"), indent=2)
    (folder / FEATURES_FILE).write_text(content + "\n", encoding="utf-8")


def differences(folder: Path, features: Features, settings: Mapping[str, Any]) -> Iterator[str]:
    """Say why a model cannot go on from an earlier one.

    Args:
      folder: the earlier model's run: its features and hyperparameters.
      features: what the new model learns from.
      settings: the fields of the `train` settings.

    Yields:
      A sentence for each reason.
    """
    try:
        earlier = Features.model_validate_json((folder / FEATURES_FILE).read_bytes())
        hyperparameters = json.loads((folder / "hyperparameters.json").read_bytes())
    except (OSError, ValueError):
        yield "it does not say what it learned from"
        return
    for role in ("label", "numeric", "categorical", "buckets"):
        before, now = getattr(earlier, role), getattr(features, role)
        if before != now:
            yield f"its {role} is {_words(before)}, now {_words(now)}"
    if list(hyperparameters["units"]) != list(settings["units"]):
        yield f"its train.units is {hyperparameters['units']}, now {list(settings['units'])}"


def _words(value: Any) -> str:
    return json.dumps(value)


def restore(
    folder: Path, network: Any, features: Features, vocabularies: Mapping[str, Sequence[bytes]]
) -> None:
    """Give a network the weights of an earlier model.

    An embedding's rows follow their values: the earlier vocabulary has them in another order, and a
    value that is new begins where unknown values were.

    Args:
      folder: the earlier model's SavedModel.
      network: the new model, untrained, of the same features and units.
      features: what both learn from.
      vocabularies: the new model's, in the order of positions, by feature.
    """
    import tensorflow as tf

    checkpoint = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
    rows = {
        str(position): _rows(_lines(folder / "assets" / name), vocabularies[name])
        for position, name in enumerate(features.inputs)
        if name in features.categorical
    }
    for index, variable in enumerate(network.variables):
        if not variable.trainable:  # the state of Dropout's random numbers
            continue
        value = checkpoint.get_tensor(f"weights/{index}/.ATTRIBUTES/VARIABLE_VALUE")
        layer, _, position = variable.path.split("/")[0].partition("_")
        if layer in ("deep", "wide") and position in rows:
            value = value[rows[position]]
        variable.assign(value)


def _lines(file: Path) -> list[bytes]:
    return file.read_bytes().splitlines()


def _rows(earlier: Sequence[bytes], now: Sequence[bytes]) -> npt.NDArray[np.int64]:
    """Return the earlier position of each present one; the last is that of unknown values."""
    unknown = len(earlier)
    at = {value: position for position, value in enumerate(earlier)}
    return np.array([*(at.get(value, unknown) for value in now), unknown])
