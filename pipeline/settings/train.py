"""The sections `[transform]`, `[train]` and `[tune]` of a settings file."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.settings.base import DottedPath, Frozen


class TransformSettings(Frozen):
    """How raw columns become the numbers that the model reads."""

    preprocessing_fn: DottedPath = Field(
        "models.preprocessing.preprocessing_fn",
        description="the import path of TFX's preprocessing_fn",
    )


class TrainSettings(Frozen):
    """How the model is fitted."""

    run_fn: DottedPath = Field(
        "models.trainer.run_fn", description="the import path of TFX's run_fn"
    )
    units: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (128, 64), description="the width of each hidden layer"
    )
    dropout: float = Field(
        0.5, ge=0.0, lt=1.0, description="the fraction of each hidden layer that a step leaves out"
    )
    learning_rate: float = Field(0.002, gt=0, description="the learning rate of Adam")
    batch_size: int = Field(512, ge=1, description="the number of rows in a step")
    epochs: int = Field(
        6, ge=1, description="the maximum number of epochs; early stopping usually ends sooner"
    )
    patience: int = Field(
        2, ge=1, description="the number of epochs to wait for a better validation loss"
    )
    validation_fraction: float = Field(
        0.1,
        ge=0.01,
        le=0.5,
        description="the fraction of the train split that early stopping evaluates on",
    )
    seed: int = Field(1, description="the seed of weights and order; equal seeds give equal models")


class TuneSettings(Frozen):
    """The search for better training settings (`--tune`)."""

    tuner_fn: DottedPath = Field(
        "models.tuner.tuner_fn",
        description="the import path of TFX's tuner_fn; an own run_fn requires an own tuner_fn",
    )
    trials: int = Field(8, ge=1, description="the number of sets of hyperparameters to try")
