"""Convert raw columns to numbers; TFX's Transform calls this module."""

from __future__ import annotations

from typing import Any

from models import preprocessing


def preprocessing_fn(inputs: dict[str, Any], custom_config: dict[str, Any]) -> dict[str, Any]:
    """Prepare every column of the features file as Taxiway does.

    Change or add columns here. The trainer of this package reads one column for every feature, with
    the name that `models.features.transformed` returns.

    Args:
      inputs: raw columns by name: dense [rows], or sparse if the schema allows missing values.
      custom_config: configuration of the component, with the features file under `features`.

    Returns:
      Tensors of shape [rows] by transformed name.
    """
    return preprocessing.preprocessing_fn(inputs, custom_config)
