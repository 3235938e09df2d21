"""What is learned from what: the features file, read and checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import tomli
from pydantic import BaseModel, ConfigDict, Field, model_validator


class Features(BaseModel):
    """Name the columns a model learns from, by how they are prepared.

    Args:
      label: column to predict, 0 or 1.
      numeric: numbers, normalised to mean 0 and deviation 1; missing becomes the mean.
      categorical: text, turned into the position in a vocabulary learned from the train split.
      buckets: whole numbers from 0 up to (not including) the given count: hours, weekdays.
      slices: columns by whose values the Evaluator judges the model separately.
      min_frequency: rows in which a value must stand to enter a vocabulary.

    Raises:
      ValueError: a column stands in two roles, or there is nothing to learn from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    buckets: dict[str, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    slices: tuple[str, ...] = ()
    min_frequency: int = Field(20, ge=1)

    @model_validator(mode="after")
    def _one_role_each(self) -> Features:
        names = [self.label, *self.inputs]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"columns with two roles: {', '.join(twice)}")
        if not self.inputs:
            raise ValueError("no features: name at least one numeric, categorical or bucket column")
        return self

    @property
    def inputs(self) -> tuple[str, ...]:
        """Columns the model reads, in the order of the transformed matrix."""
        # TFX hands tables on as JSON with sorted keys; the order must not depend on the way.
        return (*self.numeric, *sorted(self.buckets), *self.categorical)


def load(path: Path) -> Features:
    """Read a features file.

    Args:
      path: a TOML file with the fields of `Features`.

    Returns:
      The features.

    Raises:
      OSError: the file cannot be read.
      ValueError: it is not TOML, or a field is unknown, missing or wrong.
    """
    return Features.model_validate(tomli.loads(path.read_text(encoding="utf-8")))


def from_config(custom_config: dict[str, Any]) -> Features:
    """Return the features that a TFX component received in its `custom_config`."""
    return Features.model_validate(custom_config["features"])


def transformed(name: str) -> str:
    """Return a column's name after Transform, distinct so that slices still see raw values."""
    return f"{name}_xf"
