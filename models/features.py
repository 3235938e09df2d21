"""Read and check the features file: the label and the features of a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import tomli
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class Features(BaseModel):
    """The label of a model and its features, grouped by how they are prepared.

    Args:
      label: name of the column to predict, with the values 0 and 1, true and false, or yes and no.
      positive: value of the label that counts as 1, such as "churned"; the only other value counts
        as 0. Default None, for the values above.
      negative: values of the label that count as 0, if there are several. Default none.
      numeric: names of number columns, normalized to mean 0 and standard deviation 1; a missing
        value becomes the mean. Default none.
      categorical: names of text columns; a value becomes its position in a vocabulary of the train
        split. Default none.
      buckets: number of values of whole-number columns by name, such as 24 for the hour: the values
        are 0 up to, not including, this number. Default none.
      slices: names of the columns for whose values the Evaluator measures the model separately.
        Default none.
      min_frequency: minimum number of rows with a value for the value to enter a vocabulary;
        default 20.

    Raises:
      ValueError: a column has two roles, or there are no features.

    Example:
      >>> features = Features(label="late", numeric=("distance",), buckets={"hour": 24})
      >>> features.inputs
      ('distance', 'hour')
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str
    positive: str | None = None
    negative: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    buckets: dict[str, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    slices: tuple[str, ...] = ()
    min_frequency: int = Field(20, ge=1)

    @field_validator("positive", "negative", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return tuple(cls._as_text(item) for item in value)
        if isinstance(value, bool):
            return str(value).lower()
        return str(value) if isinstance(value, int | float) else value

    @model_validator(mode="after")
    def _one_role_each(self) -> Features:
        names = [self.label, *self.inputs]
        if self.negative and self.positive is None:
            raise ValueError("negative requires positive")
        if self.positive in self.negative:
            raise ValueError(f"{self.positive} is both positive and negative")
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"columns with two roles: {', '.join(twice)}")
        if not self.inputs:
            raise ValueError("no features: name at least one numeric, categorical or bucket column")
        return self

    @property
    def inputs(self) -> tuple[str, ...]:
        """Columns that the model reads, in the order of the transformed matrix."""
        # TFX passes tables as JSON with sorted keys, so the order must not depend on the file.
        return (*self.numeric, *sorted(self.buckets), *self.categorical)


def load(path: Path) -> Features:
    """Read a features file.

    Args:
      path: TOML file with the fields of `Features`.

    Returns:
      The features.

    Raises:
      OSError: the file cannot be read.
      ValueError: it is not TOML, or a field is unknown, missing or wrong.
    """
    return Features.model_validate(tomli.loads(path.read_text(encoding="utf-8")))


def from_config(custom_config: dict[str, Any]) -> Features:
    """Return the features that a TFX component received in its `custom_config`.

    Args:
      custom_config: configuration that the pipeline passed to the component.
    """
    return Features.model_validate(custom_config["features"])


def transformed(name: str) -> str:
    """Return the name of a column after Transform.

    The name differs from the raw name, so slices still have the raw values.

    Args:
      name: raw name of the column.
    """
    return f"{name}_xf"
